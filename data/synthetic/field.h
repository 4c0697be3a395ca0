// SPDX-License-Identifier: Apache-2.0
// The flesh of the resting hand as a distance field: round cones along the bones, blended smoothly
// within the palm and within a finger, but not between fingers. Template millimetres, palm's frame.
#pragma once
#include <array>
#include <vector>

#include "data/synthetic/hand.h"

namespace peclr::synthetic {

// All points at most `ra` .. `rb` (linear between) from the segment a-b.
struct RoundCone {
  Vec3f a, b;
  float ra, rb;
  float blend;  // millimetres over which it melts into what came before it
};

class FleshField {
 public:
  explicit FleshField(const RestHand& rest);

  // About the distance of p from the skin, negative inside.
  float operator()(Vec3f p) const;
  Vec3f gradient(Vec3f p) const;

 private:
  struct Group {
    std::vector<RoundCone> cones;
    Vec3f low, high;  // bounds
    float distance(Vec3f p) const;
  };
  Group palm_;
  std::array<Group, kFingers> fingers_;
};

}  // namespace peclr::synthetic
