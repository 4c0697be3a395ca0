// SPDX-License-Identifier: Apache-2.0
// The speed of a PeCLR step against oneDNN: views a second of forward, inversion, NT-Xent, backward
// and optimiser (augmentation apart: augment_bench), beside the sum of oneDNN's best times for the
// same convolutions and norms (primitive_set.h). Both run in turns in this program, because other
// programs may want the cores. Prints medians and quartiles of both and of the ratios.
#include <sys/resource.h>

#include <CLI/CLI.hpp>

#include "benchmarks/peclr_step.h"
#include "benchmarks/primitive_set.h"
#include "benchmarks/quartiles.h"
#include "engine/cpu/cpu_backend.h"

namespace peclr::bench::cpu {
namespace {

struct BenchOptions {
  int depth = 50, size = 128, views = 64, rounds = 15, threads = 0;
  std::string precision = "both";
  bool shapes = false;
};

// The CPU backend with a clock, and a list of what it was asked for.
class TimedBackend : public CpuBackend {
 public:
  PartTimes times{};
  WorkList work;
  std::map<Work, double> work_times;

  void conv_forward(const ConvSpec& spec, const Tensor& x, const Tensor& w,
                    const Tensor& y) override {
    note(conv(Part::forward, spec, x, w),
         timed(Part::forward, [&] { CpuBackend::conv_forward(spec, x, w, y); }));
  }
  void conv_backward_data(const ConvSpec& spec, const Tensor& dy, const Tensor& w,
                          const Tensor& dx) override {
    note(conv(Part::backward_data, spec, dx, w),
         timed(Part::backward_data, [&] { CpuBackend::conv_backward_data(spec, dy, w, dx); }));
  }
  void conv_backward_weights(const ConvSpec& spec, const Tensor& x, const Tensor& dy,
                             const Tensor& dw, Write write) override {
    note(conv(Part::backward_weights, spec, x, dw), timed(Part::backward_weights, [&] {
           CpuBackend::conv_backward_weights(spec, x, dy, dw, write);
         }));
  }
  void norm_train(const NormSpec& spec, const NormInput& in, const NormInput& residual,
                  const Tensor& y, const Tensor& signs) override {
    note_norm(in, residual, false,
              timed(Part::norm, [&] { CpuBackend::norm_train(spec, in, residual, y, signs); }));
  }
  void norm_backward(const NormSpec& spec, const NormBackward& b) override {
    note_norm(b.in, b.residual, true,
              timed(Part::norm, [&] { CpuBackend::norm_backward(spec, b); }));
  }
  void norm_max_pool_train(const NormSpec& spec, const NormInput& in, const Tensor& y,
                           const PoolWinners& won) override {
    note_norm(in, {}, false,
              timed(Part::norm, [&] { CpuBackend::norm_max_pool_train(spec, in, y, won); }));
  }
  void norm_max_pool_backward(const NormSpec& spec, const PoolWinners& won,
                              const NormBackward& b) override {
    note_norm(b.in, {}, true,
              timed(Part::norm, [&] { CpuBackend::norm_max_pool_backward(spec, won, b); }));
  }
  void mean_pool(const Tensor& x, const Tensor& y) override {
    timed(Part::pool, [&] { CpuBackend::mean_pool(x, y); });
  }
  void mean_pool_backward(const Tensor& dy, const Tensor& dx) override {
    timed(Part::pool, [&] { CpuBackend::mean_pool_backward(dy, dx); });
  }

 private:
  template <class F>
  double timed(Part part, F body) {
    const double start = clock_now();
    body();
    const double time = clock_now() - start;
    times[static_cast<std::size_t>(part)] += time;
    return time;
  }
  void note(const Work& w, double time) {
    ++work[w];
    work_times[w] += time;
  }
  static Work conv(Part part, const ConvSpec& spec, const Tensor& x, const Tensor& w) {
    const Shape &s = x.shape(), &ws = w.shape();
    return {part,  part != Part::forward, s[0],        s[1], s[2], s[3], ws[0],
            ws[1], spec.stride,           spec.padding};
  }
  void note_norm(const NormInput& in, const NormInput& residual, bool backward, double time) {
    const Shape& s = in.x.shape();
    if (s.rank() != 4) return;
    const int norms = residual.normalised() ? 2 : 1;
    for (int n = 0; n < norms; ++n)
      note({Part::norm, backward, s[0], s[1], s[2], s[3], s[3], 0, 1, 0}, time / norms);
  }
};

// A step and the times of its parts.
class Step {
 public:
  Step(const BenchOptions& options, DType type)
      : step_(backend, {options.depth, options.size, options.views, type}) {}

  TimedBackend backend;

  PartTimes run() {
    backend.times = {};
    backend.work.clear();
    backend.work_times.clear();
    const double start = clock_now();
    loss_ = step_.run();
    const double whole = clock_now() - start;
    PartTimes times = backend.times;
    for (const double part : backend.times) times[kParts - 1] -= part;
    times[kParts - 1] += whole;
    return times;
  }
  float loss() const { return loss_; }

 private:
  PeclrStep step_;
  float loss_ = 0;
};

double sum(const PartTimes& times) {
  double total = 0;
  for (const double t : times) total += t;
  return total;
}

// CPU time of all threads.
double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// The times of one round, shape by shape, and what oneDNN's best was.
void print_shapes(const PrimitiveSet& set, const TimedBackend& backend) {
  set.for_choices([&](const Work& w, int count, double time, const std::string& choice) {
    fmt::print("  {:2} x {}{} [{}, {}, {}, {}] -> {}, {}x{} stride {}: {:.2f} ms, {:.2f} for {}\n",
               count, kPartNames[static_cast<int>(w.part)],
               w.part == Part::norm && w.backward ? " (gradient)" : "", w.n, w.h, w.w, w.in, w.out,
               w.kernel, w.kernel, w.stride, backend.work_times.at(w) * 1e3, time * 1e3, choice);
  });
}

void compare(const BenchOptions& options, DType type) {
  Step step(options, type);
  step.run();
  PrimitiveSet set(step.backend.work, type);
  std::array<std::vector<double>, kParts> ours, theirs;
  std::vector<double> whole, reference, whole_cpu, reference_cpu;
  for (int round = 0; round < options.rounds; ++round) {
    double cpu = cpu_seconds();
    const PartTimes b = set.run();
    reference_cpu.push_back(cpu_seconds() - cpu);
    cpu = cpu_seconds();
    const PartTimes a = step.run();
    whole_cpu.push_back(cpu_seconds() - cpu);
    whole.push_back(sum(a));
    reference.push_back(sum(b));
    for (std::size_t p = 0; p < kParts; ++p) ours[p].push_back(a[p]), theirs[p].push_back(b[p]);
  }
  if (options.shapes) print_shapes(set, step.backend);

  fmt::print("\n{}, ResNet-{}, {} views at {} px, {}, {} rounds, loss {:.4f}\n", name_of(type),
             options.depth, options.views, options.size, step.backend.description(), options.rounds,
             step.loss());
  fmt::print("  {:32} {:>9} {:>13} {:>6}\n", "ms, medians", "step", "oneDNN's best", "ratio");
  for (std::size_t p = 0; p < kParts; ++p) {
    const double a = Quartiles(ours[p]).median, b = Quartiles(theirs[p]).median;
    fmt::print("  {:32} {:9.1f} {:13.1f} {:>6}\n", kPartNames[p], a * 1e3, b * 1e3,
               b > 0 ? fmt::format("{:.2f}", ratios(ours[p], theirs[p]).median) : "");
  }
  const auto line = [&](const char* name, const std::vector<double>& a,
                        const std::vector<double>& b) {
    const Quartiles qa(a), qb(b), r = ratios(a, b);
    fmt::print(
        "  {:32} {:9.1f} {:13.1f} {:6.2f}  quartiles {:.1f}..{:.1f}, {:.1f}..{:.1f}, "
        "{:.2f}..{:.2f}\n",
        name, qa.median * 1e3, qb.median * 1e3, r.median, qa.low * 1e3, qa.high * 1e3, qb.low * 1e3,
        qb.high * 1e3, r.low, r.high);
  };
  line("all", whole, reference);
  line("all, CPU time of all threads", whole_cpu, reference_cpu);
  fmt::print("  {:32} {:9.1f} {:13.1f}\n", "images/s", options.views / Quartiles(whole).median,
             options.views / Quartiles(reference).median);
  fmt::print("  {:32} {:9.1f} MiB in use at once, {:.1f} MiB held\n", "memory of the step",
             static_cast<double>(step.backend.memory().peak_bytes_in_use) / (1 << 20),
             static_cast<double>(step.backend.memory().bytes_reserved) / (1 << 20));
}

}  // namespace
}  // namespace peclr::bench::cpu

int main(int argc, char** argv) {
  using namespace peclr;
  using namespace peclr::bench::cpu;
  BenchOptions options;
  CLI::App app("A PeCLR step against the sum of oneDNN's best primitives");
  app.add_option("--depth", options.depth, "of the ResNet")->capture_default_str();
  app.add_option("--size", options.size, "of a view, pixels")->capture_default_str();
  app.add_option("--views", options.views, "a step")->capture_default_str();
  app.add_option("--rounds", options.rounds, "of both, in turns")->capture_default_str();
  app.add_option("--threads", options.threads, "0: one for each core")->capture_default_str();
  app.add_option("--precision", options.precision, "f32, bf16 or both")
      ->check(CLI::IsMember({"f32", "bf16", "both"}))
      ->capture_default_str();
  app.add_flag("--shapes", options.shapes, "print times and oneDNN's best for each shape");
  CLI11_PARSE(app, argc, argv);
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 12);
  try {
    set_threads(options.threads);
    if (options.precision != "bf16") compare(options, DType::f32);
    if (options.precision != "f32") compare(options, DType::bf16);
  } catch (const std::exception& e) {
    fmt::print(stderr, "step_bench: {}\n", e.what());
    return 1;
  }
}
