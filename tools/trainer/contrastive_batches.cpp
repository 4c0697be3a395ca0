// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/contrastive_batches.h"

#include <array>

#include "tools/settings/engine_options.h"
#include "tools/trainer/batch_parts.h"

namespace peclr {
namespace {

// Random numbers of no other use (Rng::of).
constexpr std::uint64_t kContrastiveViews = 0x76696577;

}  // namespace

View contrastive_view(const Settings& settings, const PictureFeed::Item& item, std::int64_t epoch,
                      std::int64_t position, int v) {
  return draw_view(
      augment_options(settings), item, joints_of(item),
      Rng::of(static_cast<std::uint64_t>(settings.seed), kContrastiveViews,
              static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(2 * position + v)));
}

ContrastiveBatches::ContrastiveBatches(const Settings& settings, const TrainPlan& plan,
                                       std::int64_t first_step, PictureFeed& feed, Backend& backend)
    : settings_(settings),
      batches_per_epoch_(plan.steps_per_epoch * settings.train.accumulate),
      feed_(feed),
      backend_(backend),
      slots_(make_slots(settings, backend)),
      views_(backend, {2 * settings.train.batch_size, 4}, DType::f32),
      loader_(loader_options(settings, plan, first_step, backend),
              [this](const LoaderItem& item) { prepare(item); }) {}

ContrastiveBatches::Batch ContrastiveBatches::blank(const Settings& settings, Backend& backend) {
  const std::int64_t rows = 2 * settings.train.batch_size, side = settings.model.input;
  return {backend.pictures(rows, side, compute_type(settings)),
          Tensor(backend, {rows, 4}, DType::f32)};
}

std::vector<ContrastiveBatches::Slot> ContrastiveBatches::make_slots(const Settings& settings,
                                                                     Backend& backend) {
  std::vector<Slot> slots;
  for (int i = 0; i < kBatchBuffers; ++i)
    slots.push_back({blank(settings, backend).images,
                     std::vector<ViewTransform>(2 * std::size_t(settings.train.batch_size))});
  return slots;
}

void ContrastiveBatches::prepare(const LoaderItem& item) {
  const std::int64_t n = settings_.train.batch_size;
  Slot& slot = slots_[static_cast<std::size_t>(item.slot)];
  const BatchPlace place = place_of(item, batches_per_epoch_, n);
  const PictureFeed::Item picture = feed_.item(place.epoch, place.position);
  const Image& image = picture.picture->image;
  // Both views in one call: a device that copies pictures copies this one once.
  std::array<AugmentRequest, 2> requests;
  for (int v = 0; v < 2; ++v) {
    const View view = contrastive_view(settings_, picture, place.epoch, place.position, v);
    const std::int64_t row = v * n + item.item;
    slot.views[static_cast<std::size_t>(row)] = transform_of(view);
    requests[static_cast<std::size_t>(v)] = {image.pixels.data(), image.width, image.height,
                                             view.pixels,         row,         picture.id.number()};
  }
  make_views(backend_, feed_, picture, requests, slot.images);
}

ContrastiveBatches::Batch ContrastiveBatches::next() {
  Slot& slot = slots_[static_cast<std::size_t>(loader_.next())];
  backend_.finish_augment(slot.images);
  views_.copy_from_host({&slot.views[0].angle_deg, 4 * slot.views.size()});
  return {slot.images, views_};
}

}  // namespace peclr
