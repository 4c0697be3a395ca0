// SPDX-License-Identifier: Apache-2.0
// What synthetic_hand() is made of, for tests that look behind the picture.
#pragma once
#include "data/label.h"
#include "data/synthetic/render.h"

namespace peclr::synthetic {

Scene sample_scene(std::uint64_t seed, std::uint64_t index, int side);
HandLabel label_of(const Scene& scene);
Photograph photograph_of(const Scene& scene, std::uint64_t seed, std::uint64_t index, int side);

}  // namespace peclr::synthetic
