// SPDX-License-Identifier: Apache-2.0
// All that calls cuDNN: a convolution's graph, the plans for it, and their choice.
#include "engine/cuda/dnn.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <tuple>

#include "engine/cuda/dnn_descriptor.h"
#include "engine/cuda/late_libraries.h"
#include "engine/cuda/timing.h"
#include "engine/error.h"

#if CUDNN_VERSION < 90800
#error "engine/cuda/dnn.cpp is written for cuDNN 9.8 or newer"
#endif

namespace peclr::cuda {
namespace {

// The card that plans are for: the one of a handle, or one that is only described.
struct Target {
  cudnnHandle_t handle = nullptr;
  std::optional<Descriptor> card;

  void name_in(Descriptor& d, Descriptor::Name by_handle, Descriptor::Name by_card) const {
    if (card)
      d.set(by_card, *card);
    else
      d.set(by_handle, handle);
  }
};

// ---- A convolution as a graph.
constexpr std::int64_t kX = 1, kW = 2, kY = 3;  // cuDNN's names for tensors are numbers

cudnnDataType_t type_of(DType type) {
  return type == DType::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

// [n, h, w, c] in memory; cuDNN lists sizes as n, c, h, w. One without an id exists within the
// graph only.
Descriptor tensor(std::optional<std::int64_t> id, cudnnDataType_t type, std::int64_t n,
                  std::int64_t h, std::int64_t w, std::int64_t c) {
  constexpr std::int64_t kInside = 4, kAlignment = 16;
  const std::array<std::int64_t, 4> sizes{n, c, h, w}, strides{h * w * c, 1, w * c, c};
  Descriptor d(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  d.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span<const std::int64_t>(sizes))
      .set(CUDNN_ATTR_TENSOR_STRIDES, std::span<const std::int64_t>(strides))
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id.value_or(kInside))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment)
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, !id.has_value());
  d.seal("describing a tensor");
  return d;
}

Descriptor convolution(const ConvShape& s) {
  const std::array<std::int64_t, 2> strides{s.stride, s.stride}, padding{s.padding, s.padding},
      dilations{1, 1};
  Descriptor d(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  d.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::span<const std::int64_t>(dilations))
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, std::span<const std::int64_t>(strides))
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, std::span<const std::int64_t>(padding))
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, std::span<const std::int64_t>(padding));
  d.seal("describing a convolution");
  return d;
}

// What the three passes call the same things.
struct PassNames {
  cudnnBackendDescriptorType_t operation;
  Descriptor::Name alpha, beta, convolution, x, w, y;
};
PassNames names_of(ConvPass pass) {
  switch (pass) {
    case ConvPass::forward:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y};
    case ConvPass::backward_data:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY};
    default:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY};
  }
}

// The same values in another type.
Descriptor conversion(const Descriptor& from, const Descriptor& to) {
  Descriptor how(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  how.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_POINTWISE_IDENTITY)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  how.seal("describing a conversion");
  Descriptor d(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  d.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, from)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, to);
  d.seal("a conversion");
  return d;
}

// bf16 gradients of weights: cuDNN has no convolution that sums bf16 into f32, but keeps the sum in
// f32 on its way to a second operation, which here does nothing.
Descriptor graph_of(ConvPass pass, const ConvShape& s, const Target& target) {
  const cudnnDataType_t type = type_of(s.type);
  const bool into_f32 = pass == ConvPass::backward_weights && s.type != DType::f32;
  const auto weights = [&](std::optional<std::int64_t> id, cudnnDataType_t stored) {
    return tensor(id, stored, s.out, s.kernel, s.kernel, s.in);
  };
  const Descriptor x = tensor(kX, type, s.images, s.height, s.width, s.in);
  const Descriptor y = tensor(kY, type, s.images, s.out_height(), s.out_width(), s.out);
  const Descriptor w = into_f32 ? weights({}, CUDNN_DATA_FLOAT) : weights(kW, type);

  const PassNames names = names_of(pass);
  std::vector<Descriptor> operations;
  operations.emplace_back(names.operation)
      .set(names.alpha, 1.f)
      .set(names.beta, 0.f)
      .set(names.convolution, convolution(s))
      .set(names.x, x)
      .set(names.w, w)
      .set(names.y, y)
      .seal("a convolution");
  if (into_f32) operations.push_back(conversion(w, weights(kW, CUDNN_DATA_FLOAT)));

  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  if (target.handle) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, target.handle);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, std::span<const Descriptor>(operations));
  graph.seal("a graph of operations");
  return graph;
}

// ---- Engines and plans.
struct Plan {
  Descriptor run;
  std::int64_t workspace_bytes;
  PlanChoice choice;
};

// Engines whose sums depend on the order of arrival, or whose arithmetic is not what was asked for.
bool is_exact(const Descriptor& engine, DType type, Tf32 tf32) {
  for (const auto note : engine.get<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                                                 CUDNN_NUMERICAL_NOTE_TYPE_COUNT))
    switch (note) {
      case CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP:
        break;
      case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
        if (type == DType::f32 && tf32 == Tf32::off) return false;
        break;
      case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
        if (type != DType::f32 || tf32 == Tf32::off) return false;
        break;
      default:  // non-deterministic, narrow sums, Fourier and Winograd transforms
        return false;
    }
  return true;
}

// Settings of an engine that cuDNN's heuristics propose, the most promising first.
std::vector<Descriptor> proposals(const Descriptor& graph, const Target& target) {
  std::vector<Descriptor> all;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    Descriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
        .set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
    if (target.card) heuristic.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.card);
    if (heuristic.try_seal() != CUDNN_STATUS_SUCCESS) continue;
    const std::size_t count =
        heuristic.count(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR);
    if (count == 0) continue;
    for (Descriptor& found :
         heuristic.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, count))
      all.push_back(std::move(found));
  }
  return all;
}

PlanChoice choice_of(const Descriptor& config, const Descriptor& engine) {
  PlanChoice choice;
  choice.engine = engine.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 1).at(0);
  for (const Descriptor& knob :
       config.get(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR,
                  CUDNN_KNOB_TYPE_COUNTS))
    choice.knobs.emplace_back(
        knob.get<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, 1).at(0),
        knob.get<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, 1).at(0));
  return choice;
}

// The way back; nothing where this cuDNN knows no such engine or setting.
std::optional<Descriptor> config_of(const PlanChoice& choice, const Descriptor& graph,
                                    const Target& target) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, choice.engine);
  if (target.card) engine.set(CUDNN_ATTR_ENGINE_DEVICEPROP, *target.card);
  if (engine.try_seal() != CUDNN_STATUS_SUCCESS) return {};
  std::vector<Descriptor> knobs;
  for (const auto& [type, value] : choice.knobs) {
    Descriptor& knob = knobs.emplace_back(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
    if (type < 0 || type >= CUDNN_KNOB_TYPE_COUNTS) return {};
    knob.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, static_cast<cudnnBackendKnobType_t>(type))
        .set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, value);
    if (knob.try_seal() != CUDNN_STATUS_SUCCESS) return {};
  }
  Descriptor config(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  config.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  if (!knobs.empty())
    config.set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, std::span<const Descriptor>(knobs));
  if (config.try_seal() != CUDNN_STATUS_SUCCESS) return {};
  return config;
}

// Nothing where the engine is not exact or does not take the graph after all; `fault` says so.
std::optional<Plan> plan_of(const Descriptor& config, DType type, Tf32 tf32, const Target& target,
                            std::string& fault) {
  const std::vector<Descriptor> engines =
      config.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
  if (engines.empty() || !is_exact(engines[0], type, tf32)) return {};
  Descriptor run(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  target.name_in(run, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
  run.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
  if (const cudnnStatus_t status = run.try_seal(); status != CUDNN_STATUS_SUCCESS) {
    fault = last_words(status);
    return {};
  }
  const std::int64_t bytes =
      run.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, 1).at(0);
  return Plan{std::move(run), bytes, choice_of(config, engines[0])};
}

std::optional<Plan> plan_of(const PlanChoice& choice, const Descriptor& graph, DType type,
                            Tf32 tf32, const Target& target, std::string& fault) {
  fault = "this cuDNN has no such engine or setting";
  const std::optional<Descriptor> config = config_of(choice, graph, target);
  return config ? plan_of(*config, type, tf32, target, fault) : std::nullopt;
}

}  // namespace

struct Dnn::Impl {
  Impl(const Context& gpu, CachingAllocator& allocator, Options chosen)
      : stream(gpu.stream()),
        memory(allocator),
        options(std::move(chosen)),
        file(options.plan_file) {
    enter_gpu();
    if (const cudnnStatus_t status = cudnnCreate(&target.handle); status != CUDNN_STATUS_SUCCESS)
      fail(ErrorKind::device, "cuDNN does not start on {}: {}", gpu.facts().name,
           last_words(status));
    check_cudnn(cudnnSetStream(target.handle, stream), "choosing a stream");
  }
  ~Impl() {
    plans.clear();
    cudnnDestroy(target.handle);
  }

  cudnnStatus_t execute(const Plan& plan, const ConvOperands& operands, void* workspace) {
    const std::array<std::int64_t, 3> ids{kX, kW, kY};
    const std::array<void*, 3> data{operands.x, operands.w, operands.y};
    Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span<const std::int64_t>(ids))
        .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::span<void* const>(data))
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
        .seal("naming operands");
    return cudnnBackendExecute(target.handle, plan.run.raw(), pack.raw());
  }

  // What it takes, or nothing where it does not run.
  std::optional<double> time(const Plan& plan, const ConvOperands& operands) {
    constexpr int kRuns = 5;
    const TemporaryRoom room(plan.workspace_bytes);
    if (!room.enough() || execute(plan, operands, room.data()) != CUDNN_STATUS_SUCCESS) return {};
    stopwatch.microseconds([] {});  // waits: the first run may still load the kernel
    double best = 1e30;
    for (int i = 0; i < kRuns; ++i)
      best = std::min(best, stopwatch.microseconds([&] { execute(plan, operands, room.data()); }));
    return best;
  }

  // The fastest of what cuDNN proposes. Time and number are limited: the engines of bf16 gradients
  // of weights compile for a second each, a network has a dozen such shapes, and the best are among
  // the first.
  std::optional<Plan> fastest(const Descriptor& graph, const std::string& name, DType type,
                              Tf32 tf32, const ConvOperands& operands) {
    constexpr std::size_t kMost = 24;
    constexpr std::chrono::seconds kLongest{2};
    const auto begin = std::chrono::steady_clock::now();
    std::optional<Plan> best;
    std::size_t timed = 0;
    for (const Descriptor& config : proposals(graph, target)) {
      if (best && (timed == kMost || std::chrono::steady_clock::now() - begin > kLongest)) break;
      std::string fault;
      std::optional<Plan> plan = plan_of(config, type, tf32, target, fault);
      const std::optional<double> took = plan ? time(*plan, operands) : std::nullopt;
      if (plan && !took) fault = fmt::format("engine {} does not run", plan->choice.engine);
      if (!fault.empty()) fmt::print(stderr, "{}: a plan is skipped: {}\n", name, fault);
      if (!took) continue;
      ++timed;
      plan->choice.microseconds = *took;
      if (!best || *took < best->choice.microseconds) best = std::move(plan);
    }
    return best;
  }

  // The plan of the file where there is one, else the fastest.
  std::optional<Plan> find(ConvPass pass, const ConvShape& shape, Tf32 tf32,
                           const ConvOperands& operands) {
    const std::string name = text_of(pass, shape) + (tf32 == Tf32::on ? ", tf32" : "");
    const Descriptor graph = graph_of(pass, shape, target);
    if (const std::optional<PlanChoice> known = file.find(name)) {
      std::string fault;
      if (std::optional<Plan> plan = plan_of(*known, graph, shape.type, tf32, target, fault))
        return plan;
      fmt::print(stderr, "{}: the plan of the file is skipped: {}\n", name, fault);
    }
    std::optional<Plan> best = fastest(graph, name, shape.type, tf32, operands);
    if (best) file.store(name, best->choice);
    return best;
  }

  Stream stream;
  CachingAllocator& memory;
  Options options;
  PlanFile file;
  Target target;
  Stopwatch stopwatch{stream};
  std::map<std::tuple<ConvPass, ConvShape, Tf32>, std::optional<Plan>> plans;
};

Dnn::Dnn(const Context& gpu, CachingAllocator& memory, Options options)
    : impl_(std::make_unique<Impl>(gpu, memory, std::move(options))) {}
Dnn::~Dnn() = default;

std::size_t Dnn::version_number() {
  load_libraries();
  return cudnnGetVersion();
}

std::string Dnn::version() {
  const std::size_t v = version_number();
  return fmt::format("cuDNN {}.{}.{}", v / 10000, v / 100 % 100, v % 100);
}

bool Dnn::run(ConvPass pass, const ConvShape& shape, const ConvOperands& operands, Tf32 tf32) {
  enter_gpu();
  if (impl_->options.tf32 == Tf32::on) tf32 = Tf32::on;
  for (const void* p : {operands.x, operands.w, operands.y})
    check(reinterpret_cast<std::uintptr_t>(p) % 16 == 0, "{}: an operand is not aligned",
          text_of(pass, shape));
  const std::tuple key(pass, shape, tf32);
  auto it = impl_->plans.find(key);
  if (it == impl_->plans.end())
    it = impl_->plans.emplace(key, impl_->find(pass, shape, tf32, operands)).first;
  if (!it->second) return false;
  const Plan& plan = *it->second;
  const auto bytes = static_cast<std::size_t>(plan.workspace_bytes);
  void* workspace = nullptr;
  try {
    if (bytes > 0) workspace = impl_->memory.allocate(bytes);
  } catch (const Error& e) {
    fail(e.kind(), "room for {}: {}", text_of(pass, shape), e.what());
  }
  const cudnnStatus_t status = impl_->execute(plan, operands, workspace);
  // The next to get this memory works behind us in the same stream.
  if (workspace) impl_->memory.release(workspace, bytes);
  check(status == CUDNN_STATUS_SUCCESS, "{}: {}", text_of(pass, shape), last_words(status));
  return true;
}

namespace {

Target described(const std::string& card) {
  load_libraries();
  Target target;
  target.card.emplace(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  target.card->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::span<const char>(card))
      .seal("reading a card's properties");
  return target;
}

}  // namespace

std::vector<OfferedPlan> offered_plans(ConvPass pass, const ConvShape& shape, Tf32 tf32,
                                       const std::string& card) {
  const Target target = described(card);
  const Descriptor graph = graph_of(pass, shape, target);
  std::vector<OfferedPlan> offered;
  std::string fault;
  for (const Descriptor& config : proposals(graph, target))
    if (const auto plan = plan_of(config, shape.type, tf32, target, fault))
      offered.push_back({plan->choice, plan->workspace_bytes});
  return offered;
}

std::optional<OfferedPlan> kept_plan(ConvPass pass, const ConvShape& shape, Tf32 tf32,
                                     const std::string& card, const PlanChoice& choice) {
  const Target target = described(card);
  std::string fault;
  const auto plan = plan_of(choice, graph_of(pass, shape, target), shape.type, tf32, target, fault);
  return plan ? std::optional(OfferedPlan{plan->choice, plan->workspace_bytes}) : std::nullopt;
}

}  // namespace peclr::cuda
