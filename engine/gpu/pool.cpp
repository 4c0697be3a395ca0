// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/pool.h"

#include "engine/gpu/extents.h"
#include "engine/gpu/types.h"

namespace peclr::gpu {

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
