// SPDX-License-Identifier: Apache-2.0
// Layers: parameters declared in a store under torchvision's names, applied by ops.
#pragma once
#include <string>

#include "engine/ops.h"

namespace peclr {

// `name`.{weight, bias, running_mean, running_var, num_batches_tracked}
ops::NormLayer add_norm(ParameterStore& store, const std::string& name, std::int64_t channels);

// `name`.weight [out, kernel, kernel, in]
Parameter& add_conv(ParameterStore& store, const std::string& name, std::int64_t out,
                    std::int64_t in, std::int64_t kernel);

struct LinearLayer {
  Parameter *weight, *bias;
};
enum class Bias { none, learned };
// `name`.{weight [out, in], bias [out]}
LinearLayer add_linear(ParameterStore& store, const std::string& name, std::int64_t out,
                       std::int64_t in, Bias bias);

inline Variable apply(Tape& tape, const LinearLayer& layer, const Variable& x) {
  return ops::linear(tape, x, *layer.weight, layer.bias);
}

}  // namespace peclr
