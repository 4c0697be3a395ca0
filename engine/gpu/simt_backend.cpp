// SPDX-License-Identifier: Apache-2.0
#if defined(PECLR_SIMT)
#include "engine/gpu/simt_backend.h"

#include <algorithm>
#include <cstring>

#include "kernels/device.h"

namespace peclr {
namespace {

class Replay final : public Recording {
 public:
  explicit Replay(simt::Tasks tasks) : tasks_(std::move(tasks)) {}
  void replay() override {
    for (const auto& task : tasks_) task();
  }

 private:
  simt::Tasks tasks_;
};

// Room for pictures without the channel that w has no weights for; x itself where it has none.
Tensor colours(const Tensor& x, const Tensor& w) {
  const Shape &s = x.shape(), &ws = w.shape();
  return s[3] == ws[3] ? x : Tensor(x.backend(), {s[0], s[1], s[2], ws[3]}, DType::f32);
}

void copy_colours(const Tensor& x, const Tensor& out) {
  const std::int64_t from = x.shape()[3], to = out.shape()[3];
  for (std::int64_t pixel = 0; from != to && pixel < out.count() / to; ++pixel)
    std::copy_n(x.data<float>() + pixel * from, to, out.data<float>() + pixel * to);
}

}  // namespace

struct SimtBase::Recorder {
  simt::Tasks tasks;
  simt::Recorder launches{tasks};
};

SimtBase::SimtBase() = default;
SimtBase::~SimtBase() = default;

std::string SimtBase::description() const {
  return "simt: kernels on the emulator; " + CpuBackend::description();
}

// The library's work, now or at each replay. Its scratch is no memory of the step's, which a replay
// could not ask for.
template <class F>
void SimtBase::run_or_record(F work) {
  if (recorder_) return recorder_->tasks.push_back(work);
  const CachingAllocator::StepPause pause(allocator());
  work();
}

void SimtBase::forbid_in_recording(const char* what) const {
  check(!recorder_, "a step that is recorded {}", what);
}

std::unique_ptr<Recording> SimtBase::record(const std::function<void()>& body) {
  check(!recorder_, "a recording within a recording");
  recorder_ = std::make_unique<Recorder>();
  const struct Stop {
    std::unique_ptr<Recorder>& recorder;
    ~Stop() { recorder.reset(); }
  } stop{recorder_};
  body();
  return std::make_unique<Replay>(std::move(recorder_->tasks));
}

void* SimtBase::allocate(std::size_t bytes) {
  const std::int64_t before = memory().system_allocations;
  void* const block = CpuBackend::allocate(bytes);
  if (recorder_ && memory().system_allocations != before) {
    release(block, bytes);
    forbid_in_recording("asks the system for memory");
  }
  return block;
}

void* SimtBase::allocate_lasting(std::size_t bytes) {
  forbid_in_recording("makes something that lasts");
  return CpuBackend::allocate_lasting(bytes);
}

void SimtBase::copy_to_host(const Tensor& from, std::span<float> to) {
  forbid_in_recording("copies to the host");
  CpuBackend::copy_to_host(from, to);
}

void SimtBase::copy_from_host(std::span<const float> from, const Tensor& to) {
  forbid_in_recording("copies from the host");
  CpuBackend::copy_from_host(from, to);
}

void SimtBase::zero(const Tensor& t) {
  run_or_record([place = t.raw(), bytes = t.bytes()] { std::memset(place, 0, bytes); });
}

Tensor SimtBase::activation(Shape shape, DType dtype) {
  if (dtype == DType::bf16) CpuBackend::activation({1, 1, 1, 1}, dtype);  // throws without AVX-512
  return Tensor(*this, shape, dtype);
}

Tensor SimtBase::pictures(std::int64_t n, std::int64_t side, DType) {
  return Tensor(*this, {n, side, side, 4}, DType::f32);
}

// Weights are held, so that their version is the one of the replay; all else belongs to the step.
void SimtBase::conv_forward(const ConvSpec& spec, const Tensor& x, const Tensor& w,
                            const Tensor& y) {
  const Tensor in = colours(x, w);
  run_or_record([this, spec, x = x.unowned(), in = in.unowned(), w, y = y.unowned()] {
    copy_colours(x, in);
    CpuBackend::conv_forward(spec, in, w, y);
  });
}

void SimtBase::conv_backward_data(const ConvSpec& spec, const Tensor& dy, const Tensor& w,
                                  const Tensor& dx) {
  run_or_record([this, spec, dy = dy.unowned(), w, dx = dx.unowned()] {
    CpuBackend::conv_backward_data(spec, dy, w, dx);
  });
}

void SimtBase::conv_backward_weights(const ConvSpec& spec, const Tensor& x, const Tensor& dy,
                                     const Tensor& dw, Write write) {
  const Tensor in = colours(x, dw);
  run_or_record([this, spec, x = x.unowned(), in = in.unowned(), dy = dy.unowned(),
                 dw = dw.unowned(), write] {
    copy_colours(x, in);
    CpuBackend::conv_backward_weights(spec, in, dy, dw, write);
  });
}

void SimtBase::linear_forward(const Tensor& x, const Tensor& w, const Tensor& bias,
                              const Tensor& y) {
  run_or_record([this, x = x.unowned(), w, bias, y = y.unowned()] {
    CpuBackend::linear_forward(x, w, bias, y);
  });
}

void SimtBase::linear_backward_data(const Tensor& dy, const Tensor& w, const Tensor& dx) {
  run_or_record([this, dy = dy.unowned(), w, dx = dx.unowned()] {
    CpuBackend::linear_backward_data(dy, w, dx);
  });
}

void SimtBase::linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                       const Tensor& db, Write write) {
  run_or_record([this, x = x.unowned(), dy = dy.unowned(), dw = dw.unowned(), db, write] {
    CpuBackend::linear_backward_weights(x, dy, dw, db, write);
  });
}

}  // namespace peclr
#endif
