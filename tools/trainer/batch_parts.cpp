// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/batch_parts.h"

#include <algorithm>

#include "engine/parallel.h"

namespace peclr {

int loader_threads(const Settings& settings, const Backend& backend) {
  if (settings.data.workers > 0) return settings.data.workers;
  // Beside a GPU one thread asks for the work, and sleeps most of the time.
  return std::max(1, backend.works_on_cores() ? threads() / 2 : threads() - 1);
}

LoaderOptions loader_options(const Settings& settings, const TrainPlan& plan,
                             std::int64_t first_step, const Backend& backend) {
  const std::int64_t accumulate = settings.train.accumulate;
  return {.threads = loader_threads(settings, backend),
          .slots = kBatchBuffers,
          .items = settings.train.batch_size,
          .first_batch = first_step * accumulate,
          .end_batch = plan.steps * accumulate};
}

BatchPlace place_of(const LoaderItem& item, std::int64_t batches_per_epoch,
                    std::int64_t batch_size) {
  return {item.batch / batches_per_epoch, item.batch % batches_per_epoch * batch_size + item.item};
}

std::vector<Vec2f> joints_of(const PictureFeed::Item& item) {
  std::vector<Vec2f> joints;
  if (item.label)
    for (const Vec3f& p : item.label->xyz) joints.push_back(project(item.K, p));
  return joints;
}

View draw_view(const AugmentOptions& options, const PictureFeed::Item& item,
               std::span<const Vec2f> joints, Rng rng) {
  return named_view(item, [&](int width, int height) {
    return sample_view(options, width, height, joints, rng);
  });
}

void make_views(Backend& backend, PictureFeed& feed, const PictureFeed::Item& item,
                std::span<const AugmentRequest> requests, const Tensor& images) {
  backend.augment(requests, images);
  if (item.picture->image.pixels.empty()) return;
  const PictureHome home = backend.picture_home(item.id.number());
  if (home != PictureHome::caller) feed.hand_over(item, home);
}

}  // namespace peclr
