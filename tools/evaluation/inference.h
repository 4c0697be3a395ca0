// SPDX-License-Identifier: Apache-2.0
// A trained hand network on a set of pictures: each picture's centre square, or the hand where a
// first look at the picture's middle finds it; never where its labels have it.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "data/pictures.h"
#include "engine/backend.h"
#include "models/hand_network.h"
#include "tools/settings/settings.h"

namespace peclr {

// FreiHAND's joint order and camera axes. xyz is in metres where the set knows the hand's scale, in
// lengths of the bone 9-10 otherwise; where it knows no camera, a focal length of kAssumedFocal
// shorter sides was assumed.
struct HandPrediction {
  std::string file;                 // relative to the set
  bool good = false;                // false: the picture could not be read
  std::array<Vec2f, kJoints> px{};  // of the original picture
  std::array<Vec3f, kJoints> xyz{};
  Mat3f K;  // of the original picture, known or assumed: K xyz is at px
  bool metric = false;
};
inline constexpr float kAssumedFocal = 2;

struct HandPredictions {
  std::vector<HandPrediction> hands;  // one a picture, in the set's order
  std::string bad_summary;            // a line for each picture that was skipped
};

// What becomes of a picture that cannot be read: it is skipped, up to data.max_bad of all, or
// nothing can be done without it.
enum class Gaps { skipped, refused };

struct HandPredictor {
  const Settings& settings;
  const HandNetwork& network;
  Backend& backend;
  Gaps gaps = Gaps::skipped;

  // Throws Error(data) when more than data.max_bad of the pictures are bad, or at the first one
  // where gaps are refused, and at an answer that is not finite, so that no file holds one.
  HandPredictions predict(const PictureSet& set) const;
};

}  // namespace peclr
