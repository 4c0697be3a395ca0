// SPDX-License-Identifier: Apache-2.0
// The crops that the joint probe looks at: around the joints of labelled pictures, turned, moved
// and scaled at random (probe_view in data/views.h).
#pragma once
#include <cstdint>
#include <vector>

#include "tools/probe/features.h"
#include "tools/probe/joints.h"

namespace peclr {

inline constexpr int kProbeCrops = 4;  // of each picture

struct JointCrops {
  FrozenFeatures features;
  std::vector<float> joints;         // [rows, 21 * 2]: x right, y down, in sides of the crop
  std::vector<std::int64_t> labels;  // of each row: which label of the set
  std::int64_t label_count = 0;

  JointSamples samples() const;  // borrows all of this
};

// Crop v of picture i is drawn from the settings' seed, the split, i and v alone. What lies outside
// the picture is black, as in pre-training. `set` must know its joints.
JointCrops joint_crops(const FrozenEncoder& encoder, const PictureSet& set, Split split);

}  // namespace peclr
