// SPDX-License-Identifier: Apache-2.0
#include "models/contrastive_model.h"

namespace peclr {
namespace {

constexpr std::int64_t kHidden = 512, kProjection = 128;

}  // namespace

ContrastiveModel::ContrastiveModel(ParameterStore& store, const ContrastiveOptions& options)
    : options_(options),
      encoder_(store, options.depth),
      hidden_(add_linear(store, "projection_head.0", kHidden, encoder_.plan().features(),
                         Bias::learned)),
      norm_(add_norm(store, "projection_head.1", kHidden)),
      projection_(add_linear(store, "projection_head.3", kProjection, kHidden, Bias::none)) {}

ContrastiveModel::Output ContrastiveModel::forward(Tape& tape, const Variable& images,
                                                   const Tensor& views) const {
  const Variable features = encoder_.forward(tape, images, options_.compute);
  const Variable hidden = ops::norm_act(tape, apply(tape, hidden_, features), norm_, NormSpec{});
  const Variable z =
      ops::invert_views(tape, apply(tape, projection_, hidden), views, options_.invert);
  const ops::NtxentLoss loss =
      ops::ntxent(tape, z, {.temperature = options_.temperature, .operands = options_.compute});
  return {z, loss.loss, loss.summary};
}

}  // namespace peclr
