// SPDX-License-Identifier: Apache-2.0
// Norms as a training leaves them, so that a test sees all of their numbers.
#pragma once
#include "tests/support/values.h"

namespace peclr::test {

inline void draw_norms(ParameterStore& store) {
  std::uint64_t seed = 100;
  const auto draw = [&](const Tensor& into, float low, float high) {
    into.copy_from_host(floats(random_values(into.count(), ++seed, low, high)));
  };
  for (StateBuffer& b : store.buffers()) {
    const bool variance = b.name.ends_with("running_var");
    draw(b.value, variance ? 0.5f : -0.3f, variance ? 2.f : 0.3f);
  }
  for (Parameter& p : store.parameters()) {
    if (p.init == Init::one) draw(p.value, 0.5f, 1.5f);
    if (p.init == Init::zero) draw(p.value, -0.3f, 0.3f);
  }
  store.values_changed();
}

}  // namespace peclr::test
