// SPDX-License-Identifier: Apache-2.0
// What batches of both kinds of training are made with.
#pragma once
#include <span>
#include <vector>

#include "data/loader.h"
#include "data/views.h"
#include "engine/backend.h"
#include "engine/error.h"
#include "tools/settings/settings.h"
#include "tools/trainer/picture_feed.h"
#include "tools/trainer/train_plan.h"

namespace peclr {

// Batches that exist at a time: one in use, the others prepared ahead.
inline constexpr int kBatchBuffers = 3;

// How many threads prepare batches: data.workers, or what the cores have left while `backend`
// trains. What they prepare does not depend on it.
int loader_threads(const Settings& settings, const Backend& backend);

LoaderOptions loader_options(const Settings& settings, const TrainPlan& plan,
                             std::int64_t first_step, const Backend& backend);

// Where an element of a batch lies in the run.
struct BatchPlace {
  std::int64_t epoch, position;
};
BatchPlace place_of(const LoaderItem& item, std::int64_t batches_per_epoch,
                    std::int64_t batch_size);

// In pixels of the (reduced) picture; none where they are not known.
std::vector<Vec2f> joints_of(const PictureFeed::Item& item);

// make(width, height), with the picture named where its labels do not allow a view.
template <class Make>
View named_view(const PictureFeed::Item& item, Make make) {
  const Image& image = item.picture->image;
  try {
    return make(image.width, image.height);
  } catch (const Error& e) {
    fail(e.kind(), "{}: {}", item.file, e.what());
  }
}

View draw_view(const AugmentOptions& options, const PictureFeed::Item& item,
               std::span<const Vec2f> joints, Rng rng);

// Has views of one picture made. Pixels that the device keeps are not kept here as well.
void make_views(Backend& backend, PictureFeed& feed, const PictureFeed::Item& item,
                std::span<const AugmentRequest> requests, const Tensor& images);

}  // namespace peclr
