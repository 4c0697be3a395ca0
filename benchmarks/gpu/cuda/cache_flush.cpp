// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/cuda/cache_flush.h"

#include "engine/backend.h"
#include "engine/cuda/context.h"
#include "kernels/elementwise_kernels.h"

namespace peclr::bench {
namespace {

constexpr int kRow = 1024;
constexpr std::int64_t kRows = (256 << 20) / (kRow * std::int64_t{sizeof(float)});

}  // namespace

CacheFlush::CacheFlush(Backend& backend)
    : written_(backend, {kRows, kRow}, DType::f32),
      sums_(backend, {kRow}, DType::f32),
      partials_(backend, {kernels::column_scratch_floats(kRow)}, DType::f32),
      tickets_(backend, {kernels::column_tickets(kRow)}, DType::f32) {
  backend.zero(tickets_);
}

void CacheFlush::enqueue(Stream stream) {
  cuda::fill_zero(written_.raw(), written_.bytes(), stream);
  kernels::column_sums(kRows, kRow, written_.data<float>(), false, sums_.data<float>(),
                       {partials_.data<float>(), static_cast<unsigned*>(tickets_.raw())}, stream);
}

}  // namespace peclr::bench
