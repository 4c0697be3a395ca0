// SPDX-License-Identifier: Apache-2.0
// The engines that the stand-in has for convolutions: one for each thing that cuDNN says of its
// own, so that what takes a wrong one is seen.
#pragma once
#include <span>
#include <string_view>

#include "tests/cuda_fake/dnn/convolution.h"

namespace peclr::fake {

struct Engine {
  std::int64_t index;
  std::vector<cudnnBackendNumericalNote_t> notes;
  std::int64_t workspace_bytes, knob_most;  // its one knob, CUDNN_KNOB_TYPE_TILE_SIZE, is 0 to this
  Arithmetic arithmetic;
  // One that refuses can be planned, but is not proposed: a plan of another version's file. What is
  // not deterministic breaks its promises: it gives NaN.
  enum class Manner { right, refuses, breaks_promises } manner;
  bool takes_f32, takes_bf16;
};

inline constexpr std::int64_t kRefusing = 42;
// Planned by who knows them, like kRefusing: they want 96 MiB and 3 GiB of workspace.
inline constexpr std::int64_t kLarge = 50, kHuge = 51;

// What the environment's PECLR_FAKE_ENGINES plants, of one kind at a time:
// none      every proposal is one of kRefusing
// refusing  the same, of bf16 gradients of weights only
// refused   graphs of those are not supported
// large     kHuge and kLarge are proposed, before all others
// huge      nothing but kHuge
bool planted(std::string_view what);

const Engine* engine_of(std::int64_t index);  // null where there is none
// Tensor cores take 8 channels of bf16 at a time; with other numbers no engine is offered.
bool takes(const Engine& engine, const Convolution& c);
// Knob settings that are proposed for a graph: new descriptors, the most promising first.
std::vector<Part> proposals(const Part& graph, cudnnBackendHeurMode_t mode);
const Engine& engine_of_plan(const Descriptor& plan);
const Descriptor& graph_of_plan(const Descriptor& plan);

}  // namespace peclr::fake
