// SPDX-License-Identifier: Apache-2.0
// What a hand is made of for the eye: the tones of skin, nails and sleeve, and the marks that every
// hand has in the same places. Colours are linear (not gamma-encoded), 1 = white.
#pragma once
#include "data/synthetic/template.h"

namespace peclr::synthetic {

struct Look {
  Vec3f back, palm;  // albedo of the skin on the two sides
  Vec3f nail;        // tint of the nails, a factor on the skin's
  float red = 0, mottle = 0, vein = 0, crease = 0, gloss = 0;  // strengths
  float nail_length = 0;                                       // of the free edge, in segments
  bool sleeve = false;
  float cuff = 0;             // the sleeve covers the forearm below this y (template mm)
  float cloth_thickness = 0;  // mm
  float stripe = 0;           // mm between the sleeve's stripes; 0 = plain
  Vec3f cloth, cloth_stripe;
};

Look sample_look(Rng& rng);

// sRGB bytes to linear.
Vec3f linear(float red, float green, float blue);

// Albedo at a vertex; creases and nails are finer than the mesh and come from skin_mark().
Vec3f albedo(const Look& look, const SkinVertex& vertex);

// How far the sleeve stands off the skin there (mm; 0 = bare).
float sleeve_height(const Look& look, const SkinVertex& vertex);

struct SkinMark {
  Vec3f factor{1, 1, 1};  // on the albedo
  float shine = 1;        // on the gloss; nails are well above 1
};

// `finger` as in SkinTriangle.
SkinMark skin_mark(const Look& look, int finger, const SkinPlace& place);

}  // namespace peclr::synthetic
