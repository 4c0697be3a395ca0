// SPDX-License-Identifier: Apache-2.0
// From a posed, lit hand to a photograph: a depth buffer at twice the resolution, the skin's fine
// marks, the background, and what a camera adds.
#pragma once
#include <cstdint>
#include <vector>

#include "data/image.h"
#include "data/synthetic/light.h"

namespace peclr::synthetic {

// Everything that a picture shows.
struct Scene {
  HandShape shape;
  HandPose pose;
  View view;
  Look look;
  Lighting lighting;
};

struct Photograph {
  Image image;
  std::vector<std::uint8_t>
      cover;  // [side * side], 0..4: samples of the pixel that see hand or forearm
};

// `rng` feeds the background and the camera's noise.
Photograph take_photograph(const Scene& scene, Rng& rng, int side);

}  // namespace peclr::synthetic
