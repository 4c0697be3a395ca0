// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/pool.h"

#include "engine/gpu/types.h"
#include "kernels/pool_kernels.h"

namespace peclr::gpu {
namespace {

kernels::PoolExtent pool_extent(const Tensor& x) {
  const Shape& s = x.shape();
  return {s[0], static_cast<int>(s[1]), static_cast<int>(s[2]), static_cast<int>(s[3])};
}

}  // namespace

void max_pool(Stream stream, const Tensor& x, const Tensor& y, const Tensor& where) {
  with_type(x, [&]<class T>() {
    kernels::max_pool(pool_extent(x), x.data<T>(), y.data<T>(), where.data<std::uint8_t>(), stream);
  });
}

void max_pool_backward(Stream stream, const Tensor& dy, const Tensor& where, const Tensor& dx) {
  with_type(dx, [&]<class T>() {
    kernels::max_pool_backward(pool_extent(dx), dy.data<T>(), where.data<std::uint8_t>(),
                               dx.data<T>(), stream);
  });
}

void mean_pool(Stream stream, const Tensor& x, const Tensor& y) {
  with_type(x, [&]<class T>() {
    kernels::mean_pool(pool_extent(x), x.data<T>(), y.data<float>(), stream);
  });
}

void mean_pool_backward(Stream stream, const Tensor& dy, const Tensor& dx) {
  with_type(dx, [&]<class T>() {
    kernels::mean_pool_backward(pool_extent(dx), dy.data<float>(), dx.data<T>(), stream);
  });
}

}  // namespace peclr::gpu
