// SPDX-License-Identifier: Apache-2.0
// Values of the tests in and out of the engine: activations in the layout that the backend likes,
// rounding to bfloat16 done by arithmetic, chosen gradients sent into a tape.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "engine/devices.h"
#include "engine/parameters.h"
#include "engine/tape.h"
#include "kernels/random.h"
#include "tests/support/device.h"
#include "tests/support/layer_reference.h"

namespace peclr::test {

inline std::unique_ptr<Backend> cpu() { return make_backend(DeviceKind::cpu); }

inline bool has_bf16(Backend& backend) {
  try {
    backend.activation({1, 1, 1, 16}, DType::bf16);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Values that a float holds exactly.
inline Doubles random_values(std::int64_t count, std::uint64_t seed, float low = -1,
                             float high = 1) {
  Rng rng = Rng::of(seed, 0x7e57);
  Doubles values(static_cast<std::size_t>(count));
  for (double& v : values) v = rng.uniform(low, high);
  return values;
}

// To the nearest number with 8 bits of mantissa, ties to even.
inline double round_to_bf16(double x) {
  if (x == 0 || !std::isfinite(x)) return x;
  int exponent;
  const double mantissa = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(mantissa, 8)), exponent - 8);
}

inline Doubles rounded_to(DType type, Doubles values) {
  if (type == DType::bf16)
    for (double& v : values) v = round_to_bf16(v);
  return values;
}

inline std::vector<float> floats(const Doubles& values) { return {values.begin(), values.end()}; }

inline Doubles host(const Tensor& t) {
  const std::vector<float> values = t.to_host();
  return {values.begin(), values.end()};
}

inline Tensor plain(Backend& backend, const Shape& shape, const Doubles& values) {
  return Tensor::from_host(backend, shape, floats(values));
}

// [N, H, W, C] values as the backend keeps them: [N, C / block, H, W, block].
inline Tensor activation(Backend& backend, const Shape& s, const Doubles& values, DType type) {
  const Tensor t = backend.activation(s, type);
  t.copy_from_host(floats(values));
  return t;
}

// Runs the tape from gradients of our choice: several at once, also for the same variable.
inline void backward_from(Tape& tape, Backend& backend,
                          const std::vector<std::pair<Variable, Tensor>>& gradients) {
  const Tensor zero = plain(backend, {1}, {0.0});
  const Variable end = tape.record_summed(zero, [&](const Tensor&) {
    for (const auto& [variable, gradient] : gradients) tape.send(variable, gradient);
  });
  tape.backward(end);
}

inline void set_values(ParameterStore& store, Parameter& parameter, const Doubles& values) {
  parameter.value.copy_from_host(floats(values));
  store.values_changed();
}

// What a first gradient must not read: it overwrites.
inline void spoil_gradients(ParameterStore& store) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  store.grads().copy_from_host(std::vector<float>(static_cast<std::size_t>(store.total()), kNan));
}

// The largest |got - want| in units of what is allowed for that element; infinity for a NaN.
inline double worst_over(const Doubles& got, const Doubles& want, const Doubles& allowed) {
  double worst = got.size() == want.size() && got.size() == allowed.size()
                     ? 0
                     : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < got.size() && std::isfinite(worst); ++i) {
    const double ratio = std::abs(got[i] - want[i]) / allowed[i];
    worst = ratio >= 0 ? std::max(worst, ratio) : std::numeric_limits<double>::infinity();
  }
  return worst;
}

}  // namespace peclr::test
