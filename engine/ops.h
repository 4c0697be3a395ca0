// SPDX-License-Identifier: Apache-2.0
// The differentiable building blocks of networks. Each op checks shapes, asks the backend for the
// value and records its gradient beside it. All throw Error(failure) with the op's name and the
// shapes when these do not fit.
#pragma once
#include "engine/parameters.h"
#include "engine/tape.h"

namespace peclr::ops {

// x [N, H, W, I] by w [O, k, k, I] -> [N, H', W', O] in `compute` (f32 or bf16). Pictures may have
// more than their 3 channels: Backend::pictures.
Variable conv2d(Tape& tape, const Variable& x, Parameter& w, const ConvSpec& spec, DType compute);

struct NormLayer {
  Parameter *gamma = nullptr, *beta = nullptr;  // [C]
  StateBuffer *running_mean = nullptr, *running_variance = nullptr;
  StateCounter* batches = nullptr;
};
// What is added before the activation, of the same shape: x, by `norm` where that is a layer.
struct Residual {
  Variable x;
  NormLayer norm = {};
};
// Batch normalisation, optional residual and activation in one: see NormSpec.
Variable norm_act(Tape& tape, const Variable& x, const NormLayer& layer, const NormSpec& spec,
                  const Residual* residual = nullptr);

// norm_act without residual, then 3x3 max pooling, stride 2, padding 1, in one: x [N, H, W, C] ->
// [N, (H + 1) / 2, (W + 1) / 2, C].
Variable norm_max_pool(Tape& tape, const Variable& x, const NormLayer& layer, const NormSpec& spec);

Variable mean_pool(Tape& tape, const Variable& x);  // [N, H, W, C] -> [N, C] f32

// x [B, I] by w [O, I] -> [B, O]; bias [O] may be null. f32.
Variable linear(Tape& tape, const Variable& x, Parameter& w, Parameter* bias);

}  // namespace peclr::ops
