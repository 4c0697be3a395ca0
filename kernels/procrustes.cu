// SPDX-License-Identifier: Apache-2.0
// A thread a pose. A block's poses go through shared memory, so that memory is read and written in
// whole lines, at most 21 points of a pose at a time. Points are counted from their set's mean, in
// units near their own size: so f32 is enough for them, and doubles are left to the few numbers of
// the SVD.
#include <bit>

#include "kernels/launch.h"
#include "kernels/pack.h"
#include "kernels/procrustes_kernels.h"

namespace peclr::kernels {
namespace {

using Point = Triple<float>;
using Doubles = Triple<double>;

constexpr int kHeld = 21;  // points of a pose in shared memory
constexpr int kStride = 3 * kHeld;
static_assert(kStride % 2 == 1, "threads read neighbouring poses: an odd stride has no conflicts");

PECLR_DEVICE Doubles doubles(const Point& p) { return {p.x, p.y, p.z}; }
PECLR_DEVICE Point floats(const Doubles& p) {
  return {static_cast<float>(p.x), static_cast<float>(p.y), static_cast<float>(p.z)};
}

// The power of two below x; 1 for 0 and for what is hardly a number.
PECLR_DEVICE float power_below(float x) {
  const std::uint32_t exponent = std::bit_cast<std::uint32_t>(x) & 0x7F800000u;
  return exponent == 0 ? 1.f : std::bit_cast<float>(exponent);
}

// Where a set of points lies and how large it is, roughly: what its points are counted from.
struct Frame {
  Point origin;
  float unit;

  PECLR_DEVICE Point centred(const Point& p) const { return difference(p, origin); }
};

// Finds a Frame from the points in any order of chunks.
struct FrameFinder {
  Point first{0, 0, 0}, sum{0, 0, 0};
  float largest = 0;

  PECLR_DEVICE void add(const Point& p) {
    const Point d = difference(p, first);
    sum = add_scaled(sum, 1.f, d);
    largest = fmaxf(largest, fmaxf(fabsf(d.x), fmaxf(fabsf(d.y), fabsf(d.z))));
  }
  PECLR_DEVICE Frame frame(int points) const {
    return {add_scaled(first, 1.f / static_cast<float>(points), sum), power_below(largest)};
  }
};

// Sums of a few points in their units, added to those of the pose.
PECLR_DEVICE void add_sums(const PointSums<float>& part, double source_unit, double target_unit,
                           PointSums<double>& all) {
  all.source = add_scaled(all.source, source_unit, doubles(part.source));
  all.target = add_scaled(all.target, target_unit, doubles(part.target));
  all.source_square += source_unit * source_unit * part.source_square;
  const double both = source_unit * target_unit;
  all.cross_x = add_scaled(all.cross_x, both, doubles(part.cross_x));
  all.cross_y = add_scaled(all.cross_y, both, doubles(part.cross_y));
  all.cross_z = add_scaled(all.cross_z, both, doubles(part.cross_z));
}

struct Procrustes {
  struct Params {
    ProcrustesInput in;
    ProcrustesOutput out;
    bool packed;  // 21 points, all memory aligned to 16 bytes
  };
  static constexpr int kThreads = 64;
  struct alignas(16) Shared {
    float source[kThreads * kStride], target[kThreads * kStride];
  };

  // The poses of this block.
  struct Block {
    std::int64_t first;
    int poses;
  };

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    const std::int64_t first = std::int64_t{blockIdx.x} * kThreads;
    const Block block{
        first, static_cast<int>(p.in.count - first < kThreads ? p.in.count - first : kThreads)};
    const int thread = static_cast<int>(threadIdx.x);
    const bool active = thread < block.poses;
    const std::int64_t pose = first + thread;
    const int points = p.in.points;

    FrameFinder source_finder, target_finder;
    for_each_chunk(p, s, block, true, [&](int begin, int count) {
      if (!active) return;
      if (begin == 0) {
        source_finder.first = point(s.source, thread, 0);
        target_finder.first = point(s.target, thread, 0);
      }
      for (int i = 0; i < count; ++i) {
        source_finder.add(point(s.source, thread, i));
        target_finder.add(point(s.target, thread, i));
      }
    });
    const Frame source = source_finder.frame(points), target = target_finder.frame(points);

    const Point zero{0, 0, 0};
    const Doubles none{0, 0, 0};
    auto sums = PointSums<double>::from(none, none);
    for_each_chunk(p, s, block, false, [&](int, int count) {
      if (!active) return;
      auto part = PointSums<float>::from(zero, zero);
      const float source_scale = 1.f / source.unit, target_scale = 1.f / target.unit;
      for (int i = 0; i < count; ++i)
        part.add(scaled(source_scale, source.centred(point(s.source, thread, i))),
                 scaled(target_scale, target.centred(point(s.target, thread, i))));
      add_sums(part, source.unit, target.unit, sums);
    });
    const SimilarityTransform<double> fit = align(sums, points, p.in.rule);
    if (active) store_fit(p.out, pose, fit, source, target);
    if (!p.out.aligned && !p.out.pa_epe) return;

    // Between centred points, with the scale in the rotation.
    const SimilarityTransform<float> apply{floats(fit.source_mean),
                                           floats(fit.target_mean),
                                           floats(scaled(fit.scale, fit.row_x)),
                                           floats(scaled(fit.scale, fit.row_y)),
                                           floats(scaled(fit.scale, fit.row_z)),
                                           1.f};
    double distance = 0;
    for_each_chunk(p, s, block, false, [&](int begin, int count) {
      if (active)
        for (int i = 0; i < count; ++i) {
          const Point aligned = apply.apply(source.centred(point(s.source, thread, i)));
          const Point error = scaled(
              1.f / target.unit, difference(aligned, target.centred(point(s.target, thread, i))));
          distance += square_root(dot(error, error));
          set_point(s.source, thread, i, add_scaled(target.origin, 1.f, aligned));
        }
      if (!p.out.aligned) return;
      __syncthreads();
      write(p, s.source, block, begin, count);
    });
    if (p.out.pa_epe && active)
      p.out.pa_epe[pose] = static_cast<float>(distance * target.unit / points);
  }

  PECLR_DEVICE static void store_fit(const ProcrustesOutput& out, std::int64_t pose,
                                     const SimilarityTransform<double>& fit, const Frame& source,
                                     const Frame& target) {
    if (out.rotation) {
      float* r = out.rotation + 9 * pose;
      set_point(r, 0, 0, floats(fit.row_x));
      set_point(r, 0, 1, floats(fit.row_y));
      set_point(r, 0, 2, floats(fit.row_z));
    }
    if (out.scale) out.scale[pose] = static_cast<float>(fit.scale);
    if (!out.translation) return;
    SimilarityTransform<double> whole = fit;
    whole.source_mean = add_scaled(fit.source_mean, 1.0, doubles(source.origin));
    whole.target_mean = add_scaled(fit.target_mean, 1.0, doubles(target.origin));
    set_point(out.translation + 3 * pose, 0, 0, floats(whole.translation()));
  }

  PECLR_DEVICE static Point point(const float* poses, int pose, int i) {
    const float* p = poses + pose * kStride + 3 * i;
    return {p[0], p[1], p[2]};
  }
  PECLR_DEVICE static void set_point(float* poses, int pose, int i, const Point& value) {
    float* p = poses + pose * kStride + 3 * i;
    p[0] = value.x;
    p[1] = value.y;
    p[2] = value.z;
  }

  // Calls f(begin, count) for at most kHeld points a pose at a time, which then lie in shared
  // memory; where all of them fit, they are read in the first pass only.
  template <class F>
  PECLR_DEVICE static void for_each_chunk(const Params& p, Shared& s, const Block& block,
                                          bool first_pass, F f) {
    for (int begin = 0; begin < p.in.points; begin += kHeld) {
      const int count = min(kHeld, p.in.points - begin);
      if (first_pass || p.in.points > kHeld) {
        __syncthreads();
        read(p, p.in.source, s.source, block, begin, count);
        read(p, p.in.target, s.target, block, begin, count);
        __syncthreads();
      }
      f(begin, count);
    }
  }

  static constexpr int kPacks = kThreads * kStride / kPackSize<float>;

  PECLR_DEVICE static void read(const Params& p, const float* from, float* held, const Block& block,
                                int begin, int count) {
    const int thread = static_cast<int>(threadIdx.x);
    if (p.packed && block.poses == kThreads) {
      from += block.first * kStride;
      PECLR_UNROLL
      for (int i = thread; i < kPacks; i += kThreads)
        store_pack(held + kPackSize<float> * i, load_pack_streaming(from + kPackSize<float> * i));
      return;
    }
    for (int pose = warp_index(); pose < block.poses; pose += kThreads / kWarp) {
      const float* source = from + 3 * ((block.first + pose) * p.in.points + begin);
      for (int k = lane_index(); k < 3 * count; k += kWarp) held[pose * kStride + k] = source[k];
    }
  }

  PECLR_DEVICE static void write(const Params& p, const float* held, const Block& block, int begin,
                                 int count) {
    const int thread = static_cast<int>(threadIdx.x);
    if (p.packed && block.poses == kThreads) {
      float* to = p.out.aligned + block.first * kStride;
      PECLR_UNROLL
      for (int i = thread; i < kPacks; i += kThreads)
        store_pack_streaming(to + kPackSize<float> * i, load_pack(held + kPackSize<float> * i));
      return;
    }
    for (int pose = warp_index(); pose < block.poses; pose += kThreads / kWarp) {
      float* target = p.out.aligned + 3 * ((block.first + pose) * p.in.points + begin);
      for (int k = lane_index(); k < 3 * count; k += kWarp) target[k] = held[pose * kStride + k];
    }
  }
};

bool aligned_to_packs(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

}  // namespace

void procrustes(const ProcrustesInput& in, const ProcrustesOutput& out, Stream stream) {
  if (in.points <= 0) return;
  const bool packed = in.points == kHeld && aligned_to_packs(in.source) &&
                      aligned_to_packs(in.target) && aligned_to_packs(out.aligned);
  launch<Procrustes>({.x = blocks_for(in.count, Procrustes::kThreads)}, {in, out, packed}, stream);
}

}  // namespace peclr::kernels
