// SPDX-License-Identifier: Apache-2.0
#include "tests/cuda_fake/dnn/engines.h"

#include <cstdlib>

namespace peclr::fake {
namespace {

// The one that should not be taken comes first, as cuDNN's fastest may be.
const std::vector<Engine>& engines() {
  static const std::vector<Engine> all{
      {17,
       {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC},
       64,
       1,
       Arithmetic::exact,
       Engine::Manner::breaks_promises,
       true,
       true},
      {kRefusing, {}, 64, 40, Arithmetic::exact, Engine::Manner::refuses, true, true},
      {kHuge, {}, std::int64_t{3} << 30, 1, Arithmetic::exact, Engine::Manner::right, true, true},
      {kLarge, {}, 96 << 20, 1, Arithmetic::exact, Engine::Manner::right, true, true},
      {23,
       {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS},
       1000,
       2,
       Arithmetic::tf32,
       Engine::Manner::right,
       true,
       false},
      {31,
       {CUDNN_NUMERICAL_NOTE_TENSOR_CORE},
       3000,
       2,
       Arithmetic::exact,
       Engine::Manner::right,
       false,
       true},
      {0,
       {CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP},
       0,
       1,
       Arithmetic::exact,
       Engine::Manner::right,
       true,
       false}};
  return all;
}

Values of_descriptor(const Part& part) { return {CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {part}}; }
template <class T>
Values of_number(Type type, T value) {
  Values values{type, 1, std::vector<std::byte>(sizeof value), {}};
  std::memcpy(values.bytes.data(), &value, sizeof value);
  return values;
}

Part finalised(cudnnBackendDescriptorType_t type, std::map<Name, Values> values) {
  return std::make_shared<Descriptor>(Descriptor{type, true, std::move(values)});
}

Part proposal(const Part& graph, const Engine& engine, std::int64_t knob) {
  const Part chosen =
      finalised(CUDNN_BACKEND_ENGINE_DESCRIPTOR,
                {{CUDNN_ATTR_ENGINE_OPERATION_GRAPH, of_descriptor(graph)},
                 {CUDNN_ATTR_ENGINE_GLOBAL_INDEX, of_number(CUDNN_TYPE_INT64, engine.index)}});
  const Part setting =
      finalised(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR,
                {{CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE,
                  of_number(CUDNN_TYPE_KNOB_TYPE, CUDNN_KNOB_TYPE_TILE_SIZE)},
                 {CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, of_number(CUDNN_TYPE_INT64, knob)}});
  return finalised(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR,
                   {{CUDNN_ATTR_ENGINECFG_ENGINE, of_descriptor(chosen)},
                    {CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, of_descriptor(setting)}});
}

}  // namespace

const Engine* engine_of(std::int64_t index) {
  for (const Engine& engine : engines())
    if (engine.index == index) return &engine;
  return nullptr;
}

bool takes(const Engine& engine, const Convolution& c) {
  if (c.x.type == Number::f32) return engine.takes_f32;
  return engine.takes_bf16 && c.w.sizes[0] % 8 == 0 && c.w.sizes[1] % 8 == 0;
}

bool planted(std::string_view what) {
  const char* plant = std::getenv("PECLR_FAKE_ENGINES");
  return plant && plant == what;
}

namespace {

bool is_proposed(const Engine& engine, const Convolution& c) {
  const bool gradient = c.pass == Pass::backward_weights && c.x.type == Number::bf16;
  if (planted("none") || (gradient && planted("refusing"))) return engine.index == kRefusing;
  if (planted("huge")) return engine.index == kHuge;
  if (engine.index == kLarge || engine.index == kHuge) return planted("large");
  return engine.index != kRefusing;
}

}  // namespace

// The engine without a note on tensor cores is the one to fall back on.
std::vector<Part> proposals(const Part& graph, cudnnBackendHeurMode_t mode) {
  const Convolution c = convolution_of_graph(*graph);
  std::vector<Part> all;
  for (const Engine& engine : engines())
    if (is_proposed(engine, c) && takes(engine, c) &&
        (engine.index == 0) == (mode == CUDNN_HEUR_MODE_FALLBACK))
      for (std::int64_t knob = engine.knob_most; knob > 0; --knob)
        all.push_back(proposal(graph, engine, knob));
  return all;
}

const Descriptor& graph_of_plan(const Descriptor& plan) {
  return plan.part(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
      .part(CUDNN_ATTR_ENGINECFG_ENGINE)
      .part(CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
}

const Engine& engine_of_plan(const Descriptor& plan) {
  const Descriptor& engine =
      plan.part(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG).part(CUDNN_ATTR_ENGINECFG_ENGINE);
  return *engine_of(engine.one<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX));
}

}  // namespace peclr::fake
