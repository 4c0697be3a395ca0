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

}  // namespace peclr
