// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "kernels/pose25d.h"
#include "tools/settings/settings.h"
#include "tools/trainer/picture_feed.h"

namespace peclr {

// Mean target of the first pictures of epoch 0 (at most 256), cropped as for training but neither
// turned nor moved.
struct MeanPose {
  PoseTarget target{};
  float root_residual = 0;  // what the refinement must add to the bone's root depth, on average
};
MeanPose mean_pose(const Settings& settings, PictureFeed& feed);

}  // namespace peclr
