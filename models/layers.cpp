// SPDX-License-Identifier: Apache-2.0
#include "models/layers.h"

namespace peclr {

ops::NormLayer add_norm(ParameterStore& store, const std::string& name, std::int64_t channels) {
  return {&store.add(name + ".weight", {channels}, Init::one),
          &store.add(name + ".bias", {channels}, Init::zero),
          &store.add_buffer(name + ".running_mean", channels, 0.f),
          &store.add_buffer(name + ".running_var", channels, 1.f),
          &store.add_counter(name + ".num_batches_tracked")};
}

Parameter& add_conv(ParameterStore& store, const std::string& name, std::int64_t out,
                    std::int64_t in, std::int64_t kernel) {
  return store.add(name + ".weight", {out, kernel, kernel, in}, Init::kaiming_normal);
}

LinearLayer add_linear(ParameterStore& store, const std::string& name, std::int64_t out,
                       std::int64_t in, Bias bias) {
  Parameter& weight = store.add(name + ".weight", {out, in}, Init::uniform_fan_in, in);
  return {&weight, bias == Bias::learned
                       ? &store.add(name + ".bias", {out}, Init::uniform_fan_in, in)
                       : nullptr};
}

}  // namespace peclr
