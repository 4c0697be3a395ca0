// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/floors.h"

#include <algorithm>

#include "engine/error.h"
#include "kernels/joints.h"
#include "kernels/pose.h"

namespace peclr::bench {
namespace {

constexpr double kF32 = 4, kBf16 = 2, kLevel = 1;  // bytes
std::string map_text(int images, int side, int channels) {
  return fmt::format("[{}, {}, {}, {}] bf16", images, side, side, channels);
}

}  // namespace

double floor_seconds(const Work& work, const Rates& rates) {
  return std::max({work.bytes / rates.copy, work.products / rates.products,
                   work.operations / rates.operations});
}

std::vector<KernelFloor> floors(const Sizes& s) {
  const double source = kLevel * 4. * s.pictures * s.source * s.source;  // once for both views
  const double view_pixels = 2. * s.pictures * s.view * s.view;
  // 2 x 2 samples of 4 taps and 3 channels, a multiplication and a sum each, then about 60 for the
  // colours.
  const double view_operations = view_pixels * (4 * 4 * 3 * 2 + 60);
  const auto views = [&](int channels, double each) {
    return Work{source + view_pixels * channels * each, 0, view_operations};
  };
  const std::string view_text =
      fmt::format("2 x {} views, {} to {} pixels", s.pictures, s.source, s.view);

  const double z = kF32 * s.rows * s.dim, transforms = 4 * kF32 * s.rows;
  const std::string row_text = fmt::format("{} x {}", s.rows, s.dim);
  // Similarities, again for the gradient, and the weighted sum of rows; z in, dz out.
  const auto ntxent = [&](double rows, double passes, double products) {
    return Work{passes * kF32 * rows * s.dim, products * 2 * rows * rows * s.dim, 0};
  };

  const double pose = kF32 * 3 * kJoints;
  const double stem = kBf16 * s.images * s.stem_side * s.stem_side * s.stem_channels;
  const double block = kBf16 * s.images * s.block_side * s.block_side * s.block_channels;
  const double last = kBf16 * s.images * s.last_side * s.last_side * s.last_channels;
  const double pooled = kF32 * s.images * s.last_channels;
  const std::string stem_text = map_text(s.images, s.stem_side, s.stem_channels),
                    block_text = map_text(s.images, s.block_side, s.block_channels),
                    last_text = map_text(s.images, s.last_side, s.last_channels);
  // Max pooling leaves a quarter of the places, with a byte each that says which won.
  const double windows = stem / 4, winners = windows / kBf16;

  const auto parameters = static_cast<double>(s.parameters);
  const double hand = kF32 * s.hands, joints = hand * kJoints;
  const std::string hand_text = fmt::format("{} hands", s.hands);

  return {
      {"augment", view_text + ", bf16 x 8", views(8, kBf16)},
      {"augment, 4 channels", view_text + ", bf16 x 4", views(4, kBf16)},
      {"invert_views", row_text, {2 * z + transforms}},
      {"invert_views_backward", row_text, {3 * z + transforms}},
      {"ntxent", row_text, ntxent(s.rows, 1, 1)},
      {"ntxent + gradient", row_text, ntxent(s.rows, 3, 3)},
      {"ntxent + gradient, many", fmt::format("{} x {}", s.many_rows, s.dim),
       ntxent(s.many_rows, 3, 3)},
      {"procrustes",
       fmt::format("{} poses", s.poses),
       {static_cast<double>(s.poses) * (3 * pose + kF32)}},
      // Statistics need all of x before any of y is known: x is read twice.
      {"norm + ReLU", stem_text, {3 * stem}},
      {"norm + ReLU, backward", stem_text, {5 * stem}},  // dy, x; dy, x, dx
      // A bit a value says where ReLU was at work.
      {"norm + add + ReLU", block_text, {4 * block + block / 16}},
      {"norm + add + ReLU, backward",
       block_text,
       {7 * block + block / 16}},  // dy, more, x, g; g, x, dx
      // Both of an x of its own.
      {"norm + norm + ReLU", block_text, {5 * block + block / 16}},
      {"norm + norm + ReLU, backward", block_text, {10 * block + block / 16}},
      {"norm, running statistics", stem_text, {2 * stem}},
      // x twice; y, winners' places and their x.
      {"norm + ReLU + max pool", stem_text, {2 * stem + 2 * windows + winners}},
      // dy, more, winners' x, g; g, winners' places, x, dx.
      {"norm + ReLU + max pool, backward", stem_text, {5 * windows + winners + 2 * stem}},
      {"mean_pool", last_text, {last + pooled}},
      {"mean_pool_backward", last_text, {last + pooled}},
      {"add", block_text, {3 * block}},
      {"scale", fmt::format("{} f32", s.parameters), {2 * kF32 * parameters}},
      {"cast", fmt::format("{} weights to bf16", s.parameters), {(kF32 + kBf16) * parameters}},
      {"pad_channels",
       fmt::format("2 x {} views, 3 f32 to 8 bf16", s.pictures),
       {view_pixels * (3 * kF32 + 8 * kBf16)}},
      {"bias_gradient",
       fmt::format("{} x {} f32", s.rows, s.last_channels),
       {kF32 * s.rows * s.last_channels}},
      // Norms of weights and gradients first; then both and two moments, read, and three written.
      {"optimizer, LARS",
       fmt::format("{} parameters", s.parameters),
       {parameters * kF32 * (2 + 7)}},
      // raw, K; uv, z_rel, h, root depth, mlp_input.
      {"pose_lift", hand_text, {hand * (kHeadWidth + 9 + 1 + kHeadWidth) + 5 * joints}},
      {"pose_lift_backward", hand_text, {hand * (9 + kHeadWidth + kHeadWidth) + 5 * joints}},
      {"pose_recover", hand_text, {hand + 6 * joints}},
      {"pose_recover_backward", hand_text, {2 * hand + 9 * joints}},
      {"pose_loss", hand_text, {3 * (hand + 3 * joints)}},
      {"mean_absolute_loss", hand_text, {3 * 3 * joints}},
  };
}

KernelFloor floor_of(const Sizes& sizes, std::string_view kernel) {
  for (KernelFloor& floor : floors(sizes))
    if (floor.kernel == kernel) return std::move(floor);
  fail(ErrorKind::failure, "no floor of {}", kernel);
}

std::string floor_line(const KernelFloor& floor, const Rates& rates) {
  // Three digits, and no powers of ten.
  const auto short_text = [](double x) {
    return x == 0 ? "" : x < 100 ? fmt::format("{:.3g}", x) : fmt::format("{:.0f}", x);
  };
  const Work& w = floor.work;
  return fmt::format("| {} | {} | {} | {} | {} |", floor.kernel, floor.size,
                     short_text(w.bytes / 1e6), short_text((w.products + w.operations) / 1e9),
                     short_text(1e6 * floor_seconds(w, rates)));
}

}  // namespace peclr::bench
