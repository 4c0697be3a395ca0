// SPDX-License-Identifier: Apache-2.0
// The light that falls on a skin, and its shadows.
#pragma once
#include <cstdint>
#include <vector>

#include "data/synthetic/skin.h"

namespace peclr::synthetic {

// A distant lamp and the sky around it.
struct Lighting {
  Vec3f towards_lamp, lamp;  // direction, colour
  Vec3f sky, ground;         // colours of the light from above (camera -y) and below
};

Lighting sample_lighting(Rng& rng);

// Light on the vertices (colour x cosine, shadows of the hand on itself included), and how much of
// the lamp they see, for highlights.
struct LitSkin {
  std::vector<Vec3f> irradiance;
  std::vector<float> lamp_share;
};

// Lights the vertices in `seen`; all vertices cast shadows, around `centre`.
LitSkin light_skin(const PosedSkin& skin, const std::vector<std::int32_t>& seen,
                   const Lighting& lighting, Vec3f centre);

}  // namespace peclr::synthetic
