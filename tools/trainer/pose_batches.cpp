// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/pose_batches.h"

#include <algorithm>
#include <cstring>

#include "kernels/pose25d.h"
#include "tools/settings/engine_options.h"
#include "tools/trainer/batch_parts.h"

namespace peclr {
namespace {

// Random numbers of no other use (Rng::of).
constexpr std::uint64_t kPoseViews = 0x706F7365;

Tensor floats(Backend& backend, Shape shape) { return Tensor(backend, shape, DType::f32); }

// What fine-tuning crops around: the labelled joints, or nothing for the centre square.
std::vector<Vec2f> crop_joints(const Settings& settings, const PictureFeed::Item& item) {
  if (settings.data.crop == Settings::Crop::picture) return {};
  return joints_of(item);
}

// A test shows hands where they are, or off to any side by what its first look was wrong: so are
// the views that a network learns from, and not moved one way as those of pre-training.
AugmentOptions pose_options(const Settings& settings) {
  AugmentOptions options = augment_options(settings);
  options.around = around(settings.data.crop);
  if (!settings.paper_exact) options.jitter.low = -options.jitter.high;
  return options;
}

}  // namespace

View still_view(const Settings& settings, const PictureFeed::Item& item) {
  return named_view(item, [&](int width, int height) {
    return joint_view(settings.model.input, width, height, crop_joints(settings, item),
                      around(settings.data.crop));
  });
}

PoseBatches::PoseBatches(const Settings& settings, const TrainPlan& plan, std::int64_t first_step,
                         PictureFeed& feed, Backend& backend)
    : settings_(settings),
      batches_per_epoch_(plan.steps_per_epoch * settings.train.accumulate),
      feed_(feed),
      backend_(backend),
      slots_(make_slots(settings, backend)),
      batch_(blank(settings, backend)),
      loader_(loader_options(settings, plan, first_step, backend),
              [this](const LoaderItem& item) { prepare(item); }) {}

PoseBatches::Batch PoseBatches::blank(const Settings& settings, Backend& backend) {
  const std::int64_t n = settings.train.batch_size, side = settings.model.input;
  return {backend.pictures(n, side, compute_type(settings)),
          floats(backend, {n, 9}),
          {floats(backend, {n, kJoints, 2}), floats(backend, {n, kJoints}), floats(backend, {n})}};
}

std::vector<PoseBatches::Slot> PoseBatches::make_slots(const Settings& settings, Backend& backend) {
  const auto rows = static_cast<std::size_t>(settings.train.batch_size);
  std::vector<Slot> slots;
  for (int i = 0; i < kBatchBuffers; ++i)
    slots.push_back({blank(settings, backend).images, std::vector<float>(9 * rows),
                     std::vector<float>(2 * kJoints * rows), std::vector<float>(kJoints * rows),
                     std::vector<float>(rows)});
  return slots;
}

void PoseBatches::prepare(const LoaderItem& item) {
  Slot& slot = slots_[static_cast<std::size_t>(item.slot)];
  const BatchPlace place = place_of(item, batches_per_epoch_, settings_.train.batch_size);
  const PictureFeed::Item picture = feed_.item(place.epoch, place.position);
  const Image& image = picture.picture->image;
  const Rng rng =
      Rng::of(static_cast<std::uint64_t>(settings_.seed), kPoseViews,
              static_cast<std::uint64_t>(place.epoch), static_cast<std::uint64_t>(place.position));
  const View view =
      draw_view(pose_options(settings_), picture, crop_joints(settings_, picture), rng);
  const Mat3f K = transform_camera(picture.K, view.to_output);
  const PoseTarget target = pose_target(picture.label->xyz.data(), picture.label->scale, K);
  const auto row = static_cast<std::size_t>(item.item);
  std::copy_n(K.m, 9, &slot.cameras[9 * row]);
  std::memcpy(&slot.uv[2 * kJoints * row], target.uv, sizeof target.uv);
  std::copy_n(target.z_rel, kJoints, &slot.z_rel[kJoints * row]);
  slot.root_depth[row] = target.root_depth;
  const AugmentRequest request{image.pixels.data(), image.width, image.height,
                               view.pixels,         item.item,   picture.id.number()};
  make_views(backend_, feed_, picture, {&request, 1}, slot.images);
}

PoseBatches::Batch PoseBatches::next() {
  Slot& slot = slots_[static_cast<std::size_t>(loader_.next())];
  backend_.finish_augment(slot.images);
  batch_.images = slot.images;
  batch_.cameras.copy_from_host(slot.cameras);
  batch_.target.uv.copy_from_host(slot.uv);
  batch_.target.z_rel.copy_from_host(slot.z_rel);
  batch_.target.root_depth.copy_from_host(slot.root_depth);
  return batch_;
}

}  // namespace peclr
