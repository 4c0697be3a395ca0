// SPDX-License-Identifier: Apache-2.0
#include "models/hand_network.h"

#include "kernels/pose.h"

namespace peclr {
namespace {

constexpr std::int64_t kHidden = 128;
constexpr NormSpec kLeakyRelu{.slope = HandNetwork::kSlope};

}  // namespace

HandNetwork::HandNetwork(ParameterStore& store, int depth, Encoder encoder,
                         const std::string& encoder_prefix, const std::string& root_prefix)
    : encoder_(store, depth, encoder_prefix, encoder),
      fc_(add_linear(store, encoder_prefix + "fc", kHeadWidth, encoder_.plan().features(),
                     Bias::learned)) {
  std::int64_t in = kHeadWidth;
  int name = 0;  // the activations in between have no weights: 0 1 [2] 3 4 [5] 6
  for (Hidden& h : hidden_) {
    h.layer = add_linear(store, fmt::format("{}{}", root_prefix, name), kHidden, in, Bias::learned);
    h.norm = add_norm(store, fmt::format("{}{}", root_prefix, name + 1), kHidden);
    name += 3;
    in = kHidden;
  }
  residual_ = add_linear(store, root_prefix + "6", 1, kHidden, Bias::learned);
}

HandNetwork::Output HandNetwork::forward(Tape& tape, const Variable& images, const Tensor& cameras,
                                         DType compute) const {
  const Variable raw = apply(tape, fc_, encoder_.forward(tape, images, compute));
  Output out{ops::pose_lift(tape, raw, cameras), {}};
  Variable x = out.lifted.mlp_input;
  for (const Hidden& h : hidden_)
    x = ops::norm_act(tape, apply(tape, h.layer, x), h.norm, kLeakyRelu);
  out.root = ops::refine_root(tape, out.lifted.root_depth, apply(tape, residual_, x));
  return out;
}

Variable HandNetwork::recover(Tape& tape, const Output& output) const {
  return ops::pose_recover(tape, output.lifted.h, output.lifted.z_rel, output.root);
}

void HandNetwork::resize_pixels(ParameterStore& store, int from, int to) const {
  const float ratio = static_cast<float>(to) / static_cast<float>(from);
  std::vector<float> weight = fc_.weight->value.to_host(), bias = fc_.bias->value.to_host();
  const std::size_t features = weight.size() / kHeadWidth;
  for (std::size_t j = 0; j < kJoints; ++j)
    for (const std::size_t row : {3 * j, 3 * j + 1}) {
      for (std::size_t i = 0; i < features; ++i) weight[row * features + i] *= ratio;
      bias[row] = (bias[row] + 0.5f) * ratio - 0.5f;  // pixel 0 begins half a pixel before it
    }
  fc_.weight->value.copy_from_host(weight);
  fc_.bias->value.copy_from_host(bias);
  store.values_changed();
}

}  // namespace peclr
