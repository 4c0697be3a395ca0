// SPDX-License-Identifier: Apache-2.0
// A thread a pose. A block's poses go through shared memory, so that memory is read and written in
// whole lines, at most 21 points of a pose at a time. Sums and SVD are in double, as on the CPU: on
// cards with the units for it they hide behind the memory. Aligned points are f32, counted from
// their mean, so that a hand far from the origin loses no digits.
#include "kernels/async_copy.h"
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

// The similarity for f32, with the scale in the rotation. A mean is held as the nearest float and
// the rest.
struct Apply {
  Point source_mean, source_rest, target_mean, target_rest;
  SimilarityTransform<float> turn;  // between centred points

  PECLR_DEVICE explicit Apply(const SimilarityTransform<double>& fit)
      : source_mean(floats(fit.source_mean)),
        source_rest(floats(difference(fit.source_mean, doubles(source_mean)))),
        target_mean(floats(fit.target_mean)),
        target_rest(floats(difference(fit.target_mean, doubles(target_mean)))),
        turn{{},
             {},
             floats(scaled(fit.scale, fit.row_x)),
             floats(scaled(fit.scale, fit.row_y)),
             floats(scaled(fit.scale, fit.row_z)),
             1.f} {}

  // Counted from target_mean.
  PECLR_DEVICE Point aligned(const Point& p) const {
    return add_scaled(target_rest, 1.f,
                      turn.rotated(difference(difference(p, source_mean), source_rest)));
  }
};

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

    PointSums<double> sums{};
    for_each_chunk(p, s, block, true, [&](int begin, int count) {
      if (!active) return;
      if (begin == 0)
        sums = PointSums<double>::from(doubles(point(s.source, thread, 0)),
                                       doubles(point(s.target, thread, 0)));
      for (int i = 0; i < count; ++i)
        sums.add(doubles(point(s.source, thread, i)), doubles(point(s.target, thread, i)));
    });
    SimilarityTransform<double> fit{};
    if (active) {
      fit = align(sums, p.in.points, p.in.rule);
      store_fit(p.out, pose, fit);
    }
    if (!p.out.aligned && !p.out.pa_epe) return;

    const Apply apply(fit);
    double distance = 0;
    for_each_chunk(p, s, block, false, [&](int begin, int count) {
      if (active)
        for (int i = 0; i < count; ++i) {
          const Point aligned = apply.aligned(point(s.source, thread, i));
          const Point error =
              difference(aligned, difference(point(s.target, thread, i), apply.target_mean));
          distance += square_root(dot(error, error));
          set_point(s.source, thread, i, add_scaled(apply.target_mean, 1.f, aligned));
        }
      if (!p.out.aligned) return;
      __syncthreads();
      write(p, s.source, block, begin, count);
    });
    if (p.out.pa_epe && active) p.out.pa_epe[pose] = static_cast<float>(distance / p.in.points);
  }

  PECLR_DEVICE static void store_fit(const ProcrustesOutput& out, std::int64_t pose,
                                     const SimilarityTransform<double>& fit) {
    if (out.rotation) {
      float* r = out.rotation + 9 * pose;
      set_point(r, 0, 0, floats(fit.row_x));
      set_point(r, 0, 1, floats(fit.row_y));
      set_point(r, 0, 2, floats(fit.row_z));
    }
    if (out.scale) out.scale[pose] = static_cast<float>(fit.scale);
    if (out.translation) set_point(out.translation + 3 * pose, 0, 0, floats(fit.translation()));
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
        AsyncCopies copies;
        read(p, copies, p.in.source, s.source, block, begin, count);
        read(p, copies, p.in.target, s.target, block, begin, count);
        copies.commit();
        copies.wait<0>();
        __syncthreads();
      }
      f(begin, count);
    }
  }

  static constexpr int kPacks = kThreads * kStride / kPackSize<float>;

  // Whole packs by copies that need no registers, so that all of a block's are on their way at
  // once.
  PECLR_DEVICE static void read(const Params& p, AsyncCopies& copies, const float* from,
                                float* held, const Block& block, int begin, int count) {
    const int thread = static_cast<int>(threadIdx.x);
    if (p.packed && block.poses == kThreads) {
      from += block.first * kStride;
      auto* const packs = reinterpret_cast<Pack<float>*>(held);
      PECLR_UNROLL_BY(4)
      for (int i = thread; i < kPacks; i += kThreads)
        copies.add(packs + i, from + kPackSize<float> * i);
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

}  // namespace

void procrustes(const ProcrustesInput& in, const ProcrustesOutput& out, Stream stream) {
  if (in.points <= 0) return;
  const bool packed = in.points == kHeld && take_packs({in.source, in.target, out.aligned});
  launch<Procrustes>({.x = blocks_for(in.count, Procrustes::kThreads)}, {in, out, packed}, stream);
}

}  // namespace peclr::kernels
