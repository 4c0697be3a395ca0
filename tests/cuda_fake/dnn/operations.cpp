// SPDX-License-Identifier: Apache-2.0
// Descriptors of tensors and operations, read and checked.
#include <algorithm>
#include <array>

#include "tests/cuda_fake/dnn/convolution.h"

namespace peclr::fake {
namespace {

void require(bool ok, cudnnStatus_t status, const char* rule) {
  if (!ok) throw Refusal{status, rule};
}

template <std::size_t kCount>
std::array<std::int64_t, kCount> numbers(const Descriptor& d, Name name) {
  std::array<std::int64_t, kCount> all;
  const std::vector<std::int64_t> found = d.all<std::int64_t>(name);
  std::copy_n(found.begin(), kCount, all.begin());
  return all;
}

// Written from cuDNN's documentation and not taken from the engine: a name that is wrong there must
// not be right here.
struct Names {
  Pass pass;
  Name alpha, beta, convolution, x, w, y;
};
Names names_of(const Descriptor& operation) {
  switch (operation.type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return {Pass::forward,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return {Pass::backward_data,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      return {Pass::backward_weights,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY};
    default:
      throw Refusal{CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN, "a graph begins with a convolution"};
  }
}

}  // namespace

std::size_t TensorSpec::bytes() const {
  std::int64_t last = 0;
  for (int i = 0; i < 4; ++i) last += (sizes[i] - 1) * strides[i];
  return static_cast<std::size_t>(last + 1) * size_of(type);
}

TensorSpec tensor_of(const Descriptor& d) {
  const auto type = d.one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE);
  require(type == CUDNN_DATA_FLOAT || type == CUDNN_DATA_BFLOAT16,
          CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "numbers that are not stood in for");
  const TensorSpec t{.id = d.one<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID),
                     .alignment = d.one<std::int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT),
                     .is_virtual = d.has(CUDNN_ATTR_TENSOR_IS_VIRTUAL) &&
                                   d.one<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL),
                     .type = type == CUDNN_DATA_FLOAT ? Number::f32 : Number::bf16,
                     .sizes = numbers<4>(d, CUDNN_ATTR_TENSOR_DIMENSIONS),
                     .strides = numbers<4>(d, CUDNN_ATTR_TENSOR_STRIDES)};
  for (int i = 0; i < 4; ++i)
    require(t.sizes[i] > 0 && t.strides[i] > 0, CUDNN_STATUS_BAD_PARAM,
            "sizes and strides of a tensor are positive");
  require(t.alignment > 0 && t.alignment % static_cast<std::int64_t>(size_of(t.type)) == 0,
          CUDNN_STATUS_BAD_PARAM, "the alignment of a tensor is a multiple of its values' size");
  return t;
}

const TensorSpec& Convolution::result() const {
  return pass == Pass::forward ? y : pass == Pass::backward_data ? x : w;
}

Convolution convolution_of(const Descriptor& operation) {
  const Names n = names_of(operation);
  const Descriptor& how = operation.part(n.convolution);
  const Convolution c{.pass = n.pass,
                      .x = tensor_of(operation.part(n.x)),
                      .w = tensor_of(operation.part(n.w)),
                      .y = tensor_of(operation.part(n.y)),
                      .stride = numbers<2>(how, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
                      .padding = numbers<2>(how, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS)};
  require(operation.one<float>(n.alpha) == 1 && operation.one<float>(n.beta) == 0,
          CUDNN_STATUS_NOT_SUPPORTED, "factors other than 1 and 0 are not stood in for");
  constexpr auto kShape = CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH;
  require(c.x.sizes[0] == c.y.sizes[0], kShape, "x and y have as many pictures");
  require(c.x.sizes[1] == c.w.sizes[1], kShape, "x has the channels of the filter");
  require(c.y.sizes[1] == c.w.sizes[0], kShape, "y has a channel for each filter");
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t room = c.x.sizes[i + 2] + 2 * c.padding[i] - c.w.sizes[i + 2];
    require(room >= 0 && c.y.sizes[i + 2] == room / c.stride[i] + 1, kShape,
            "y has a pixel for each place of the window");
  }
  const auto fits = [&](const TensorSpec& t) { return t.is_virtual || t.type == c.x.type; };
  require(fits(c.w) && (c.y.type == c.x.type), CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE,
          "tensors of a convolution have one type, but for a result that stays within the graph");
  return c;
}

Convolution convolution_of_graph(const Descriptor& graph) {
  const std::vector<Part>& operations = graph.parts(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  Convolution c = convolution_of(*operations.front());
  constexpr auto kPattern = CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN;
  const bool inside = c.result().is_virtual;
  require(operations.size() == (inside ? 2u : 1u), kPattern,
          "a result within the graph goes to a second operation, any other to none");
  require(c.x.is_virtual + c.w.is_virtual + c.y.is_virtual == inside, kPattern,
          "what a graph begins with is not within it");
  if (!inside) return c;
  const Descriptor& second = *operations[1];
  require(second.type == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR &&
              c.pass == Pass::backward_weights,
          kPattern, "a pattern that is not stood in for");
  const TensorSpec in = tensor_of(second.part(CUDNN_ATTR_OPERATION_POINTWISE_XDESC));
  const TensorSpec out = tensor_of(second.part(CUDNN_ATTR_OPERATION_POINTWISE_YDESC));
  require(in.id == c.w.id && in.is_virtual && in.type == Number::f32, kPattern,
          "the second operation takes the f32 result of the first");
  require(!out.is_virtual && out.sizes == c.w.sizes, kPattern, "the last result is stored");
  c.w = out;
  return c;
}

}  // namespace peclr::fake
