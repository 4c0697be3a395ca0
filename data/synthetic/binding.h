// SPDX-License-Identifier: Apache-2.0
// Ties the skin to the bones.
#pragma once
#include "data/synthetic/template.h"

namespace peclr::synthetic {

// Fills bonds, forearm and the two places of a vertex of the resting template from its `rest` and
// `normal`.
void bind(const RestHand& rest, SkinVertex& vertex);

}  // namespace peclr::synthetic
