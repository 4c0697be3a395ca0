// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/hot/procrustes.h"

#include "engine/cpu/hot/double_lanes.h"
#include "engine/parallel.h"

PECLR_BEGIN
namespace {

using Point = Triple<DoubleLanes>;

// Points go through a transposed block: value [3 * points, lanes], one pose a lane.
constexpr int kBlockPoints = 32;
struct Block {
  alignas(64) float value[3 * kBlockPoints][kDoubleLanes];

  Point point(int i) const {
    return {DoubleLanes::load(value[3 * i]), DoubleLanes::load(value[3 * i + 1]),
            DoubleLanes::load(value[3 * i + 2])};
  }
  void set_point(int i, const Point& p) {
    p.x.store(value[3 * i]);
    p.y.store(value[3 * i + 1]);
    p.z.store(value[3 * i + 2]);
  }
};

// Up to kDoubleLanes neighbouring poses. Lanes that have none repeat the last and are never written
// back.
struct PoseGroup {
  std::int64_t first;
  int size;

  std::int64_t pose(int lane) const { return first + (lane < size ? lane : size - 1); }
};

void load(const float* poses, const PoseGroup& group, int points, int begin, int end,
          Block& block) {
  for (int lane = 0; lane < kDoubleLanes; ++lane) {
    const float* pose = poses + 3 * (group.pose(lane) * points + begin);
    for (int k = 0; k < 3 * (end - begin); ++k) block.value[k][lane] = pose[k];
  }
}

void store(const Block& block, const PoseGroup& group, int points, int begin, int end,
           float* poses) {
  for (int lane = 0; lane < group.size; ++lane) {
    float* pose = poses + 3 * ((group.first + lane) * points + begin);
    for (int k = 0; k < 3 * (end - begin); ++k) pose[k] = block.value[k][lane];
  }
}

// One number of each pose, to out[pose * stride].
void store_lanes(const DoubleLanes& value, const PoseGroup& group, int stride, float* out) {
  for (int lane = 0; lane < group.size; ++lane)
    out[(group.first + lane) * stride] = static_cast<float>(value.v[lane]);
}

void store_point(const Point& p, const PoseGroup& group, int stride, float* out) {
  store_lanes(p.x, group, stride, out);
  store_lanes(p.y, group, stride, out + 1);
  store_lanes(p.z, group, stride, out + 2);
}

void align_group(const ProcrustesInput& in, const ProcrustesOutput& out, const PoseGroup& group) {
  Block source, target;
  PointSums<DoubleLanes> sums;
  for (int begin = 0; begin < in.points; begin += kBlockPoints) {
    const int end = begin + kBlockPoints < in.points ? begin + kBlockPoints : in.points;
    load(in.source, group, in.points, begin, end, source);
    load(in.target, group, in.points, begin, end, target);
    if (begin == 0) sums = PointSums<DoubleLanes>::from(source.point(0), target.point(0));
    for (int i = 0; i < end - begin; ++i) sums.add(source.point(i), target.point(i));
  }
  const SimilarityTransform<DoubleLanes> fit = align(sums, in.points, in.rule);
  if (out.rotation) {
    store_point(fit.row_x, group, 9, out.rotation);
    store_point(fit.row_y, group, 9, out.rotation + 3);
    store_point(fit.row_z, group, 9, out.rotation + 6);
  }
  if (out.scale) store_lanes(fit.scale, group, 1, out.scale);
  if (out.translation) store_point(fit.translation(), group, 3, out.translation);
  if (!out.aligned && !out.pa_epe) return;

  DoubleLanes distance = 0.0;
  for (int begin = 0; begin < in.points; begin += kBlockPoints) {
    const int end = begin + kBlockPoints < in.points ? begin + kBlockPoints : in.points;
    if (in.points > kBlockPoints) {  // else both blocks still hold all points
      load(in.source, group, in.points, begin, end, source);
      load(in.target, group, in.points, begin, end, target);
    }
    for (int i = 0; i < end - begin; ++i) {
      const Point aligned = fit.apply(source.point(i));
      const Point error = difference(aligned, target.point(i));
      distance = distance + square_root(dot(error, error));
      source.set_point(i, aligned);
    }
    if (out.aligned) store(source, group, in.points, begin, end, out.aligned);
  }
  if (out.pa_epe) store_lanes(distance * DoubleLanes(1.0 / in.points), group, 1, out.pa_epe);
}

}  // namespace

void procrustes(const ProcrustesInput& input, const ProcrustesOutput& output) {
  if (input.points <= 0) return;
  constexpr std::int64_t kGrain = 1024;  // a multiple of every kDoubleLanes
  parallel_for(input.count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pose = begin; pose < end; pose += kDoubleLanes) {
      const std::int64_t left = end - pose;
      align_group(input, output,
                  {pose, left < kDoubleLanes ? static_cast<int>(left) : kDoubleLanes});
    }
  });
}

PECLR_END
