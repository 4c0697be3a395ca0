// SPDX-License-Identifier: Apache-2.0
// What must hold when a descriptor is finalised.
#include <algorithm>
#include <string_view>

#include "tests/cuda_fake/dnn/engines.h"

namespace peclr::fake {
namespace {

void require(bool ok, cudnnStatus_t status, const char* rule) {
  if (!ok) throw Refusal{status, rule};
}

void check_convolution(const Descriptor& d) {
  require(d.one<cudnnDataType_t>(CUDNN_ATTR_CONVOLUTION_COMP_TYPE) == CUDNN_DATA_FLOAT,
          CUDNN_STATUS_NOT_SUPPORTED, "sums other than f32 are not stood in for");
  require(
      d.one<cudnnConvolutionMode_t>(CUDNN_ATTR_CONVOLUTION_CONV_MODE) == CUDNN_CROSS_CORRELATION,
      CUDNN_STATUS_NOT_SUPPORTED, "a mirrored window is not stood in for");
  require(d.one<std::int64_t>(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS) == 2, CUDNN_STATUS_BAD_PARAM,
          "pictures have two dimensions");
  require(d.all<std::int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS) ==
              d.all<std::int64_t>(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS),
          CUDNN_STATUS_NOT_SUPPORTED, "uneven padding is not stood in for");
  for (const std::int64_t dilation : d.all<std::int64_t>(CUDNN_ATTR_CONVOLUTION_DILATIONS))
    require(dilation == 1, CUDNN_STATUS_NOT_SUPPORTED, "dilation is not stood in for");
  for (const std::int64_t stride : d.all<std::int64_t>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES))
    require(stride > 0, CUDNN_STATUS_BAD_PARAM, "strides are positive");
}

void check_config(const Descriptor& d) {
  const Engine& engine = *engine_of(
      d.part(CUDNN_ATTR_ENGINECFG_ENGINE).one<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX));
  if (!d.has(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES)) return;
  for (const Part& choice : d.parts(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES)) {
    const auto value = choice->one<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE);
    require(choice->one<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE) ==
                    CUDNN_KNOB_TYPE_TILE_SIZE &&
                value >= 0 && value <= engine.knob_most,
            CUDNN_STATUS_BAD_PARAM, "the engine has no such knob or value");
  }
}

void check_plan(const Descriptor& d) {
  require(d.has(CUDNN_ATTR_EXECUTION_PLAN_HANDLE) || d.has(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP),
          CUDNN_STATUS_BAD_PARAM, "a plan is for a handle, or for a card that is described");
  require(takes(engine_of_plan(d), convolution_of_graph(graph_of_plan(d))),
          CUDNN_STATUS_NOT_SUPPORTED, "the engine does not take the graph");
}

void check_pack(const Descriptor& d) {
  std::vector<std::int64_t> ids = d.all<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  require(ids.size() == d.all<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS).size(),
          CUDNN_STATUS_BAD_PARAM, "a variant pack has a pointer for each id");
  std::sort(ids.begin(), ids.end());
  require(std::adjacent_find(ids.begin(), ids.end()) == ids.end(),
          CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES, "ids are unique");
}

}  // namespace

void check_finished(const Descriptor& d) {
  for (const Rule& rule : rules_of(d.type))
    require(!rule.required || d.has(rule.name), CUDNN_STATUS_BAD_PARAM,
            "an attribute that is required has not been set");
  switch (d.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      tensor_of(d);
      break;
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
      check_convolution(d);
      break;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      convolution_of(d);
      break;
    case CUDNN_BACKEND_POINTWISE_DESCRIPTOR:
      require(d.one<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE) == CUDNN_POINTWISE_IDENTITY,
              CUDNN_STATUS_NOT_SUPPORTED, "an operation that is not stood in for");
      break;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      require(convolution_of_graph(d).x.type == Number::f32 ||
                  convolution_of_graph(d).pass != Pass::backward_weights || !planted("refused"),
              CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN, "a graph that is planted as unsupported");
      break;
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
      require(engine_of(d.one<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX)) != nullptr,
              CUDNN_STATUS_BAD_PARAM, "there is no engine of this number");
      break;
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
      check_config(d);
      break;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      check_plan(d);
      break;
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
      check_pack(d);
      break;
    case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR: {
      const auto json = d.all<char>(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
      require(
          std::string_view(json.data(), json.size()).find("deviceVer") != std::string_view::npos,
          CUDNN_STATUS_BAD_PARAM, "the card's version is missing");
      break;
    }
    default:
      break;
  }
}

}  // namespace peclr::fake
