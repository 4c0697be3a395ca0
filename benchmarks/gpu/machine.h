// SPDX-License-Identifier: Apache-2.0
// What kernels are measured on: a card by CUDA's events, or the emulator by the host's clock, which
// only shows that the program works. The build decides: gpu/cuda/ or gpu/simt/.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/gpu/floors.h"
#include "engine/backend.h"
#include "kernels/stream.h"

namespace peclr::bench {

using Job = std::function<void()>;  // asks for work

// A library's way of doing the same. Without `run` it has none, and `what` says why.
struct LibraryJob {
  std::string what;
  Job run{};
};

// Jobs of NVIDIA's libraries, in a stream of their own. x, y, ... are [N, H, W, C] bf16 of the
// shapes that Backend's functions want, whose values do not matter.
class Libraries {
 public:
  virtual ~Libraries() = default;
  // residual may be undefined.
  virtual LibraryJob norm_forward(const Tensor& x, const Tensor& residual) = 0;
  virtual LibraryJob norm_backward(const Tensor& x, const Tensor& residual) = 0;
  enum class Pool { max, mean };  // 3x3, stride 2, padding 1; all of the map
  virtual LibraryJob pool_forward(Pool pool, const Tensor& x) = 0;
  virtual LibraryJob pool_backward(Pool pool, const Tensor& x) = 0;
  // z [2N, D] f32, multiplied in bf16.
  virtual LibraryJob ntxent(const Tensor& z) = 0;
};

class Machine {
 public:
  virtual ~Machine() = default;
  virtual Backend& backend() = 0;
  virtual Stream stream() = 0;
  virtual Libraries* libraries() = 0;  // null: there are none
  // What a reader must know: name and value.
  virtual std::vector<std::pair<std::string, std::string>> facts() = 0;
  virtual Rates measure_rates() = 0;
  // Of a job in the backend's stream or the libraries', with nothing of its data in the caches.
  enum class Whose { ours, library };
  virtual double microseconds(Whose whose, const Job& job) = 0;
  // The most memory of the backend in use at a time since the last call of reset_peak, and now.
  virtual void reset_peak() = 0;
  virtual std::int64_t peak_bytes() const = 0;
};

// device: "cuda" or "simt". Throws Error(device) where this build or machine has none.
std::unique_ptr<Machine> make_machine(const std::string& device, int gpu);

}  // namespace peclr::bench
