// SPDX-License-Identifier: Apache-2.0
// What the two network goldens share: weights made from their names, and what is read back.
#pragma once
#include "engine/parameters.h"
#include "tools/golden/golden.h"
#include "tools/settings/settings.h"

namespace peclr::golden {

inline constexpr std::int64_t kMaxBatch = 1024;

// Fills every parameter from uniform(name), scaled as the goldens' README says.
void fill_weights(ParameterStore& store, const std::string& seed);

// uniform("input") of [N, 3, S, S] as [N, S, S, 3].
Tensor network_input(Backend& backend, const std::string& seed, std::int64_t batch,
                     std::int64_t size);

// Euclidean norms of the gradients, and their first 8 values in OIHW order, in the order of the
// file's `parameters`.
struct Gradients {
  std::vector<double> norms, heads;
};
Gradients gradients(ParameterStore& store, const TensorFile& file);

}  // namespace peclr::golden
