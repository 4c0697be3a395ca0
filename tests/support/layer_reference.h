// SPDX-License-Identifier: Apache-2.0
// The layers of a ResNet in double, written from their formulas with plain loops over logical
// [N, H, W, C] values. They know nothing of layouts, types, threads or of the code under test.
#pragma once
#include <cstdint>
#include <vector>

namespace peclr::test {

using Doubles = std::vector<double>;

// x [images, height, width, in], w [out, kernel, kernel, in], y [images, height', width', out].
struct ConvCase {
  std::int64_t images, height, width, in, out, kernel, stride = 1, padding = 0;

  std::int64_t out_height() const { return (height + 2 * padding - kernel) / stride + 1; }
  std::int64_t out_width() const { return (width + 2 * padding - kernel) / stride + 1; }
};
Doubles reference_conv(const ConvCase& c, const Doubles& x, const Doubles& w);
struct ProductGradients {
  Doubles x, w;
};
ProductGradients reference_conv_backward(const ConvCase& c, const Doubles& x, const Doubles& w,
                                         const Doubles& dy);

// x [rows, in], w [out, in], y [rows, out] = x w^T + bias; an empty bias is none.
struct LinearCase {
  std::int64_t rows, in, out;
};
Doubles reference_linear(const LinearCase& c, const Doubles& x, const Doubles& w,
                         const Doubles& bias);
ProductGradients reference_linear_backward(const LinearCase& c, const Doubles& x, const Doubles& w,
                                           const Doubles& dy);
Doubles column_sums(const Doubles& x, std::int64_t columns);

// Batch normalisation of x [rows, channels] (rows: all images and positions), then the residual
// (empty: none), then a leaky ReLU with `slope` below zero.
struct NormCase {
  std::int64_t rows, channels;
  double slope = 0, eps = 1e-5;
};
struct NormAffine {
  Doubles gamma, beta;
};
struct Moments {
  Doubles mean, variance;  // [channels]; variance of the population, not of the sample
};
Moments batch_moments(const NormCase& c, const Doubles& x);
// The value before the activation, by the statistics given; and with the activation.
Doubles reference_norm_linear(const NormCase& c, const Moments& m, const NormAffine& a,
                              const Doubles& x, const Doubles& residual);
Doubles reference_leaky_relu(const Doubles& x, double slope);
Doubles reference_norm_act(const NormCase& c, const NormAffine& a, const Doubles& x,
                           const Doubles& residual);  // training mode
struct NormGradientsOf {
  Doubles x, gamma, beta, residual;
};
NormGradientsOf reference_norm_act_backward(const NormCase& c, const NormAffine& a,
                                            const Doubles& x, const Doubles& residual,
                                            const Doubles& dy);

// 3x3, stride 2, padding 1; and the mean over height and width, [images, channels].
struct PoolCase {
  std::int64_t images, height, width, channels;

  std::int64_t out_height() const { return (height + 1) / 2; }
  std::int64_t out_width() const { return (width + 1) / 2; }
};
Doubles reference_max_pool(const PoolCase& c, const Doubles& x);
// The whole gradient of a window goes to the first of its largest values, as in PyTorch.
Doubles reference_max_pool_backward(const PoolCase& c, const Doubles& x, const Doubles& dy);
Doubles reference_mean_pool(const PoolCase& c, const Doubles& x);
Doubles reference_mean_pool_backward(const PoolCase& c, const Doubles& dy);

}  // namespace peclr::test
