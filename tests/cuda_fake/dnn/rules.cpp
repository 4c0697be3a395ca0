// SPDX-License-Identifier: Apache-2.0
// Attributes of each descriptor, as in the tables of cuDNN's documentation (Graph API reference,
// "Backend descriptor types").
#include "tests/cuda_fake/dnn/descriptor.h"

namespace peclr::fake {
namespace {

constexpr auto kPart = CUDNN_TYPE_BACKEND_DESCRIPTOR;
constexpr std::int64_t kMany = 64;

const Rule kTensor[] = {{CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, 1, true},
                        {CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, 4, true},
                        {CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, 4, true},
                        {CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, 1, true},
                        {CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, 1, true},
                        {CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, 1, false}};

const Rule kConvolution[] = {
    {CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, 1, true},
    {CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, 1, true},
    {CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, 1, true},
    {CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, 2, true},
    {CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, 2, true},
    {CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, 2, true},
    {CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, 2, true}};

constexpr Rule tensor(Name name) {
  return {name, kPart, 1, 1, true, CUDNN_BACKEND_TENSOR_DESCRIPTOR};
}
constexpr Rule convolution(Name name) {
  return {name, kPart, 1, 1, true, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR};
}
constexpr Rule factor(Name name) { return {name, CUDNN_TYPE_FLOAT, 1, 1, true}; }

const Rule kForward[] = {factor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA),
                         factor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA),
                         convolution(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC),
                         tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X),
                         tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W),
                         tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y)};
const Rule kBackwardData[] = {factor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA),
                              factor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA),
                              convolution(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC),
                              tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX),
                              tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W),
                              tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY)};
const Rule kBackwardFilter[] = {factor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA),
                                factor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA),
                                convolution(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC),
                                tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X),
                                tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW),
                                tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY)};

const Rule kPointwise[] = {{CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, 1, true},
                           {CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, 1, true}};
const Rule kPointwiseOperation[] = {{CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kPart, 1, 1,
                                     true, CUDNN_BACKEND_POINTWISE_DESCRIPTOR},
                                    tensor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC),
                                    tensor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC)};

const Rule kGraph[] = {{CUDNN_ATTR_OPERATIONGRAPH_OPS, kPart, 1, kMany, true},
                       {CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, 1, false}};
const Rule kHeuristics[] = {
    {CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, kPart, 1, 1, true,
     CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR},
    {CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, 1, true},
    {CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, kPart, 1, 1, false, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR}};
const Rule kEngine[] = {
    {CUDNN_ATTR_ENGINE_OPERATION_GRAPH, kPart, 1, 1, true, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR},
    {CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, 1, true},
    {CUDNN_ATTR_ENGINE_DEVICEPROP, kPart, 1, 1, false, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR}};
const Rule kKnobChoice[] = {{CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, 1, true},
                            {CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1, 1, true}};
const Rule kConfig[] = {
    {CUDNN_ATTR_ENGINECFG_ENGINE, kPart, 1, 1, true, CUDNN_BACKEND_ENGINE_DESCRIPTOR},
    {CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, kPart, 1, kMany, false,
     CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR}};
const Rule kPlan[] = {{CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, kPart, 1, 1, true,
                       CUDNN_BACKEND_ENGINECFG_DESCRIPTOR},
                      {CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, 1, false},
                      {CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, kPart, 1, 1, false,
                       CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR}};
const Rule kPack[] = {{CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 1, kMany, true},
                      {CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 1, kMany, true},
                      {CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, 1, true}};
const Rule kCard[] = {
    {CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, 1, 1 << 20, true}};

}  // namespace

std::span<const Rule> rules_of(cudnnBackendDescriptorType_t type) {
  switch (type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      return kTensor;
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
      return kConvolution;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return kForward;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return kBackwardData;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      return kBackwardFilter;
    case CUDNN_BACKEND_POINTWISE_DESCRIPTOR:
      return kPointwise;
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
      return kPointwiseOperation;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      return kGraph;
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      return kHeuristics;
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
      return kEngine;
    case CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR:
      return kKnobChoice;
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
      return kConfig;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      return kPlan;
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
      return kPack;
    case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR:
      return kCard;
    default:
      return {};
  }
}

std::size_t size_of(Type type) {
  switch (type) {
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
      return 1;
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_HANDLE:
      return 8;
    default:  // enumerations, f32
      return 4;
  }
}

}  // namespace peclr::fake
