// SPDX-License-Identifier: Apache-2.0
// How far a norm's values and gradients may be from those in double.
#pragma once
#include <algorithm>
#include <cmath>

#include "tests/support/values.h"

namespace peclr::test {

// f32: a few ulps of the numbers that are joined. bf16: half an ulp of the stored value more.
inline Doubles norm_allowance(const Doubles& want, DType type) {
  Doubles allowed(want.size(), 4e-6);
  for (std::size_t i = 0; i < want.size(); ++i) {
    allowed[i] *= std::max(std::abs(want[i]), 1.0);
    if (type == DType::bf16) allowed[i] += 0x1p-8 * std::abs(want[i]);
  }
  return allowed;
}

// Of dx, beyond that: half an ulp of the gradient in front of the normalisation where it was
// `held` in bf16, by gamma / deviation; and where a channel hardly varies its gradient is a small
// difference of large numbers.
inline Doubles dx_allowance(const NormCase& c, const NormAffine& a, const Doubles& x,
                            const Doubles& want, DType type, const Doubles& held) {
  const Moments batch = batch_moments(c, x);
  Doubles allowed = norm_allowance(want, type);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = i % a.gamma.size();
    const double deviation = std::sqrt(batch.variance[k] + c.eps);
    const double factor = std::abs(a.gamma[k]) / deviation;
    if (type == DType::bf16) allowed[i] += 0x1p-8 * factor * std::abs(held[i]);
    allowed[i] += 1e-6 * factor * (1 + std::abs(batch.mean[k]) / deviation);
  }
  return allowed;
}

}  // namespace peclr::test
