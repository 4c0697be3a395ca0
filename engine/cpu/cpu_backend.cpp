// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/cpu_backend.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "engine/cpu/extents.h"
#include "engine/parallel.h"

namespace peclr {
namespace {

// Large blocks ask for huge pages: activations are streamed, and a TLB miss every 4 KiB shows.
void* system_allocate(std::size_t bytes) {
  constexpr std::size_t kHuge = std::size_t{2} << 20;
  const bool large = bytes >= kHuge;
  void* block =
      std::aligned_alloc(large ? kHuge : 64, (bytes + (large ? kHuge : 64) - 1) /
                                                 (large ? kHuge : 64) * (large ? kHuge : 64));
  if (block && large) madvise(block, bytes, MADV_HUGEPAGE);
  return block;
}

void system_free(void* block, std::size_t) { std::free(block); }

ConvShape conv_shape(const ConvSpec& spec, const Tensor& x, const Tensor& w, const Tensor& y) {
  const Shape &xs = x.shape(), &ws = w.shape();
  check(xs[3] == ws[3], "cpu convolution: input {}, weights {}", xs.text(), ws.text());
  return {xs[0],
          xs[1],
          xs[2],
          xs[3],
          ws[0],
          ws[1],
          spec.stride,
          spec.padding,
          x.channel_block(),
          y.channel_block(),
          x.dtype(),
          y.dtype()};
}

WeightRef weight_ref(const Tensor& w) { return {w.data<float>(), w.storage().version}; }

// A tensor's numbers as f32 in the order of its dimensions, and as it has them.
struct PlainAndOwn {
  OneDnn::Picture plain, own;
};
PlainAndOwn plain_and_own(const Tensor& t) {
  const Shape& s = t.shape();
  const OneDnn::Picture plain =
      t.plain() ? OneDnn::Picture{1, 1, t.count() / s.last(), s.last(), s.last(), DType::f32}
                : OneDnn::Picture{s[0], s[1], s[2], s[3], s[3], DType::f32};
  OneDnn::Picture own = plain;
  own.block = t.channel_block();
  own.type = t.dtype();
  return {plain, own};
}

}  // namespace

CpuBackend::CpuBackend()
    : loops_(loops()), memory_(system_allocate, system_free), onednn_(memory_) {
  set_threads(threads());
}

std::string CpuBackend::description() const {
  return fmt::format("cpu, {} threads, {} loops, {}, {}", threads(), loops_.instruction_set,
                     onednn_.version(),
                     onednn_.gains_from_bf16() ? "bf16 faster than f32" : "f32 faster than bf16");
}

void CpuBackend::release(void* block, std::size_t bytes) {
  onednn_.forget(block, static_cast<std::byte*>(block) + bytes);
  memory_.release(block, bytes);
}

Tensor CpuBackend::activation(Shape shape, DType dtype) {
  if (dtype == DType::bf16 && !onednn_.has_bf16())
    fail(ErrorKind::device, "precision bf16 needs a processor with AVX-512; use precision=f32");
  const int block = onednn_.preferred_block(dtype);
  return block > 0 && shape.last() % block == 0 ? Tensor::blocked(*this, shape, dtype, block)
                                                : Tensor(*this, shape, dtype);
}

void CpuBackend::copy_to_host(const Tensor& from, std::span<float> to) {
  if (from.plain() && from.dtype() == DType::f32) {
    std::memcpy(to.data(), from.raw(), from.bytes());
    return;
  }
  const auto [plain, own] = plain_and_own(from);
  onednn_.reorder(own, from.raw(), plain, to.data());
}

void CpuBackend::copy_from_host(std::span<const float> from, const Tensor& to) {
  if (to.plain() && to.dtype() == DType::f32) {
    std::memcpy(to.raw(), from.data(), to.bytes());
    return;
  }
  const auto [plain, own] = plain_and_own(to);
  onednn_.reorder(plain, from.data(), own, to.raw());
}

void CpuBackend::zero(const Tensor& t) { std::memset(t.raw(), 0, t.bytes()); }

void CpuBackend::conv_forward(const ConvSpec& spec, const Tensor& x, const Tensor& w,
                              const Tensor& y) {
  onednn_.conv_forward(conv_shape(spec, x, w, y), x.raw(), weight_ref(w), y.raw());
}

void CpuBackend::conv_backward_data(const ConvSpec& spec, const Tensor& dy, const Tensor& w,
                                    const Tensor& dx) {
  onednn_.conv_backward_data(conv_shape(spec, dx, w, dy), dy.raw(), weight_ref(w), dx.raw());
}

void CpuBackend::conv_backward_weights(const ConvSpec& spec, const Tensor& x, const Tensor& dy,
                                       const Tensor& dw, Write write) {
  onednn_.conv_backward_weights(conv_shape(spec, x, dw, dy), x.raw(), dy.raw(), dw.data<float>(),
                                write == Write::accumulate);
}

void CpuBackend::linear_forward(const Tensor& x, const Tensor& w, const Tensor& bias,
                                const Tensor& y) {
  const std::int64_t rows = x.shape()[0], in = x.shape()[1], out = w.shape()[0];
  if (bias.defined())
    for (std::int64_t r = 0; r < rows; ++r)
      std::memcpy(y.data<float>() + r * out, bias.data<float>(), static_cast<std::size_t>(out) * 4);
  OneDnn::gemm({rows, out, in, false, true, bias.defined() ? 1.f : 0.f}, x.data<float>(),
               w.data<float>(), y.data<float>());
}

void CpuBackend::linear_backward_data(const Tensor& dy, const Tensor& w, const Tensor& dx) {
  OneDnn::gemm({dy.shape()[0], w.shape()[1], w.shape()[0], false, false, 0.f}, dy.data<float>(),
               w.data<float>(), dx.data<float>());
}

void CpuBackend::linear_backward_weights(const Tensor& x, const Tensor& dy, const Tensor& dw,
                                         const Tensor& db, Write write) {
  const std::int64_t rows = x.shape()[0], in = x.shape()[1], out = dy.shape()[1];
  const bool accumulate = write == Write::accumulate;
  OneDnn::gemm({out, in, rows, true, false, accumulate ? 1.f : 0.f}, dy.data<float>(),
               x.data<float>(), dw.data<float>());
  if (!db.defined()) return;
  for (std::int64_t o = 0; o < out; ++o) {
    double sum = 0;
    for (std::int64_t r = 0; r < rows; ++r) sum += dy.data<float>()[r * out + o];
    float& into = db.data<float>()[o];
    into = (accumulate ? into : 0.f) + static_cast<float>(sum);
  }
}

void CpuBackend::mean_pool(const Tensor& x, const Tensor& y) {
  if (x.dtype() == DType::bf16)
    loops_.b16.mean_pool(pool_extent(x), x.data<bf16>(), y.data<float>());
  else
    loops_.f32.mean_pool(pool_extent(x), x.data<float>(), y.data<float>());
}

void CpuBackend::mean_pool_backward(const Tensor& dy, const Tensor& dx) {
  if (dx.dtype() == DType::bf16)
    loops_.b16.mean_pool_backward(pool_extent(dx), dy.data<float>(), dx.data<bf16>());
  else
    loops_.f32.mean_pool_backward(pool_extent(dx), dy.data<float>(), dx.data<float>());
}

void CpuBackend::add(const Tensor& x, const Tensor& into) {
  check(x.shape() == into.shape() && x.channel_block() == into.channel_block() &&
            x.dtype() == into.dtype(),
        "add: {} {} into {} {}", name_of(x.dtype()), x.shape().text(), name_of(into.dtype()),
        into.shape().text());
  if (x.dtype() == DType::bf16)
    loops_.b16.add_into(x.count(), x.data<bf16>(), into.data<bf16>());
  else
    loops_.f32.add_into(x.count(), x.data<float>(), into.data<float>());
}

}  // namespace peclr
