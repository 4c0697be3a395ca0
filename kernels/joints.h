// SPDX-License-Identifier: Apache-2.0
// A hand's points, and the two orders of its 21 joints: FreiHAND's (finger by finger: labels,
// scores, files) and AIT's (ring by ring: the hand network). Maps are arithmetic, not tables, so
// that device code can call them.
#pragma once
#include "kernels/host_device.h"

namespace peclr {

inline constexpr int kJoints = 21;
inline constexpr int kVertices = 778;  // of a hand's mesh: MANO's

// FreiHAND: 0 wrist; 1-4 thumb, 5-8 index, 9-12 middle, 13-16 ring, 17-20 little, each from base to
// tip.
inline constexpr int kWrist = 0, kIndexMcp = 5, kMiddleMcp = 9, kMiddlePip = 10;
// AIT: 0 wrist (the palm in the hand network); 1-5 MCP, 6-10 PIP, 11-15 DIP, 16-20 tips, each from
// thumb to little.
inline constexpr int kAitPalm = 0, kAitMiddleMcp = 3, kAitMiddlePip = 8;

}  // namespace peclr

PECLR_BEGIN

// FreiHAND's index of AIT's joint, and back.
PECLR_HD constexpr int freihand_from_ait(int joint) {
  return joint == 0 ? 0 : 1 + 4 * ((joint - 1) % 5) + (joint - 1) / 5;
}
PECLR_HD constexpr int ait_from_freihand(int joint) {
  return joint == 0 ? 0 : 1 + 5 * ((joint - 1) % 4) + (joint - 1) / 4;
}

// Bones to draw, FreiHAND's order: joint 1..20 hangs on this one. Finger 0 is the thumb; the wrist
// has none (-1).
PECLR_HD constexpr int freihand_parent(int joint) { return joint % 4 == 1 ? kWrist : joint - 1; }
PECLR_HD constexpr int freihand_finger(int joint) { return joint == kWrist ? -1 : (joint - 1) / 4; }

PECLR_END
