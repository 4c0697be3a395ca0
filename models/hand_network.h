// SPDX-License-Identifier: Apache-2.0
// The hand network: a ResNet, a linear layer of 64 numbers (21 x (u, v, z_rel), the last unused;
// AIT's joint order with the palm as joint 0), the root depth by the bone's known length, and a
// small network that refines it. Parameter names are those of the released fine-tuned weights:
// torchvision's, fc.*, zroot_ref.{0,1,3,4,6}.*.
#pragma once
#include <array>
#include <span>

#include "engine/pose_ops.h"
#include "models/resnet.h"

namespace peclr {

class HandNetwork {
 public:
  // `encoder`: whether that part learns. `encoder_prefix` goes before torchvision's names and fc,
  // `root_prefix` before 0.weight, 1.weight, ...
  HandNetwork(ParameterStore& store, int depth, Encoder encoder = Encoder::learned,
              const std::string& encoder_prefix = "",
              const std::string& root_prefix = "zroot_ref.");

  struct Output {
    ops::LiftedPose lifted;
    Variable root;  // [B] refined root depth, bone lengths
  };
  // images [B, S, S, 3] (Backend::pictures), cameras [B, 9] of those pictures.
  Output forward(Tape& tape, const Variable& images, const Tensor& cameras, DType compute) const;

  // xyz [B, 21, 3] in bone lengths.
  Variable recover(Tape& tape, const Output& output) const;

  // Weights that learned pictures of `from` pixels a side go on with pictures of `to`: what the
  // head says of the old pixels it says of the new ones, and so the same joints in space.
  void resize_pixels(ParameterStore& store, int from, int to) const;

  const ResNet& encoder() const { return encoder_; }
  const LinearLayer& head() const { return fc_; }
  // The refinement: layers with a norm and a leaky ReLU, and a last one.
  struct Hidden {
    LinearLayer layer;
    ops::NormLayer norm;
  };
  static constexpr float kSlope = 0.01f;  // of the ReLUs
  std::span<const Hidden> hidden() const { return hidden_; }
  const LinearLayer& residual() const { return residual_; }

 private:
  ResNet encoder_;
  LinearLayer fc_;
  std::array<Hidden, 2> hidden_;
  LinearLayer residual_;
};

}  // namespace peclr
