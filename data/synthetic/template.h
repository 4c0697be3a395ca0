// SPDX-License-Identifier: Apache-2.0
// The skin of the resting hand as a mesh, made once from the distance field: where each vertex
// lies, how it follows the joints, and what a painter needs to know about the place.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "data/synthetic/hand.h"

namespace peclr::synthetic {

// How a vertex follows one finger.
struct Bond {
  int finger = 0;
  float weight = 0;  // both bonds of a vertex sum to 1
  std::array<float, 3>
      shares{};  // of the turns of the finger's three joints; all 0 = follows the palm
};

// Where on the skin a vertex lies, for the painter. Linear over a triangle.
//   finger: along = segments from the base (1 = PIP, 2 = DIP, 3 = tip), across and palmar in finger
//   radii; palm:   along = signed distance from the nearest crease of the palm in mm, across = how
//   deep that crease is.
struct SkinPlace {
  float along = 0, across = 0, palmar = 0;
};

struct SkinVertex {
  Vec3f rest, normal;  // millimetres of the template, palm's frame
  std::array<Bond, 2> bonds;
  float forearm = 0;  // share of the wrist's turn
  SkinPlace on_finger, on_palm;
  float palmar = 0;  // 1 = paler skin of the palm and the pads, 0 = back of the hand
  float red = 0;     // where blood shines through: pads, knuckles, heel of the palm
  float vein = 0;    // on the back of the hand and the inner forearm
  float mottle = 0;  // smooth noise about 0
};

struct SkinTriangle {
  std::array<std::int32_t, 3> corner;
  int finger;  // -1: palm or forearm
};

struct HandTemplate {
  std::vector<SkinVertex> vertices;
  std::vector<SkinTriangle> triangles;  // counter-clockwise from outside
};

const HandTemplate& hand_template();

}  // namespace peclr::synthetic
