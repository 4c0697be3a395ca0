// SPDX-License-Identifier: Apache-2.0
// Coloured patterns for the backgrounds of synthetic hands.
#pragma once
#include <array>

#include "data/synthetic/math.h"

namespace peclr::synthetic {

// The colours of one place, linear.
using Palette = std::array<Vec3f, 5>;

Palette any_palette(Rng& rng);
Vec3f any_colour(Rng& rng, const Palette& palette);

enum class Pattern { plain, clouds, litter, wood, weave, tiles, stripes };

// A pattern of two colours in the plane.
struct Texture {
  Pattern pattern = Pattern::plain;
  Vec3f light, dark;
  float cosine = 1, sine = 0, scale = 1, du = 0, dv = 0;  // pixels to the pattern's coordinates

  // `unit`: the size of the picture against one of 224 pixels.
  static Texture any(Rng& rng, const Palette& palette, float unit);

  Vec3f at(float x, float y) const;
};

}  // namespace peclr::synthetic
