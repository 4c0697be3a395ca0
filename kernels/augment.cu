// SPDX-License-Identifier: Apache-2.0
// A block makes a tile of a view: warps take patches of 8 x 16 pixels, 8 x 4 at a time, so that a
// turned picture is read in few cache lines, and store whole lines of the output. Tiles of a view,
// and the views of a picture, run at about the same time: the source comes from memory once.
#include <algorithm>
#include <bit>

#include "kernels/augment_kernels.h"
#include "kernels/launch.h"
#include "kernels/pack.h"

namespace peclr::kernels {
namespace {

constexpr int kTile = 32;       // output pixels
constexpr int kPixels = 4;      // of a thread, kRowStep rows apart
constexpr int kPatchWidth = 8;  // of a warp
constexpr int kRowStep = kWarp / kPatchWidth;
constexpr int kPatchHeight = kPixels * kRowStep;

using WholeTaps = TapsOf<std::uint32_t>;

// Taps along an axis of `size` pixels at a position that has been rounded to 2^-kWeightBits pixels
// but for bits below, in 2^-kBits pixels; and both weights in one word.
struct InnerTaps {
  static constexpr int kBits = 2 * kWeightBits;  // so that the weight is a byte; inside it fits

  PECLR_DEVICE static WholeTaps at(std::uint32_t position, std::int32_t) {
    const std::uint32_t d = pick_bytes(position, 0, 0x4441);
    return {static_cast<std::int32_t>(position >> kBits), 256 - d, d};
  }
  PECLR_DEVICE static std::uint32_t both(WholeTaps taps) { return 256 + 0xFFFF * taps.w1; }
};
template <Border border>
struct BorderTaps {
  static constexpr int kBits = kPositionBits;

  PECLR_DEVICE static WholeTaps at(std::uint32_t position, std::int32_t size) {
    const std::int32_t p = static_cast<std::int32_t>(position) >> (kBits - kWeightBits);
    return border == Border::black ? black_taps<std::uint32_t>(p, size)
                                   : reflect_taps<std::uint32_t>(p, size);
  }
  PECLR_DEVICE static std::uint32_t both(WholeTaps taps) { return taps.w0 + (taps.w1 << 16); }
};

template <class T, int kChannels>
PECLR_DEVICE void store_pixel(T* out, Rgb c) {
  constexpr int kBytes = kChannels * static_cast<int>(sizeof(T));
  if constexpr (kBytes % 16 == 0) {
    Pack<T> pack{};
    store(pack[0], c.r);
    store(pack[1], c.g);
    store(pack[2], c.b);
    store_pack_streaming(out, pack);
    for (int at = pack.kSize; at < kChannels; at += pack.kSize)
      store_pack_streaming(out + at, Pack<T>{});
  } else if constexpr (kBytes == 8) {
    struct alignas(8) Four {
      T v[4];
    } four{};
    store(four.v[0], c.r);
    store(four.v[1], c.g);
    store(four.v[2], c.b);
    *reinterpret_cast<uint2*>(out) = std::bit_cast<uint2>(four);
  } else {
    store(out[0], c.r);
    store(out[1], c.g);
    store(out[2], c.b);
  }
}

template <class T, int kChannels>
struct Augment {
  struct Params {
    AugmentBatch batch;
    T* out;
  };
  static constexpr int kThreads = kTile * kTile / kPixels, kMinBlocks = 4;

  // Where the patches of a tile lie: of four bits a patch the lowest counts.
  struct Patches {
    unsigned inside;  // all taps are in the picture
    unsigned beyond;  // none is, as all are beyond the same side
  };

  struct Shared {
    AugmentView view;
    SampleShare share;
    const std::uint8_t* second_row;   // of the source
    Position along[2][kMostSamples];  // offsets of the samples; half a weight's unit for rounding
    Patches patches;
  };

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    const int left = static_cast<int>(blockIdx.x) * kTile;
    const int top = static_cast<int>(blockIdx.y) * kTile;
    prepare(s, p.batch.views[blockIdx.z], left, top);

    const int lane = lane_index(), warp = warp_index();
    const int i = left + patch_left(warp) + lane % kPatchWidth;
    const int j = top + patch_top(warp) + lane / kPatchWidth;
    LevelSums sums[kPixels];
    sample(s, i, j, sums);

    const AugmentPlan plan = s.view.plan;  // a copy, as stores might change what is shared
    const SampleShare by = s.share;
    const int size = p.batch.size;
    if (i >= size) return;
    T* out = p.out + ((s.view.row * size + j) * size + i) * kChannels;
    PECLR_UNROLL
    for (int k = 0; k < kPixels; ++k, out += kRowStep * kChannels * size)
      if (j + k * kRowStep < size) store_pixel<T, kChannels>(out, finish_pixel(plan, sums[k], by));
  }

  PECLR_DEVICE static void prepare(Shared& s, const AugmentView& view, int left, int top) {
    const int t = static_cast<int>(threadIdx.x);
    const AugmentPlan& plan = view.plan;
    if (t < kWarp) {
      const int axis = t / kMostSamples, k = t % kMostSamples;
      const int samples = axis == 0 ? plan.samples_x : plan.samples_y;
      const int sample = min(k, samples - 1);  // what lies behind the last is not read
      const int rounding = axis == 0 ? 1 << (kPositionBits - kWeightBits - 1) : 0;
      const auto offset = [&](std::int32_t step) {
        return static_cast<std::uint32_t>(sample_offset(step, sample, samples) + rounding);
      };
      s.along[axis][k] = {offset(axis == 0 ? plan.xi : plan.xj),
                          offset(axis == 0 ? plan.yi : plan.yj)};
    } else if (t == kWarp) {
      s.view = view;
      s.share = sample_share(plan);
      s.second_row = view.source + 4 * std::int64_t{view.pitch};
    } else if (t / kWarp == 2) {
      const Patches patches = locate(plan, left, top);
      if (t % kWarp == 0) s.patches = patches;
    }
    __syncthreads();
  }

  static_assert(4 * kThreads == kWarp * kWarp, "four corners for each warp's patch");
  PECLR_DEVICE static int patch_left(int warp) {
    return warp % (kTile / kPatchWidth) * kPatchWidth;
  }
  PECLR_DEVICE static int patch_top(int warp) {
    return warp / (kTile / kPatchWidth) * kPatchHeight;
  }

  // By a warp, a lane a corner. Positions are affine: what holds for the pixels around a patch's
  // corners does for all samples of all its pixels.
  PECLR_DEVICE static Patches locate(const AugmentPlan& plan, int left, int top) {
    const int lane = lane_index();
    const std::int64_t i = left + patch_left(lane / 4) + (lane & 1 ? kPatchWidth : -1);
    const std::int64_t j = top + patch_top(lane / 4) + (lane & 2 ? kPatchHeight : -1);
    const std::int64_t x = plan.x0 + plan.xi * i + plan.xj * j;
    const std::int64_t y = plan.y0 + plan.yi * i + plan.yj * j;
    constexpr std::int64_t kPixel = 1 << kPositionBits, kRounding = kPixel >> kWeightBits;
    const auto inside = [](std::int64_t at, std::int32_t size) {
      return at >= 0 && at < (size - 1) * kPixel - kRounding;
    };
    // Bit 4 n for all four of patch n.
    const auto all_corners = [](bool yes) {
      const unsigned corners = __ballot_sync(kAllLanes, yes);
      return corners & corners >> 1 & corners >> 2 & corners >> 3;
    };
    return {all_corners(inside(x, plan.width) && inside(y, plan.height)),
            all_corners(x < -kPixel) | all_corners(x > plan.width * kPixel) |
                all_corners(y < -kPixel) | all_corners(y > plan.height * kPixel)};
  }

  PECLR_DEVICE static void sample(const Shared& s, int i, int j, LevelSums (&sums)[kPixels]) {
    const int shift = 4 * warp_index();
    if (s.patches.inside >> shift & 1)
      gather<InnerTaps>(s, i, j, sums);
    else if (s.view.plan.border == Border::reflect)
      gather<BorderTaps<Border::reflect>>(s, i, j, sums);
    else if (!(s.patches.beyond >> shift & 1))
      gather<BorderTaps<Border::black>>(s, i, j, sums);
  }

  template <class TapsOfAxis>
  PECLR_DEVICE static void gather(const Shared& s, int i, int j, LevelSums (&sums)[kPixels]) {
    constexpr int kShift = TapsOfAxis::kBits - kPositionBits;
    const AugmentPlan& plan = s.view.plan;
    const std::int32_t width = plan.width, height = plan.height, pitch = s.view.pitch;
    const int samples_x = plan.samples_x, samples_y = plan.samples_y;
    const auto* upper = reinterpret_cast<const std::uint32_t*>(s.view.source);
    const auto* lower = reinterpret_cast<const std::uint32_t*>(s.second_row);
    const Position first = pixel_position(plan, i, j);
    const auto step_x = kRowStep * static_cast<std::uint32_t>(plan.xj) << kShift,
               step_y = kRowStep * static_cast<std::uint32_t>(plan.yj) << kShift;
    for (int b = 0; b < samples_y; ++b)
      for (int a = 0; a < samples_x; ++a) {
        std::uint32_t at_x = (first.x + s.along[0][a].x + s.along[1][b].x) << kShift;
        std::uint32_t at_y = (first.y + s.along[0][a].y + s.along[1][b].y) << kShift;
        PECLR_UNROLL
        for (int k = 0; k < kPixels; ++k, at_x += step_x, at_y += step_y) {
          const WholeTaps x = TapsOfAxis::at(at_x, width), y = TapsOfAxis::at(at_y, height);
          const std::int32_t offset = y.first * pitch + x.first;
          const std::uint32_t *p0 = upper + offset, *p1 = lower + offset;
          sums[k] = add_whole_sample(sums[k], TapsOfAxis::both(x), y, __ldg(p0), __ldg(p0 + 1),
                                     __ldg(p1), __ldg(p1 + 1));
        }
      }
  }

  // Of the middle of an output pixel.
  PECLR_DEVICE static Position pixel_position(const AugmentPlan& plan, int i, int j) {
    const auto at = [&](std::int32_t along_i, std::int32_t along_j, std::int32_t origin) {
      return static_cast<std::uint32_t>(origin) +
             static_cast<std::uint32_t>(along_i) * static_cast<std::uint32_t>(i) +
             static_cast<std::uint32_t>(along_j) * static_cast<std::uint32_t>(j);
    };
    return {at(plan.xi, plan.xj, plan.x0), at(plan.yi, plan.yj, plan.y0)};
  }
};

template <int kChannels, class T>
void launch_augment(const AugmentBatch& batch, T* out, Stream stream) {
  constexpr std::int64_t kMostViews = 65535;  // a grid's z
  const unsigned tiles = blocks_for(batch.size, kTile);
  for (AugmentBatch part = batch; part.count > 0;
       part.views += kMostViews, part.count -= kMostViews)
    launch<Augment<T, kChannels>>(
        {tiles, tiles, static_cast<unsigned>(std::min(part.count, kMostViews))}, {part, out},
        stream);
}

template <class T>
void augment_any(const AugmentBatch& batch, T* out, Stream stream) {
  require(batch.channels == 3 || batch.channels == 4 || batch.channels == 8,
          "augment: pictures have 3, 4 or 8 channels");
  require(batch.size > 0, "augment: pictures without pixels");
  if (batch.channels == 3) launch_augment<3>(batch, out, stream);
  if (batch.channels == 4) launch_augment<4>(batch, out, stream);
  if (batch.channels == 8) launch_augment<8>(batch, out, stream);
}

}  // namespace

void augment(const AugmentBatch& batch, float* out, Stream stream) {
  augment_any(batch, out, stream);
}

void augment(const AugmentBatch& batch, bf16* out, Stream stream) {
  augment_any(batch, out, stream);
}

}  // namespace peclr::kernels
