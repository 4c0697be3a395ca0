// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, a leaky ReLU and max pooling in double, and what tests of them in one need:
// values of which each window's largest is known for certain.
#pragma once
#include "tests/support/values.h"

namespace peclr::test {

struct NormMaxPoolCase {
  PoolCase pool;
  double slope = 0;

  NormCase norm() const { return {pool.images * pool.height * pool.width, pool.channels, slope}; }
  std::int64_t count() const { return norm().rows * pool.channels; }
  std::int64_t windows() const { return pool.images * pool.out_height() * pool.out_width(); }
};

// In training mode.
inline Doubles reference_norm_max_pool(const NormMaxPoolCase& c, const NormAffine& a,
                                       const Doubles& x) {
  return reference_max_pool(c.pool, reference_norm_act(c.norm(), a, x, {}));
}
inline NormGradientsOf reference_norm_max_pool_backward(const NormMaxPoolCase& c,
                                                        const NormAffine& a, const Doubles& x,
                                                        const Doubles& dy) {
  const Doubles map = reference_norm_act(c.norm(), a, x, {});
  return reference_norm_act_backward(c.norm(), a, x, {},
                                     reference_max_pool_backward(c.pool, map, dy));
}

// A few values, exact in bf16 and far apart, so that windows have equal largest ones or clear ones;
// gamma has both signs and is no less than a third.
struct NormMaxPoolValues {
  Doubles x;
  NormAffine affine;
  std::vector<Doubles> dy;  // two that arrive, exact in bf16
  Doubles dy_sum;

  explicit NormMaxPoolValues(const NormMaxPoolCase& c) {
    x = random_values(c.count(), 1, -4, 4);
    for (double& v : x) v = std::round(v) / 2 + 1;
    affine = {random_values(c.pool.channels, 3, .33f, 1.5f), random_values(c.pool.channels, 4)};
    for (std::size_t k = 0; k < affine.gamma.size(); k += 3) affine.gamma[k] *= -1;
    // No gradient where a window's largest is too near zero to know its side.
    const Doubles largest = reference_max_pool(
        c.pool, reference_norm_linear(c.norm(), batch_moments(c.norm(), x), affine, x, {}));
    dy_sum.resize(largest.size());
    for (const std::uint64_t seed : {5, 6}) {
      dy.push_back(rounded_to(DType::bf16, random_values(c.windows() * c.pool.channels, seed)));
      for (std::size_t i = 0; i < largest.size(); ++i) {
        if (std::abs(largest[i]) < 1e-3) dy.back()[i] = 0;
        dy_sum[i] += dy.back()[i];
      }
    }
  }

  // At each place, the magnitudes of the gradients that meet there.
  Doubles meeting(const NormMaxPoolCase& c) const {
    Doubles sizes = dy_sum;
    for (double& v : sizes) v = std::abs(v);
    return reference_max_pool_backward(c.pool, reference_norm_act(c.norm(), affine, x, {}), sizes);
  }
};

}  // namespace peclr::test
