// SPDX-License-Identifier: Apache-2.0
// Batches of fine-tuning, prepared ahead by threads. A batch depends on its number, the settings
// and the pictures alone.
#pragma once
#include <vector>

#include "data/loader.h"
#include "data/views.h"
#include "engine/backend.h"
#include "engine/pose_ops.h"
#include "tools/settings/settings.h"
#include "tools/trainer/picture_feed.h"
#include "tools/trainer/train_plan.h"

namespace peclr {

// A picture cropped as for training, but neither turned nor moved. Throws Error(data) that names
// the picture if its labels allow no view.
View still_view(const Settings& settings, const PictureFeed::Item& item);

// One labelled view of each of B pictures, cut as data.crop says: images [B, S, S, 3], cameras [B,
// 9], targets.
class PoseBatches {
 public:
  PoseBatches(const Settings& settings, const TrainPlan& plan, std::int64_t first_step,
              PictureFeed& feed, Backend& backend);

  struct Batch {
    Tensor images, cameras;
    ops::PoseTargets target;
  };
  Batch next();
  static Batch blank(const Settings& settings, Backend& backend);

 private:
  void prepare(const LoaderItem& item);

  const Settings& settings_;
  const std::int64_t batches_per_epoch_;
  PictureFeed& feed_;
  Backend& backend_;
  struct Slot {
    Tensor images;
    std::vector<float> cameras, uv, z_rel, root_depth;
  };
  static std::vector<Slot> make_slots(const Settings& settings, Backend& backend);
  std::vector<Slot> slots_;
  Batch batch_;
  Loader loader_;
};

}  // namespace peclr
