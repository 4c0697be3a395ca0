// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/batches.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/error.h"
#include "engine/parallel.h"
#include "kernels/pose25d.h"
#include "tools/settings/engine_options.h"

namespace peclr {
namespace {

// Purposes of random numbers, so that no two uses share a stream.
constexpr std::uint64_t kContrastiveViews = 0x76696577, kPoseViews = 0x706F7365;

LoaderOptions loader_options(const Settings& settings, const TrainPlan& plan,
                             std::int64_t first_step, const Backend& backend) {
  const std::int64_t accumulate = settings.train.accumulate;
  return {.threads = loader_threads(settings, backend),
          .slots = kBatchBuffers,
          .items = settings.train.batch_size,
          .first_batch = first_step * accumulate,
          .end_batch = plan.steps * accumulate};
}

// Where an element of a batch lies in the run.
struct Place {
  std::int64_t epoch, position;
};
Place place_of(const LoaderItem& item, std::int64_t batches_per_epoch, std::int64_t batch_size) {
  return {item.batch / batches_per_epoch, item.batch % batches_per_epoch * batch_size + item.item};
}

Tensor floats(Backend& backend, Shape shape) { return Tensor(backend, shape, DType::f32); }

// In pixels of the (reduced) picture; none where they are not known.
std::vector<Vec2f> joints_of(const PictureFeed::Item& item) {
  std::vector<Vec2f> joints;
  if (item.label)
    for (const Vec3f& p : item.label->xyz) joints.push_back(project(item.K, p));
  return joints;
}

// What fine-tuning crops around: the labelled joints, or nothing for the centre square.
std::vector<Vec2f> crop_joints(const Settings& settings, const PictureFeed::Item& item) {
  if (settings.data.crop == Settings::Crop::picture) return {};
  return joints_of(item);
}

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
               std::span<const Vec2f> joints, Rng rng) {
  return named_view(item, [&](int width, int height) {
    return sample_view(options, width, height, joints, rng);
  });
}

// The second look of a test is off to any side, by what the first look was wrong: so are the crops
// that a network learns from.
AugmentOptions pose_options(const Settings& settings) {
  AugmentOptions options = augment_options(settings);
  options.around = around(settings.data.crop);
  if (settings.data.crop != Settings::Crop::picture && !settings.paper_exact)
    options.jitter.low = -options.jitter.high;
  return options;
}

// Has views of one picture made. Pixels that the device keeps are not kept here as well.
void augment(Backend& backend, PictureFeed& feed, const PictureFeed::Item& item,
             std::span<const AugmentRequest> requests, const Tensor& images) {
  backend.augment(requests, images);
  if (item.picture->image.pixels.empty()) return;
  const PictureHome home = backend.picture_home(item.id.number());
  if (home != PictureHome::caller) feed.hand_over(item, home);
}

}  // namespace

int loader_threads(const Settings& settings, const Backend& backend) {
  if (settings.data.workers > 0) return settings.data.workers;
  // Beside a GPU one thread asks for the work, and sleeps most of the time.
  return std::max(1, backend.works_on_cores() ? threads() / 2 : threads() - 1);
}

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
  return {backend.pictures(rows, side, compute_type(settings)), floats(backend, {rows, 4})};
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
  const Place place = place_of(item, batches_per_epoch_, n);
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
  augment(backend_, feed_, picture, requests, slot.images);
}

ContrastiveBatches::Batch ContrastiveBatches::next() {
  Slot& slot = slots_[static_cast<std::size_t>(loader_.next())];
  backend_.finish_augment(slot.images);
  views_.copy_from_host({&slot.views[0].angle_deg, 4 * slot.views.size()});
  return {slot.images, views_};
}

MeanPose mean_pose(const Settings& settings, PictureFeed& feed) {
  const std::int64_t count = std::min<std::int64_t>(feed.pictures(), 256);
  const auto share = 1 / static_cast<float>(count);
  std::vector<Mat3f> cameras;
  MeanPose mean;
  for (std::int64_t i = 0; i < count; ++i) {
    const PictureFeed::Item item = feed.item(0, i);
    const View view = named_view(item, [&](int width, int height) {
      return joint_view(settings.model.input, width, height, crop_joints(settings, item),
                        around(settings.data.crop));
    });
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
  const Place place = place_of(item, batches_per_epoch_, settings_.train.batch_size);
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
  augment(backend_, feed_, picture, {&request, 1}, slot.images);
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
