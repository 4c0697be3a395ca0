// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/cudnn_backend.h"

#include <utility>

#include "engine/cuda/conv_plans.h"
#include "engine/cuda/graph.h"
#include "engine/error.h"
#include "engine/gpu/elementwise.h"
#include "engine/say.h"

namespace peclr {
namespace {

using cuda::ConvPass;
using cuda::ConvShape;

ConvShape conv_shape(const ConvSpec& spec, const Tensor& x, const Tensor& w, DType type) {
  const Shape &xs = x.shape(), &ws = w.shape();
  return {xs[0], xs[1], xs[2], xs[3], ws[0], ws[1], spec.stride, spec.padding, type};
}

// A window of one pixel: y [images * height * width, out] = x w^T.
bool is_product(const ConvShape& s) { return s.kernel == 1 && s.stride == 1 && s.padding == 0; }
std::int64_t rows_of(const ConvShape& s) { return s.images * s.height * s.width; }

[[noreturn]] void no_engine(ConvPass pass, const ConvShape& shape) {
  fail(ErrorKind::failure, "cuDNN has no deterministic engine for: {}", text_of(pass, shape));
}

}  // namespace

CudnnBackend::CudnnBackend(const Options& options)
    : gpu_(options.gpu),
      memory_(cuda::gpu_allocate, cuda::gpu_free, cuda::gpu_memory_text),
      weights_(memory_, gpu_.stream()),
      dnn_(gpu_, memory_,
           {options.tf32, cuda::plan_file_path(gpu_.facts().name, cuda::cudnn_version_number())}),
      blas_(gpu_, memory_, options.tf32 == cuda::Tf32::on) {
  check_kernels();
}

// An error now, with what to do, and not in the first step.
void CudnnBackend::check_kernels() {
  const Tensor t(*this, {1}, DType::f32);
  zero(t);
  try {
    gpu::add(stream(), t, t);
  } catch (const std::runtime_error&) {
    cuda::check_last_error("running a kernel");
    throw;
  }
  gpu_.wait();
}

std::string CudnnBackend::description() const {
  return fmt::format("{}, {}, {}", gpu_.description(), cuda::cudnn_version(),
                     cuda::Blas::version());
}

void* CudnnBackend::allocate(std::size_t bytes) { return memory_.allocate(bytes); }
void* CudnnBackend::allocate_lasting(std::size_t bytes) {
  forbid_in_recording("makes something that lasts");
  return memory_.allocate_lasting(bytes);
}

void CudnnBackend::release(void* block, std::size_t bytes) {
  weights_.forget(block, static_cast<std::byte*>(block) + bytes);
  memory_.release(block, bytes);
}

void CudnnBackend::forbid_in_recording(const char* what) const {
  check(!recording_, "a step that is recorded {}", what);
}

std::unique_ptr<Recording> CudnnBackend::record(const std::function<void()>& body) {
  check(!recording_, "a recording within a recording");
  recording_ = true;
  const struct Stop {
    bool& recording;
    ~Stop() { recording = false; }
  } stop{recording_};
  return std::make_unique<cuda::Graph>(stream(), body);
}

void CudnnBackend::copy_to_host(const Tensor& from, std::span<float> to) {
  forbid_in_recording("copies to the host");
  if (from.dtype() == DType::f32) {
    cuda::copy_from_gpu(from.raw(), from.bytes(), to.data(), stream());
    return;
  }
  check(from.dtype() == DType::bf16, "copying {} {} to the host", name_of(from.dtype()),
        from.shape().text());
  std::vector<bf16> values(to.size());
  cuda::copy_from_gpu(from.raw(), from.bytes(), values.data(), stream());
  for (std::size_t i = 0; i < values.size(); ++i) to[i] = to_float(values[i]);
}

void CudnnBackend::copy_from_host(std::span<const float> from, const Tensor& to) {
  forbid_in_recording("copies from the host");
  const Tensor plain = to.dtype() == DType::f32 ? to : Tensor(*this, to.shape(), DType::f32);
  ring_.upload(from.data(), plain.bytes(), plain.data<float>(), stream());
  if (to.dtype() != DType::f32) gpu::cast(stream(), plain, to);
}

void CudnnBackend::zero(const Tensor& t) { cuda::fill_zero(t.raw(), t.bytes(), stream()); }

// Tensor cores take 16 bytes of channels at a time.
Tensor CudnnBackend::pictures(std::int64_t n, std::int64_t side, DType compute) {
  return Tensor(*this, {n, side, side, compute == DType::bf16 ? 8 : 4}, compute);
}

Tensor CudnnBackend::converted(const Tensor& t, DType type) {
  if (t.dtype() == type) return t;
  Tensor out(*this, t.shape(), type);
  gpu::cast(stream(), t, out);
  return out;
}

// x for arithmetic in `type`. Plain pictures (f32, 3 channels) get the padding of pictures().
Tensor CudnnBackend::operand(const Tensor& x, std::int64_t channels, DType type) {
  const Shape& s = x.shape();
  if (x.dtype() != DType::f32 || type != DType::bf16 || s[3] != 3 || channels != 3)
    return converted(x, type);
  Tensor out(*this, {s[0], s[1], s[2], 8}, type);
  gpu::pad_channels(stream(), x, out);
  return out;
}

// Where cuDNN has no engine for a shape in bf16 (numbers of channels that its kernels do not take),
// f32 does the same sums.
void CudnnBackend::conv_forward(const ConvSpec& spec, const Tensor& x, const Tensor& w,
                                const Tensor& y) {
  const DType type = y.dtype();
  const Tensor in = operand(x, w.shape()[3], type);
  const ConvShape shape = conv_shape(spec, in, w, type);
  const void* weights = weights_.get(w, type, shape.in);
  if (type == DType::f32 && is_product(shape)) {
    blas_.run({rows_of(shape), shape.out, shape.in, false, true, 0.f}, in.raw(), weights, nullptr,
              y.data<float>());
    return;
  }
  if (dnn_.run(ConvPass::forward, shape, {in.raw(), const_cast<void*>(weights), y.raw()})) return;
  if (type == DType::f32) no_engine(ConvPass::forward, shape);
  const Tensor wide(*this, y.shape(), DType::f32);
  conv_forward(spec, converted(in, DType::f32), w, wide);
  gpu::cast(stream(), wide, y);
}

void CudnnBackend::conv_backward_data(const ConvSpec& spec, const Tensor& dy, const Tensor& w,
                                      const Tensor& dx) {
  const DType type = dx.dtype();
  const Tensor out = converted(dy, type);
  const ConvShape shape = conv_shape(spec, dx, w, type);
  const void* weights = weights_.get(w, type, shape.in);
  if (type == DType::f32 && is_product(shape)) {
    blas_.run({rows_of(shape), shape.in, shape.out, false, false, 0.f}, out.raw(), weights, nullptr,
              dx.data<float>());
    return;
  }
  if (dnn_.run(ConvPass::backward_data, shape, {dx.raw(), const_cast<void*>(weights), out.raw()}))
    return;
  if (type == DType::f32) no_engine(ConvPass::backward_data, shape);
  const Tensor wide(*this, dx.shape(), DType::f32);
  conv_backward_data(spec, converted(out, DType::f32), w, wide);
  gpu::cast(stream(), wide, dx);
}

void CudnnBackend::conv_backward_weights(const ConvSpec& spec, const Tensor& x, const Tensor& dy,
                                         const Tensor& dw, Write write) {
  const Tensor in = operand(x, dw.shape()[3], dy.dtype());
  const ConvShape shape = conv_shape(spec, in, dw, dy.dtype());
  const bool accumulate = write == Write::accumulate, padded = shape.in != dw.shape()[3];
  if (is_product(shape) && !padded) {
    blas_.run(
        {shape.out, shape.in, rows_of(shape), true, false, accumulate ? 1.f : 0.f, shape.type},
        dy.raw(), in.raw(), nullptr, dw.data<float>());
    return;
  }
  const Shape whole{shape.out, shape.kernel, shape.kernel, shape.in};
  const Tensor sums = accumulate || padded ? Tensor(*this, whole, DType::f32) : dw;
  if (!dnn_.run(ConvPass::backward_weights, shape, {in.raw(), sums.raw(), dy.raw()})) {
    if (shape.type == DType::f32) no_engine(ConvPass::backward_weights, shape);
    // TF32 holds all that bf16 does: the same products, on the tensor cores still.
    if (!std::exchange(told_of_tf32_, true))
      say("{}: cuDNN has no engine for bf16 here; gradients of weights are taken in TF32, "
          "with the same products but slower. Such engines need NVRTC: is libnvrtc where "
          "cuDNN is?\n",
          text_of(ConvPass::backward_weights, shape));
    const Tensor x32 = converted(in, DType::f32), dy32 = converted(dy, DType::f32);
    const ConvShape wide = conv_shape(spec, in, dw, DType::f32);
    if (!dnn_.run(ConvPass::backward_weights, wide, {x32.raw(), sums.raw(), dy32.raw()},
                  cuda::Tf32::on))
      no_engine(ConvPass::backward_weights, wide);
  }
  Tensor own = sums;
  if (padded) {  // without the channels that are zeros
    own = accumulate ? Tensor(*this, dw.shape(), DType::f32) : dw;
    const auto width = [](const Tensor& t) {
      return static_cast<std::size_t>(t.shape()[3]) * sizeof(float);
    };
    cuda::copy_columns(sums.raw(), width(sums), own.raw(), width(own), width(own),
                       static_cast<std::size_t>(sums.count() / shape.in), stream());
  }
  if (accumulate) gpu::add(stream(), own, dw);
}

void CudnnBackend::linear_forward(const Tensor& x, const Tensor& w, const Tensor& bias,
                                  const Tensor& y) {
  blas_.run({x.shape()[0], w.shape()[0], w.shape()[1], false, true, 0.f}, x.data<float>(),
            w.data<float>(), bias.defined() ? bias.data<float>() : nullptr, y.data<float>());
}

void CudnnBackend::linear_backward_data(const Tensor& dy, const Tensor& w, const Tensor& dx) {
  blas_.run({dy.shape()[0], w.shape()[1], w.shape()[0], false, false, 0.f}, dy.data<float>(),
            w.data<float>(), nullptr, dx.data<float>());
}

void CudnnBackend::linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                           const Tensor& db, Write write) {
  const std::int64_t rows = x.shape()[0], in = x.shape()[1], out = dy.shape()[1];
  const bool accumulate = write == Write::accumulate;
  blas_.run({out, in, rows, true, false, accumulate ? 1.f : 0.f}, dy.data<float>(), x.data<float>(),
            nullptr, dw.data<float>());
  if (db.defined()) gpu::bias_gradient(*this, stream(), tickets_, dy, db, write);
}

}  // namespace peclr
