// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/mean_pose.h"

#include <algorithm>
#include <vector>

#include "tools/trainer/pose_batches.h"

namespace peclr {

MeanPose mean_pose(const Settings& settings, PictureFeed& feed) {
  const std::int64_t count = std::min<std::int64_t>(feed.pictures(), 256);
  const auto share = 1 / static_cast<float>(count);
  std::vector<Mat3f> cameras;
  MeanPose mean;
  for (std::int64_t i = 0; i < count; ++i) {
    const PictureFeed::Item item = feed.item(0, i);
    const View view = still_view(settings, item);
    cameras.push_back(transform_camera(item.K, view.to_output));
    const PoseTarget target =
        pose_target(item.label->xyz.data(), item.label->scale, cameras.back());
    for (int j = 0; j < kJoints; ++j) {
      mean.target.uv[j].x += share * target.uv[j].x;
      mean.target.uv[j].y += share * target.uv[j].y;
      mean.target.z_rel[j] += share * target.z_rel[j];
    }
    mean.target.root_depth += share * target.root_depth;
  }
  // What the bone's length says of the mean pose is far off where hands point everywhere.
  mean.root_residual = mean.target.root_depth;
  const auto ray = [&](const Mat3f& K, int joint) {
    return back_project(K.m, {mean.target.uv[joint].x, mean.target.uv[joint].y});
  };
  for (const Mat3f& K : cameras) {
    const double depth =
        root_depth_of_bone(ray(K, kAitMiddleMcp), mean.target.z_rel[kAitMiddleMcp],
                           ray(K, kAitMiddlePip), mean.target.z_rel[kAitMiddlePip]);
    mean.root_residual -= share * static_cast<float>(clamp_root_depth(depth));
  }
  return mean;
}

}  // namespace peclr
