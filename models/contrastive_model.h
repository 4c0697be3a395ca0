// SPDX-License-Identifier: Apache-2.0
// The pre-training model: encoder, projection head, and the contrastive loss on projections whose
// views' transforms have been undone (PeCLR) or not (SimCLR).
#pragma once
#include "engine/contrastive_ops.h"
#include "models/resnet.h"

namespace peclr {

inline constexpr Inversion kSimclr{false, false, false};

struct ContrastiveOptions {
  int depth = 50;
  Inversion invert{};  // kSimclr for SimCLR
  float temperature = 0.5f;
  DType compute = DType::f32;
};

class ContrastiveModel {
 public:
  // Encoder under torchvision's names, projection_head.{0,1,3}.*: Linear - BatchNorm - ReLU -
  // Linear without bias.
  ContrastiveModel(ParameterStore& store, const ContrastiveOptions& options);

  // See ops::ntxent.
  struct Output {
    Variable z, loss;
    Tensor summary;
  };
  // images [2N, S, S, 3] (Backend::pictures; view 1 of all, then view 2), views [2N, 4]
  // (ViewTransform rows).
  Output forward(Tape& tape, const Variable& images, const Tensor& views) const;

  const ResNet& encoder() const { return encoder_; }

 private:
  ContrastiveOptions options_;
  ResNet encoder_;
  LinearLayer hidden_;
  ops::NormLayer norm_;
  LinearLayer projection_;
};

}  // namespace peclr
