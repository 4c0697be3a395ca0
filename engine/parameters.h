// SPDX-License-Identifier: Apache-2.0
// The weights of a model in flat arenas: one for values, one for gradients (and the optimiser's
// moments beside them), so that norms, updates and checkpoints are single passes. Names are
// torchvision's.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "engine/backend.h"

namespace peclr {

// How a parameter starts: torchvision's defaults.
enum class Init {
  kaiming_normal,  // convolution: N(0, 2 / fan_out)
  uniform_fan_in,  // linear weight and bias: U(-1 / sqrt(fan_in), 1 / sqrt(fan_in))
  one,             // norm weight
  zero             // norm bias
};

struct Parameter {
  std::string name;
  Shape shape;  // convolution weights are [O, kH, kW, I] here and OIHW in files
  Init init;
  std::int64_t fan_in;
  std::int64_t begin = 0;  // in the arenas, elements
  Tensor value{}, grad{};
  bool has_grad = false;  // the first gradient of a step overwrites, later ones add
  bool frozen = false;    // an optimiser made after this is set leaves it as it is

  Write next_write() {
    return std::exchange(has_grad, true) ? Write::accumulate : Write::overwrite;
  }
};

// Running statistics and other state that is saved but not learned.
struct StateBuffer {
  std::string name;
  Tensor value;
};
struct StateCounter {
  std::string name;
  std::int64_t value = 0;
};

class ParameterStore {
 public:
  // Declares; references stay valid. fan_in is only used by uniform_fan_in.
  Parameter& add(std::string name, Shape shape, Init init, std::int64_t fan_in = 0);
  StateBuffer& add_buffer(std::string name, std::int64_t count, float value);
  StateCounter& add_counter(std::string name);

  // Makes the arenas and the buffers; the values stay undefined until they are drawn or loaded.
  ParameterStore& place(Backend& backend);
  // Draws the initial values from the seed and each parameter's name (not from their order).
  void draw(std::uint64_t seed);
  void allocate(Backend& backend, std::uint64_t seed) { place(backend).draw(seed); }

  std::deque<Parameter>& parameters() { return parameters_; }
  std::deque<StateBuffer>& buffers() { return buffers_; }
  std::deque<StateCounter>& counters() { return counters_; }
  const Tensor& values() const { return values_; }  // [total] f32; gaps between parameters are zero
  const Tensor& grads() const { return grads_; }
  std::int64_t total() const { return total_; }

  void zero_grads();      // marks all gradients as not there and clears the arena
  void values_changed();  // after writing values: prepared copies are old

 private:
  std::deque<Parameter> parameters_;
  std::deque<StateBuffer> buffers_;
  std::deque<StateCounter> counters_;
  std::deque<std::pair<std::int64_t, float>> buffer_sizes_;  // count and first value of each buffer
  std::int64_t total_ = 0;
  Tensor values_, grads_;
};

}  // namespace peclr
