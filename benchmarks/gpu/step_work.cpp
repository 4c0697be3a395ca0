// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/step_work.h"

#include <array>

#include "engine/dry_backend.h"

namespace peclr::bench {
namespace {

constexpr std::array<const char*, kParts> kNames{
    "convolutions",
    "convolutions, gradients of x",
    "convolutions, gradients of w",
    "norm (+ add) + ReLU (+ max pool)",
    "norm (+ add) + ReLU (+ max pool), backward",
    "mean pooling",
    "projection, inversion, NT-Xent",
    "optimizer, LARS",
};

constexpr std::int64_t kPictureChannels = 8;  // as cuDNN's backend has them in bf16

template <class... Tensors>
double bytes(const Tensors&... tensors) {
  return (0. + ... + (tensors.defined() ? static_cast<double>(tensors.bytes()) : 0.));
}
double count(const Tensor& t) { return static_cast<double>(t.count()); }

class CountingDevice final : public DryBackend {
 public:
  explicit CountingDevice(DType compute) : DryBackend(kPictureChannels, compute) {}
  const std::vector<StepJob>& jobs() const { return jobs_; }

  void zero(const Tensor& t) override { add_job(Part::optimizer, {bytes(t)}); }

  void conv_forward(const ConvSpec&, const Tensor& x, const Tensor& w, const Tensor& y) override {
    add_job(Part::convolution, product_work(x, w, y));
  }
  void conv_backward_data(const ConvSpec&, const Tensor& dy, const Tensor& w,
                          const Tensor& dx) override {
    add_job(Part::convolution_data, product_work(dx, w, dy));
  }
  void conv_backward_weights(const ConvSpec&, const Tensor& x, const Tensor& dy, const Tensor& dw,
                             Write) override {
    add_job(Part::convolution_weights, product_work(x, dw, dy));
  }

  // Statistics need all of x before any of y is known: two passes over x, both ways.
  void norm_train(const NormSpec&, const NormInput& in, const NormInput& residual, const Tensor& y,
                  const Tensor& signs) override {
    const double beside = bytes(residual.x) * (residual.normalised() ? 2 : 1);
    add_job(Part::norm, {bytes(in.x, in.x, y, signs) + beside});
  }
  Tensor norm_signs(const Tensor& y) override {
    return Tensor(*this, {static_cast<std::int64_t>(y.bytes()) / 16}, DType::u8);
  }
  void norm_backward(const NormSpec&, const NormBackward& b) override {
    // The first pass reads what arrived and what says where ReLU was at work (without a residual
    // x does); a sum of two, or a residual's gradient, is written, to be read by the second. A
    // residual's norm reads its x in both, and writes its gradient in the second.
    double all = bytes(b.dy, b.more, b.in.x, b.signs) + bytes(b.dy, b.in.x, b.dx);
    if (b.signs.defined() || b.more.defined()) all += bytes(b.dy);
    if (b.residual.normalised()) all += bytes(b.residual.x, b.residual.x, b.dy);
    add_job(Part::norm_backward, {all});
  }

  // Of each window the winner's place and x are written, by which the gradient's first pass knows
  // all that it reaches; that leaves the sum of two for the second, which writes dx.
  void norm_max_pool_train(const NormSpec&, const NormInput& in, const Tensor& y,
                           const PoolWinners& won) override {
    add_job(Part::norm, {bytes(in.x, in.x, y, won.where, won.x)});
  }
  void norm_max_pool_backward(const NormSpec&, const PoolWinners& won,
                              const NormBackward& b) override {
    double all = bytes(b.dy, b.more, won.x) + bytes(b.dy, won.where, b.in.x, b.dx);
    if (b.more.defined()) all += bytes(b.dy);
    add_job(Part::norm_backward, {all});
  }

  void mean_pool(const Tensor& x, const Tensor& y) override {
    add_job(Part::mean_pool, {bytes(x, y)});
  }
  void mean_pool_backward(const Tensor& dy, const Tensor& dx) override {
    add_job(Part::mean_pool, {bytes(dy, dx)});
  }

  void linear_forward(const Tensor& x, const Tensor& w, const Tensor&, const Tensor& y) override {
    linear(x, w, y);
  }
  void linear_backward_data(const Tensor& dy, const Tensor& w, const Tensor& dx) override {
    linear(dx, w, dy);
  }
  void linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor&,
                               Write) override {
    linear(x, dw, dy);
  }
  void invert_views(const Tensor& projection, const Tensor& views, Inversion,
                    const Tensor& z) override {
    add_job(Part::heads, {bytes(projection, views, z)});
  }
  void invert_views_backward(const Tensor& projection, const Tensor& views, Inversion,
                             const Tensor& dz, const Tensor& dprojection) override {
    add_job(Part::heads, {bytes(projection, views, dz, dprojection)});
  }
  void ntxent(const Tensor& z, const NtxentOptions&, const Tensor&, const Tensor&) override {
    add_job(Part::heads, {bytes(z), 2 * count(z) * static_cast<double>(z.shape()[0])});
  }
  void ntxent_backward(const Tensor& z, const NtxentOptions&, const Tensor&, const Tensor&,
                       const Tensor& dz) override {
    add_job(Part::heads, {bytes(z, dz), 4 * count(z) * static_cast<double>(z.shape()[0])});
  }

  // Norms of weights and gradients first; then both and two moments, read, and three written.
  void apply_update(const OptimizerStep& step) override {
    add_job(Part::optimizer, {bytes(step.weights) * (2 + 7)});
  }

 private:
  void add_job(Part part, const Work& work) { jobs_.push_back({part, work}); }

  // x, y activations of a convolution or their gradients; weights are read or written in the
  // arithmetic's type.
  Work product_work(const Tensor& x, const Tensor& w, const Tensor& y) const {
    const double operations = 2 * count(y) * count(w) / static_cast<double>(w.shape()[0]);
    const double all = bytes(x, y) + count(w) * static_cast<double>(size_of(y.dtype()));
    return y.dtype() == DType::bf16 ? Work{all, operations, 0} : Work{all, 0, operations};
  }
  void linear(const Tensor& x, const Tensor& w, const Tensor& y) {
    add_job(Part::heads, {bytes(x, w, y), 0, 2 * count(x) * static_cast<double>(w.shape()[0])});
  }

  std::vector<StepJob> jobs_;
};

}  // namespace

std::vector<StepJob> step_jobs(const PeclrStep::Options& options) {
  CountingDevice device(options.compute);
  PeclrStep step(device, options);
  const std::size_t before = device.jobs().size();
  step.run();
  return {device.jobs().begin() + static_cast<std::ptrdiff_t>(before), device.jobs().end()};
}

double floor_seconds(const std::vector<StepJob>& jobs, const Rates& rates) {
  double seconds = 0;
  for (const StepJob& job : jobs) seconds += floor_seconds(job.work, rates);
  return seconds;
}

std::string step_table(const std::vector<StepJob>& jobs, const Rates& rates) {
  std::array<std::vector<StepJob>, kParts> parts;
  for (const StepJob& job : jobs) parts[static_cast<std::size_t>(job.part)].push_back(job);
  std::string text =
      "| part of a step | jobs | GB | 1e12 operations | floor, ms |\n|---|---|---|---|---|\n";
  const auto line = [&](const char* name, const std::vector<StepJob>& of) {
    Work sum;
    for (const StepJob& job : of) {
      sum.bytes += job.work.bytes;
      sum.products += job.work.products + job.work.operations;
    }
    text += fmt::format("| {} | {} | {:.2f} | {:.3f} | {:.2f} |\n", name, of.size(),
                        sum.bytes / 1e9, sum.products / 1e12, 1e3 * floor_seconds(of, rates));
  };
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].empty()) line(kNames[i], parts[i]);
  line("all", jobs);
  return text;
}

}  // namespace peclr::bench
