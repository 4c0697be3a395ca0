// SPDX-License-Identifier: Apache-2.0
// Convolutions from their definition: y[n, k, p] = sum over c and windows of x[n, c, stride p -
// padding + r] w[k, c, r], and its transposes for the gradients.
#include "tests/cuda_fake/dnn/convolution.h"

#include <vector>

namespace peclr::fake {
namespace {

// The values in the order n, h, w, c (of weights: k, r, s, c), as f32. `at` is given each value's
// number there and its place in memory.
template <class F>
void for_each(const TensorSpec& t, F at) {
  std::size_t i = 0;
  for (std::int64_t n = 0; n < t.sizes[0]; ++n)
    for (std::int64_t h = 0; h < t.sizes[2]; ++h)
      for (std::int64_t w = 0; w < t.sizes[3]; ++w)
        for (std::int64_t c = 0; c < t.sizes[1]; ++c)
          at(i++, n * t.strides[0] + c * t.strides[1] + h * t.strides[2] + w * t.strides[3]);
}

std::size_t count(const TensorSpec& t) {
  return static_cast<std::size_t>(t.sizes[0] * t.sizes[1] * t.sizes[2] * t.sizes[3]);
}

std::vector<float> values(const TensorSpec& t, const void* data, Arithmetic arithmetic) {
  std::vector<float> all(count(t));
  for_each(t, [&](std::size_t i, std::int64_t place) {
    const float x = load(data, place, t.type);
    all[i] = arithmetic == Arithmetic::tf32 ? tf32(x) : x;
  });
  return all;
}

// [k, window, c] to [window, c, k].
std::vector<float> filters_last(const std::vector<float>& w, std::size_t filters) {
  std::vector<float> turned(w.size());
  const std::size_t each = w.size() / filters;
  for (std::size_t k = 0; k < filters; ++k)
    for (std::size_t i = 0; i < each; ++i) turned[i * filters + k] = w[k * each + i];
  return turned;
}

void add_scaled(float* to, float factor, const float* from, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

// visit(x, w, y): the numbers of the first channel of a pixel of x, of the window's pixel in the
// first filter, and of the pixel of y that they meet in.
template <class F>
void for_each_meeting(const Convolution& conv, F visit) {
  const auto& [n, c, height, width] = conv.x.sizes;
  const std::int64_t rows = conv.w.sizes[2], columns = conv.w.sizes[3], k = conv.y.sizes[1];
  std::int64_t y = 0;
  for (std::int64_t image = 0; image < n; ++image)
    for (std::int64_t p = 0; p < conv.y.sizes[2]; ++p)
      for (std::int64_t q = 0; q < conv.y.sizes[3]; ++q, y += k)
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t s = 0; s < columns; ++s) {
            const std::int64_t h = p * conv.stride[0] - conv.padding[0] + r;
            const std::int64_t w = q * conv.stride[1] - conv.padding[1] + s;
            if (h < 0 || h >= height || w < 0 || w >= width) continue;
            visit(static_cast<std::size_t>(((image * height + h) * width + w) * c),
                  static_cast<std::size_t>((r * columns + s) * c), static_cast<std::size_t>(y));
          }
}

}  // namespace

void run(const Convolution& conv, Arithmetic arithmetic, const void* x, const void* w,
         const void* y, void* result) {
  const TensorSpec& out = conv.result();
  std::vector<float> sums(count(out), 0.f);
  const auto channels = static_cast<std::size_t>(conv.x.sizes[1]);
  const auto filters = static_cast<std::size_t>(conv.y.sizes[1]);
  const std::size_t each = count(conv.w) / filters;  // values of a filter
  const auto read = [&](const TensorSpec& t, const void* data) {
    return &t == &out ? std::vector<float>() : values(t, data, arithmetic);
  };
  const std::vector<float> xs = read(conv.x, x), ws = read(conv.w, w), ys = read(conv.y, y);
  switch (conv.pass) {
    case Pass::forward: {
      const std::vector<float> turned = filters_last(ws, filters);
      for_each_meeting(conv, [&](std::size_t at_x, std::size_t at_w, std::size_t at_y) {
        for (std::size_t c = 0; c < channels; ++c)
          add_scaled(&sums[at_y], xs[at_x + c], &turned[(at_w + c) * filters], filters);
      });
      break;
    }
    case Pass::backward_data:
      for_each_meeting(conv, [&](std::size_t at_x, std::size_t at_w, std::size_t at_y) {
        for (std::size_t k = 0; k < filters; ++k)
          add_scaled(&sums[at_x], ys[at_y + k], &ws[k * each + at_w], channels);
      });
      break;
    case Pass::backward_weights:
      for_each_meeting(conv, [&](std::size_t at_x, std::size_t at_w, std::size_t at_y) {
        for (std::size_t k = 0; k < filters; ++k)
          add_scaled(&sums[k * each + at_w], ys[at_y + k], &xs[at_x], channels);
      });
      break;
  }
  for_each(out,
           [&](std::size_t i, std::int64_t place) { store(result, place, out.type, sums[i]); });
}

}  // namespace peclr::fake
