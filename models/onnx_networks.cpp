// SPDX-License-Identifier: Apache-2.0
#include "models/onnx_networks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/weight_layout.h"
#include "kernels/augment.h"
#include "kernels/pose.h"
#include "models/onnx_pose.h"

namespace peclr {
namespace {

using Value = std::string;
using Ints = std::vector<std::int64_t>;

// A layer's weights [out, ...] and bias [out] with the norm behind it folded in: y = gamma (x -
// mean) / sqrt(variance + eps) + beta.
struct Folded {
  std::vector<float> weight, bias;
};
Folded fold(std::vector<float> weight, std::vector<float> bias, const ops::NormLayer& norm) {
  const auto gamma = norm.gamma->value.to_host(), beta = norm.beta->value.to_host(),
             mean = norm.running_mean->value.to_host(),
             variance = norm.running_variance->value.to_host();
  const std::size_t out = gamma.size(), in = weight.size() / out;
  bias.resize(out, 0.f);
  for (std::size_t o = 0; o < out; ++o) {
    const double scale = gamma[o] / std::sqrt(double{variance[o]} + double{NormSpec{}.eps});
    for (std::size_t i = 0; i < in; ++i)
      weight[o * in + i] = static_cast<float>(scale * weight[o * in + i]);
    bias[o] = static_cast<float>(scale * (double{bias[o]} - mean[o]) + beta[o]);
  }
  return {std::move(weight), std::move(bias)};
}

Value convolution(OnnxGraph& graph, const Value& x, const ResNet::Unit& unit) {
  const Shape& s = unit.conv->shape;  // [O, kH, kW, I]
  const Folded f = fold(oihw_from_ohwi(unit.conv->value.to_host(), s), {}, unit.norm);
  const Value weight = graph.constant({s[0], s[3], s[1], s[2]}, f.weight);
  const std::int64_t stride = unit.spec.stride, pad = unit.spec.padding;
  return graph.node("Conv", {x, weight, graph.constant({s[0]}, f.bias)},
                    {{"dilations", Ints{1, 1}},
                     {"group", std::int64_t{1}},
                     {"kernel_shape", Ints{s[1], s[2]}},
                     {"pads", Ints{pad, pad, pad, pad}},
                     {"strides", Ints{stride, stride}}});
}

Value block(OnnxGraph& graph, const Value& x, const ResNet::Block& block) {
  Value y = x;
  for (std::size_t i = 0; i < block.units.size(); ++i) {
    y = convolution(graph, y, block.units[i]);
    if (i + 1 < block.units.size()) y = graph.node("Relu", {y});
  }
  const Value skip = block.downsample ? convolution(graph, x, *block.downsample) : x;
  return graph.node("Relu", {graph.node("Add", {y, skip})});
}

// (level / 255 - mean) / deviation, as a convolution: OpenCV 4.6 takes a Sub and a Mul before one
// into its weights and bias, which is wrong where it pads.
Value normalised(OnnxGraph& graph, const Value& images) {
  std::vector<float> weight(9), bias(3);
  for (int c = 0; c < 3; ++c) {
    const double scale = 1 / (255 * double{imagenet_deviation(c)});
    weight[static_cast<std::size_t>(4 * c)] = static_cast<float>(scale);
    bias[static_cast<std::size_t>(c)] = static_cast<float>(-255 * imagenet_mean(c) * scale);
  }
  return graph.node("Conv",
                    {images, graph.constant({3, 3, 1, 1}, weight), graph.constant({3}, bias)},
                    {{"kernel_shape", Ints{1, 1}}});
}

Value features(OnnxGraph& graph, const ResNet& encoder, int input) {
  Value x = normalised(graph, graph.input("images", {OnnxGraph::kBatch, 3, input, input}));
  x = graph.node("Relu", {convolution(graph, x, encoder.stem())});
  x = graph.node("MaxPool", {x},
                 {{"ceil_mode", std::int64_t{0}},
                  {"kernel_shape", Ints{3, 3}},
                  {"pads", Ints{1, 1, 1, 1}},
                  {"strides", Ints{2, 2}}});
  for (const ResNet::Block& b : encoder.blocks()) x = block(graph, x, b);
  return graph.node("Flatten", {graph.node("GlobalAveragePool", {x})}, {{"axis", std::int64_t{1}}});
}

// weight [out, in], row by row, and bias [out].
Value linear(OnnxGraph& graph, const Value& x, const Folded& layer) {
  const auto out = std::ssize(layer.bias), in = std::ssize(layer.weight) / out;
  return graph.node("Gemm",
                    {x, graph.constant({out, in}, layer.weight), graph.constant({out}, layer.bias)},
                    {{"alpha", 1.f}, {"beta", 1.f}, {"transB", std::int64_t{1}}});
}

Folded values_of(const LinearLayer& layer) {
  return {layer.weight->value.to_host(), layer.bias->value.to_host()};
}

// The head's pixels and relative depths, each by a product of its own, in FreiHAND's order.
OnnxPixels pixels_of(OnnxGraph& graph, const Value& features, const LinearLayer& head) {
  const Folded all = values_of(head);
  const std::size_t in = all.weight.size() / all.bias.size();
  const auto rows = [&](std::size_t which) {
    Folded out{std::vector<float>(kJoints * in), std::vector<float>(kJoints)};
    for (std::size_t t = 0; t < kJoints; ++t) {
      const int joint = ait_from_freihand(static_cast<int>(t));
      if (which == 2 && joint == kPalmNetwork.root) continue;  // always 0
      const std::size_t row = 3 * static_cast<std::size_t>(joint) + which;
      std::copy_n(&all.weight[row * in], in, &out.weight[t * in]);
      out.bias[t] = all.bias[row];
    }
    return linear(graph, features, out);
  };
  return {rows(0), rows(1), rows(2)};
}

// The weights of the refinement's first layer, for OnnxLift::refinement_input.
std::vector<float> with_our_columns(const std::vector<float>& weight) {
  std::vector<float> out;
  for (std::size_t row = 0; row < weight.size(); row += kHeadWidth)
    for (int i = 0; i < kHeadWidth; ++i)
      out.push_back(weight[row + static_cast<std::size_t>(refinement_column(i))]);
  return out;
}

Value refined_root(OnnxGraph& graph, const OnnxLift& lift, const HandNetwork& network) {
  Value x = lift.refinement_input;
  bool first = true;
  for (const HandNetwork::Hidden& h : network.hidden()) {
    Folded layer = values_of(h.layer);
    if (std::exchange(first, false)) layer.weight = with_our_columns(layer.weight);
    x = linear(graph, x, fold(std::move(layer.weight), std::move(layer.bias), h.norm));
    x = graph.node("LeakyRelu", {x}, {{"alpha", HandNetwork::kSlope}});
  }
  return graph.node("Add", {lift.root, linear(graph, x, values_of(network.residual()))});
}

}  // namespace

OnnxGraph onnx_encoder(const ResNet& encoder, int input) {
  OnnxGraph graph(fmt::format("resnet{}", encoder.plan().depth));
  const Value x = features(graph, encoder, input);
  graph.output("features", x, {OnnxGraph::kBatch, encoder.plan().features()});
  return graph;
}

OnnxGraph onnx_hand_network(const HandNetwork& network, int input) {
  OnnxGraph graph(fmt::format("hand_network{}", network.encoder().plan().depth));
  const Value x = features(graph, network.encoder(), input);
  const OnnxPixels pixels = pixels_of(graph, x, network.head());
  const OnnxCamera camera = onnx_camera(graph, graph.input("camera", {OnnxGraph::kBatch, 3, 3}));
  const OnnxLift lift = onnx_lift(graph, camera, pixels);
  const OnnxHand hand = onnx_recover(graph, camera, lift, refined_root(graph, lift, network));
  graph.output("xyz", hand.xyz, {OnnxGraph::kBatch, kJoints, 3});
  graph.output("uv", hand.uv, {OnnxGraph::kBatch, kJoints, 2});
  return graph;
}

}  // namespace peclr
