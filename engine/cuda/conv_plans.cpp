// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/conv_plans.h"

#include <cudnn.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "engine/cuda/late_libraries.h"

#if CUDNN_VERSION < 90800
#error "engine/cuda/conv_plans.cpp is written for cuDNN 9.8 or newer"
#endif

namespace peclr::cuda {
namespace {

std::string last_words(cudnnStatus_t status) {
  std::array<char, 512> text{};
  cudnnGetLastErrorString(text.data(), text.size());
  std::string words = text.data();
  words = words.substr(0, words.find('\n'));
  return fmt::format("{}{}{}", cudnnGetErrorString(status), words.empty() ? "" : ": ", words);
}

void check_cudnn(cudnnStatus_t status, const char* operation) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  const std::string text = fmt::format("cuDNN, {}: {}", operation, last_words(status));
  if (CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED) throw NotSupported(text);
  fail(ErrorKind::failure, "{}", text);
}

// ---- cuDNN's objects: typed attributes, set one by one and then sealed.
class Descriptor;

template <class T>
inline constexpr auto kAttributeType = CUDNN_TYPE_INT64;
template <>
inline constexpr auto kAttributeType<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr auto kAttributeType<float> = CUDNN_TYPE_FLOAT;
template <>
inline constexpr auto kAttributeType<char> = CUDNN_TYPE_CHAR;
template <>
inline constexpr auto kAttributeType<void*> = CUDNN_TYPE_VOID_PTR;
template <>
inline constexpr auto kAttributeType<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr auto kAttributeType<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr auto kAttributeType<cudnnConvolutionMode_t> = CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr auto kAttributeType<cudnnPointwiseMode_t> = CUDNN_TYPE_POINTWISE_MODE;
template <>
inline constexpr auto kAttributeType<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr auto kAttributeType<cudnnBackendKnobType_t> = CUDNN_TYPE_KNOB_TYPE;
template <>
inline constexpr auto kAttributeType<cudnnBackendNumericalNote_t> = CUDNN_TYPE_NUMERICAL_NOTE;

class Descriptor {
 public:
  using Raw = cudnnBackendDescriptor_t;
  using Name = cudnnBackendAttributeName_t;

  explicit Descriptor(cudnnBackendDescriptorType_t type) {
    check_cudnn(cudnnBackendCreateDescriptor(type, &raw_), "creating a descriptor");
  }
  Descriptor(Descriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Descriptor() {
    if (raw_) cudnnBackendDestroyDescriptor(raw_);
  }

  template <class T>
  Descriptor& set(Name name, std::span<const T> values) {
    return set(name, kAttributeType<T>, values.size(), values.data());
  }
  template <class T>
  Descriptor& set(Name name, T value) {
    return set(name, std::span<const T>(&value, 1));
  }
  Descriptor& set(Name name, const Descriptor& part) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part.raw_);
  }
  Descriptor& set(Name name, std::span<const Descriptor> parts) {
    std::vector<Raw> raw;
    for (const Descriptor& part : parts) raw.push_back(part.raw_);
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, raw.size(), raw.data());
  }
  cudnnStatus_t try_seal() { return cudnnBackendFinalize(raw_); }
  Descriptor& seal(const char* operation) {
    check_cudnn(try_seal(), operation);
    return *this;
  }

  template <class T>
  std::vector<T> get(Name name, std::size_t most) const {
    std::vector<T> values(most);
    values.resize(get(name, kAttributeType<T>, most, values.data()));
    return values;
  }
  std::vector<Descriptor> get(Name name, cudnnBackendDescriptorType_t type,
                              std::size_t most) const {
    std::vector<Descriptor> parts;
    std::vector<Raw> raw;
    for (std::size_t i = 0; i < most; ++i) raw.push_back(parts.emplace_back(type).raw_);
    const std::size_t count = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, raw.data());
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(count), parts.end());
    return parts;
  }
  std::size_t count(Name name, cudnnBackendAttributeType_t type) const {
    return get(name, type, 0, nullptr);
  }
  Raw raw() const { return raw_; }

 private:
  Descriptor& set(Name name, cudnnBackendAttributeType_t type, std::size_t count,
                  const void* values) {
    check_cudnn(
        cudnnBackendSetAttribute(raw_, name, type, static_cast<std::int64_t>(count), values),
        "setting an attribute");
    return *this;
  }
  std::size_t get(Name name, cudnnBackendAttributeType_t type, std::size_t most,
                  void* values) const {
    std::int64_t count = 0;
    check_cudnn(
        cudnnBackendGetAttribute(raw_, name, type, static_cast<std::int64_t>(most), &count, values),
        "reading an attribute");
    return most == 0 ? static_cast<std::size_t>(count)
                     : std::min(most, static_cast<std::size_t>(count));
  }

  Raw raw_ = nullptr;
};

}  // namespace

struct PlanTarget::Impl {
  cudnnHandle_t handle = nullptr;
  std::optional<Descriptor> card;

  void name_in(Descriptor& d, Descriptor::Name by_handle, Descriptor::Name by_card) const {
    if (card)
      d.set(by_card, *card);
    else
      d.set(by_handle, handle);
  }
};

namespace {

using Target = PlanTarget::Impl;

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

// ---- Engines.
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

}  // namespace

std::size_t cudnn_version_number() {
  load_libraries();
  return cudnnGetVersion();
}

std::string cudnn_version() {
  const std::size_t v = cudnn_version_number();
  return fmt::format("cuDNN {}.{}.{}", v / 10000, v / 100 % 100, v % 100);
}

PlanTarget::PlanTarget(Stream stream, const std::string& name) : impl_(std::make_unique<Impl>()) {
  if (const cudnnStatus_t status = cudnnCreate(&impl_->handle); status != CUDNN_STATUS_SUCCESS)
    fail(ErrorKind::device, "cuDNN does not start on {}: {}", name, last_words(status));
  check_cudnn(cudnnSetStream(impl_->handle, stream), "choosing a stream");
}

PlanTarget::PlanTarget(const std::string& properties) : impl_(std::make_unique<Impl>()) {
  load_libraries();
  impl_->card.emplace(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  impl_->card->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::span<const char>(properties))
      .seal("reading a card's properties");
}

PlanTarget::~PlanTarget() {
  if (impl_->handle) cudnnDestroy(impl_->handle);
}

struct ConvPlan::Made {
  cudnnHandle_t handle;
  Descriptor plan;
};

std::optional<std::string> ConvPlan::run(const ConvOperands& operands, void* workspace) const {
  const std::array<std::int64_t, 3> ids{kX, kW, kY};
  const std::array<void*, 3> data{operands.x, operands.w, operands.y};
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span<const std::int64_t>(ids))
      .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::span<void* const>(data))
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
      .seal("naming operands");
  const cudnnStatus_t status = cudnnBackendExecute(made_->handle, made_->plan.raw(), pack.raw());
  if (status == CUDNN_STATUS_SUCCESS) return {};
  return last_words(status);
}

struct ConvPlans::Impl {
  const Target& target;
  DType type;
  Tf32 tf32;
  Descriptor graph;
  std::optional<std::vector<Descriptor>> proposed;

  const std::vector<Descriptor>& all_proposed() {
    if (!proposed) proposed = cuda::proposals(graph, target);
    return *proposed;
  }
  std::optional<ConvPlan> make(const Descriptor& config, std::string& fault) const;
};

ConvPlans::ConvPlans(const PlanTarget& target, ConvPass pass, const ConvShape& shape, Tf32 tf32)
    : impl_(new Impl{target.impl(), shape.type, tf32, graph_of(pass, shape, target.impl()), {}}) {}
ConvPlans::~ConvPlans() = default;

std::size_t ConvPlans::proposals() { return impl_->all_proposed().size(); }

std::optional<ConvPlan> ConvPlans::Impl::make(const Descriptor& config, std::string& fault) const {
  const std::vector<Descriptor> engines =
      config.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
  if (engines.empty() || !is_exact(engines[0], type, tf32)) return {};
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  target.name_in(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
  if (const cudnnStatus_t status = plan.try_seal(); status != CUDNN_STATUS_SUCCESS) {
    fault = last_words(status);
    return {};
  }
  const std::int64_t bytes =
      plan.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, 1).at(0);
  return ConvPlan(std::make_shared<ConvPlan::Made>(target.handle, std::move(plan)),
                  choice_of(config, engines[0]), bytes);
}

std::optional<ConvPlan> ConvPlans::make(std::size_t proposal, std::string& fault) {
  return impl_->make(impl_->all_proposed().at(proposal), fault);
}

std::optional<ConvPlan> ConvPlans::make(const PlanChoice& choice, std::string& fault) {
  fault = "this cuDNN has no such engine or setting";
  const std::optional<Descriptor> config = config_of(choice, impl_->graph, impl_->target);
  return config ? impl_->make(*config, fault) : std::nullopt;
}

}  // namespace peclr::cuda
