// SPDX-License-Identifier: Apache-2.0
// Runs of pixels, in three steps a sample: positions and weights (vectors), pixels (plain 8-byte
// loads of two neighbours each: as fast as gathers here, and not slow where gathers are), weighted
// sums (vectors).
#include "engine/cpu/hot/augment.h"

#include <cstring>

#include "engine/parallel.h"

PECLR_BEGIN
namespace {

constexpr int kRunPixels = 64;     // output pixels of a row computed together
constexpr int kRowsPerChunk = 64;  // of one view, for one thread

enum class Placement { inner, black, reflect };

// Sums of weighted samples, later levels, of a run of output pixels.
struct Run {
  alignas(64) float r[kRunPixels], g[kRunPixels], b[kRunPixels];
};

// One sample of each pixel of a run.
struct Samples {
  alignas(64) std::int32_t offset[kRunPixels];  // of the upper left pixel
  alignas(64) float x0[kRunPixels], x1[kRunPixels], y0[kRunPixels], y1[kRunPixels];
  alignas(64) std::uint32_t upper[2 * kRunPixels], lower[2 * kRunPixels];  // two neighbours a lane
};

template <Placement placement>
inline Taps taps_at(std::uint32_t position, std::int32_t size) {
  const std::int32_t p = weight_position(position);
  if constexpr (placement == Placement::inner) return inner_taps(p);
  if constexpr (placement == Placement::black) return black_taps(p, size);
  return reflect_taps(p, size);
}

template <Placement placement>
inline void locate(const AugmentPlan& plan, Position start, Samples& s) {
  const auto step_x = static_cast<std::uint32_t>(plan.xi),
             step_y = static_cast<std::uint32_t>(plan.yi);
  const std::int32_t width = plan.width, height = plan.height;
#pragma omp simd
  for (int l = 0; l < kRunPixels; ++l) {
    const Taps x = taps_at<placement>(start.x + step_x * static_cast<std::uint32_t>(l), width);
    const Taps y = taps_at<placement>(start.y + step_y * static_cast<std::uint32_t>(l), height);
    s.offset[l] = y.first * width + x.first;
    s.x0[l] = x.w0;
    s.x1[l] = x.w1;
    s.y0[l] = y.w0;
    s.y1[l] = y.w1;
  }
}

inline void fetch(const std::uint8_t* source, std::int32_t width, Samples& s) {
  const std::uint8_t* next_row = source + 4 * std::int64_t{width};
  for (int l = 0; l < kRunPixels; ++l) {
    const std::int64_t offset = 4 * std::int64_t{s.offset[l]};
    std::memcpy(s.upper + 2 * l, source + offset, 8);
    std::memcpy(s.lower + 2 * l, next_row + offset, 8);
  }
}

inline void accumulate(const Samples& s, Run& run) {
#pragma omp simd
  for (int l = 0; l < kRunPixels; ++l) {
    const Rgb sum =
        add_sample({run.r[l], run.g[l], run.b[l]}, {0, s.x0[l], s.x1[l]}, {0, s.y0[l], s.y1[l]},
                   s.upper[2 * l], s.upper[2 * l + 1], s.lower[2 * l], s.lower[2 * l + 1]);
    run.r[l] = sum.r;
    run.g[l] = sum.g;
    run.b[l] = sum.b;
  }
}

// Whether no lane needs the border: a run is a straight line, so its ends decide.
inline bool is_inner(const AugmentPlan& plan, Position start) {
  const auto inside = [](std::uint32_t first, std::int32_t step, std::int32_t size) {
    const std::int64_t begin = static_cast<std::int32_t>(first);
    const std::int64_t end = begin + std::int64_t{step} * (kRunPixels - 1);
    constexpr std::int64_t kPixel = 1 << kPositionBits, kRounding = kPixel >> kWeightBits;
    const std::int64_t limit = (size - 1) * kPixel - kRounding;
    return begin >= 0 && begin < limit && end >= 0 && end < limit;
  };
  return inside(start.x, plan.xi, plan.width) && inside(start.y, plan.yi, plan.height);
}

template <class F>
inline void for_each_pixel(Run& run, F&& f) {
#pragma omp simd
  for (int l = 0; l < kRunPixels; ++l) {
    const Rgb c = f(Rgb{run.r[l], run.g[l], run.b[l]});
    run.r[l] = c.r;
    run.g[l] = c.g;
    run.b[l] = c.b;
  }
}

inline void sample_run(const AugmentPlan& plan, const std::uint8_t* source, int i, int j,
                       Run& run) {
  Samples samples;
  std::memset(&run, 0, sizeof run);
  for (int b = 0; b < plan.samples_y; ++b)
    for (int a = 0; a < plan.samples_x; ++a) {
      const Position start = sample_position(plan, i, j, a, b);
      if (is_inner(plan, start))
        locate<Placement::inner>(plan, start, samples);
      else if (plan.border == Border::black)
        locate<Placement::black>(plan, start, samples);
      else
        locate<Placement::reflect>(plan, start, samples);
      fetch(source, plan.width, samples);
      accumulate(samples, run);
    }
}

inline void colour_run(const AugmentPlan& plan, Run& run) {
  if (!plan.jitter_colour && !plan.drop_colour) {
    for_each_pixel(run, [&](Rgb c) { return normalise(c, plan, plan.weight_sum); });
    return;
  }
  for_each_pixel(run, [&](Rgb c) { return round_levels(c, plan.weight_sum); });
  if (plan.swap_red_blue) for_each_pixel(run, [](Rgb c) { return swapped(c); });
  if (plan.jitter_colour) for_each_pixel(run, [&](Rgb c) { return jitter_levels(c, plan.jitter); });
  if (plan.drop_colour) for_each_pixel(run, [](Rgb c) { return drop_levels(c); });
  if (plan.swap_red_blue) for_each_pixel(run, [](Rgb c) { return swapped(c); });
  for_each_pixel(run, [&](Rgb c) { return normalise(c, plan, 1); });
}

inline void store_run(const Run& run, int count, float* out) {
  for (int l = 0; l < count; ++l) {
    out[3 * l] = run.r[l];
    out[3 * l + 1] = run.g[l];
    out[3 * l + 2] = run.b[l];
  }
}

// Reads the box of the source that rows [first, last) of a view lie in, one byte a cache line.
// Turned, the picture is read across its rows, where processors do not read ahead: walking through
// it once beforehand nearly doubles the speed of pictures that are not in the cache.
inline void warm_cache(const AugmentPlan& plan, const std::uint8_t* source, int size, int first,
                       int last) {
  std::int64_t left = plan.width, right = 0, top = plan.height, bottom = 0;
  for (int corner = 0; corner < 4; ++corner) {
    const Position at =
        sample_position(plan, corner & 1 ? size : -1, corner & 2 ? last : first - 1, 0, 0);
    const std::int64_t x = static_cast<std::int32_t>(at.x) >> kPositionBits;
    const std::int64_t y = static_cast<std::int32_t>(at.y) >> kPositionBits;
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }
  if (left < 0) left = 0;
  if (top < 0) top = 0;
  if (right >= plan.width) right = plan.width - 1;
  if (bottom >= plan.height) bottom = plan.height - 1;
  constexpr std::int64_t kCacheLine = 64;
  for (std::int64_t y = top; y <= bottom; ++y) {
    const std::uint8_t* row = source + 4 * y * plan.width;
    for (std::int64_t at = 4 * left; at <= 4 * right; at += kCacheLine)
      static_cast<void>(*static_cast<const volatile std::uint8_t*>(row + at));
  }
}

}  // namespace

void augment(const AugmentJob* jobs, std::int64_t count, int size) {
  const std::int64_t chunks_per_view = (size + kRowsPerChunk - 1) / kRowsPerChunk;
  parallel_for(count * chunks_per_view, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
      const AugmentJob& job = jobs[chunk / chunks_per_view];
      const AugmentPlan plan = plan_augment(job.params, job.width, job.height);
      const int first = static_cast<int>(chunk % chunks_per_view) * kRowsPerChunk;
      const int last = first + kRowsPerChunk < size ? first + kRowsPerChunk : size;
      warm_cache(plan, job.source, size, first, last);
      Run run;
      for (int j = first; j < last; ++j)
        for (int i = 0; i < size; i += kRunPixels) {
          sample_run(plan, job.source, i, j, run);
          colour_run(plan, run);
          const int lanes = size - i < kRunPixels ? size - i : kRunPixels;
          store_run(run, lanes, job.out + 3 * (std::int64_t{j} * size + i));
        }
    }
  });
}

PECLR_END
