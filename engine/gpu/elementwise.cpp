// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/elementwise.h"

#include "engine/gpu/columns.h"
#include "engine/gpu/types.h"
#include "kernels/elementwise_kernels.h"

namespace peclr::gpu {

void add(Stream stream, const Tensor& x, const Tensor& into) {
  with_type(x,
            [&]<class T>() { kernels::add_into(x.count(), x.data<T>(), into.data<T>(), stream); });
}

void scale(Stream stream, const Tensor& x, const Tensor& factor) {
  kernels::scale(x.count(), x.data<float>(), factor.data<float>(), stream);
}

void cast(Stream stream, const Tensor& from, const Tensor& to) {
  check(from.count() == to.count(), "cast: {} into {}", from.shape().text(), to.shape().text());
  if (from.dtype() == DType::f32 && to.dtype() == DType::bf16)
    kernels::cast(from.count(), from.data<float>(), to.data<bf16>(), stream);
  else if (from.dtype() == DType::bf16 && to.dtype() == DType::f32)
    kernels::cast(from.count(), from.data<bf16>(), to.data<float>(), stream);
  else
    fail(ErrorKind::failure, "cast: no kernel from {} to {}", name_of(from.dtype()),
         name_of(to.dtype()));
}

void pad_channels(Stream stream, const Tensor& from, const Tensor& to) {
  const std::int64_t pixels = from.count() / 3;
  check(from.shape().last() == 3 && to.count() == pixels * to.shape().last(),
        "pad_channels: {} into {}", from.shape().text(), to.shape().text());
  with_type(to, [&]<class T>() {
    kernels::pad_channels(pixels, from.data<float>(), static_cast<int>(to.shape().last()),
                          to.data<T>(), stream);
  });
}

void bias_gradient(Backend& memory, Stream stream, Tickets& tickets, const Tensor& dy,
                   const Tensor& db, Write write) {
  const auto channels = static_cast<int>(dy.shape()[1]);
  kernels::column_sums(dy.shape()[0], channels, dy.data<float>(), write == Write::accumulate,
                       db.data<float>(), ColumnScratch(memory, tickets, channels), stream);
}

}  // namespace peclr::gpu
