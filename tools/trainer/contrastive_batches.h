// SPDX-License-Identifier: Apache-2.0
// Batches of pre-training, prepared ahead by threads. A batch depends on its number, the settings
// and the pictures alone.
#pragma once
#include <vector>

#include "data/loader.h"
#include "data/views.h"
#include "engine/backend.h"
#include "kernels/equivariance.h"
#include "tools/settings/settings.h"
#include "tools/trainer/picture_feed.h"
#include "tools/trainer/train_plan.h"

namespace peclr {

// View `v` (0 or 1) of the picture at a position of an epoch of pre-training: a function of its
// arguments alone. Throws Error(data) that names the picture if its labels allow no view.
View contrastive_view(const Settings& settings, const PictureFeed::Item& item, std::int64_t epoch,
                      std::int64_t position, int v);

// What the loss is told of a view.
inline ViewTransform transform_of(const View& view) {
  return {view.angle_deg, view.shift.x, view.shift.y, view.scale};
}

// Two views of each of N pictures: images [2N, S, S, 3] (view 1 of all, then view 2), views [2N, 4]
// (ViewTransform rows).
class ContrastiveBatches {
 public:
  ContrastiveBatches(const Settings& settings, const TrainPlan& plan, std::int64_t first_step,
                     PictureFeed& feed, Backend& backend);

  struct Batch {
    Tensor images, views;
  };
  Batch next();                                                    // valid until the next call
  static Batch blank(const Settings& settings, Backend& backend);  // contents undefined

 private:
  void prepare(const LoaderItem& item);

  const Settings& settings_;
  const std::int64_t batches_per_epoch_;
  PictureFeed& feed_;
  Backend& backend_;
  struct Slot {
    Tensor images;
    std::vector<ViewTransform> views;
  };
  static std::vector<Slot> make_slots(const Settings& settings, Backend& backend);
  std::vector<Slot> slots_;
  Tensor views_;
  Loader loader_;  // last: its threads use all of the above
};

}  // namespace peclr
