// SPDX-License-Identifier: Apache-2.0
// A warp a row. A row of 128 numbers, PeCLR's own, lives in registers: two points a lane; any other
// is read again in each pass.
#include "kernels/equivariance_kernels.h"
#include "kernels/launch.h"
#include "kernels/reduce.h"

namespace peclr::kernels {
namespace {

constexpr int kAny = 0;  // number of points known at run time only

// Calls f(k, slot) for the points k that this lane sees, the slot-th of them.
template <int kPoints, class F>
PECLR_DEVICE void for_each_point(int points, F f) {
  if constexpr (kPoints == kAny) {
    for (int k = lane_index(); k < points; k += kWarp) f(k, 0);
  } else {
    PECLR_UNROLL
    for (int slot = 0; slot < kPoints / kWarp; ++slot) f(lane_index() + slot * kWarp, slot);
  }
}

// A row as points of the plane; a fixed number of them is read once.
template <int kPoints>
struct Points {
  const float2* row;
  float2 held[kPoints == kAny ? 1 : kPoints / kWarp];

  PECLR_DEVICE explicit Points(const float* numbers)
      : row(reinterpret_cast<const float2*>(numbers)) {
    if constexpr (kPoints != kAny)
      for_each_point<kPoints>(kPoints, [&](int k, int slot) { held[slot] = row[k]; });
  }
  PECLR_DEVICE Vec2f at(int k, int slot) const {
    const float2 p = kPoints == kAny ? row[k] : held[slot];
    return {p.x, p.y};
  }
};

struct MergeStats {
  PECLR_DEVICE PointStats operator()(const PointStats& a, const PointStats& b) const {
    return merge(a, b);
  }
};

template <int kPoints>
PECLR_DEVICE LatentMap map_of(const InvertViewsInput& in, std::int64_t row, int points,
                              const Points<kPoints>& projection) {
  PointStats stats;
  for_each_point<kPoints>(points, [&](int k, int slot) {
    const Vec2f p = projection.at(k, slot);
    stats = merge(stats, {p.x * p.x + p.y * p.y, p.x, p.y, p.x, p.y, p.x, p.y});
  });
  return latent_map(warp_fold(stats, MergeStats{}), points, inverse_of(in.views[row], in.what));
}

PECLR_DEVICE void set_point(float* row, int k, float x, float y) {
  reinterpret_cast<float2*>(row)[k] = make_float2(x, y);
}

constexpr int kRowsPerBlock = 4;

template <int kPoints>
struct InvertViews {
  struct Params {
    InvertViewsInput in;
    float* z;
  };
  static constexpr int kThreads = kRowsPerBlock * kWarp;
  using Shared = NoShared;

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const std::int64_t row = std::int64_t{blockIdx.x} * kRowsPerBlock + warp_index();
    if (row >= p.in.rows) return;
    const int points = p.in.dim / 2;
    const Points<kPoints> projection(p.in.projection + row * p.in.dim);
    const LatentMap map = map_of(p.in, row, points, projection);
    const auto mapped = [&](int k, int slot) {
      const Vec2f at = projection.at(k, slot);
      return map_point(map, at.x, at.y);
    };
    float square = 0;
    for_each_point<kPoints>(points, [&](int k, int slot) {
      const Vec2f q = mapped(k, slot);
      square += q.x * q.x + q.y * q.y;
    });
    const float unit = inverse_norm(warp_fold(square, Add{}));
    for_each_point<kPoints>(points, [&](int k, int slot) {
      const Vec2f q = mapped(k, slot);
      set_point(p.z + row * p.in.dim, k, q.x * unit, q.y * unit);
    });
  }
};

// From the back: normalisation of q, turn, normalisation of the projection. Each normalisation
// needs its y . g first.
template <int kPoints>
struct InvertViewsBackward {
  struct Params {
    InvertViewsInput in;
    const float* dz;
    float* dprojection;
  };
  static constexpr int kThreads = kRowsPerBlock * kWarp;
  using Shared = NoShared;

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const std::int64_t row = std::int64_t{blockIdx.x} * kRowsPerBlock + warp_index();
    if (row >= p.in.rows) return;
    const int points = p.in.dim / 2;
    const Points<kPoints> projection(p.in.projection + row * p.in.dim);
    const Points<kPoints> dz(p.dz + row * p.in.dim);
    const LatentMap map = map_of(p.in, row, points, projection);
    float2 sums{0, 0};  // |q|^2, q . dz
    for_each_point<kPoints>(points, [&](int k, int slot) {
      const Vec2f at = projection.at(k, slot), g = dz.at(k, slot), q = map_point(map, at.x, at.y);
      sums.x += q.x * q.x + q.y * q.y;
      sums.y += q.x * g.x + q.y * g.y;
    });
    const float unit_q = inverse_norm(warp_fold(sums.x, Add{}));
    const float z_dot_g = warp_fold(sums.y, Add{}) * unit_q;
    const auto turned_back = [&](int k, int slot) {
      const Vec2f at = projection.at(k, slot), g = dz.at(k, slot), q = map_point(map, at.x, at.y);
      return map_gradient(map, {normalise_gradient(g.x, q.x * unit_q, z_dot_g, unit_q),
                                normalise_gradient(g.y, q.y * unit_q, z_dot_g, unit_q)});
    };
    float row_dot_g = 0;
    for_each_point<kPoints>(points, [&](int k, int slot) {
      const Vec2f at = projection.at(k, slot), g = turned_back(k, slot);
      row_dot_g += at.x * g.x + at.y * g.y;
    });
    const float unit = map.inverse_norm, p_dot_g = warp_fold(row_dot_g, Add{}) * unit;
    for_each_point<kPoints>(points, [&](int k, int slot) {
      const Vec2f at = projection.at(k, slot), g = turned_back(k, slot);
      set_point(p.dprojection + row * p.in.dim, k,
                normalise_gradient(g.x, at.x * unit, p_dot_g, unit),
                normalise_gradient(g.y, at.y * unit, p_dot_g, unit));
    });
  }
};

constexpr int kOwnPoints = 64;

}  // namespace

void invert_views(const InvertViewsInput& in, float* z, Stream stream) {
  require(in.dim > 0 && in.dim % 2 == 0, "invert_views: rows are no points of the plane");
  const Grid grid{.x = blocks_for(in.rows, kRowsPerBlock)};
  if (in.dim == 2 * kOwnPoints)
    launch<InvertViews<kOwnPoints>>(grid, {in, z}, stream);
  else
    launch<InvertViews<kAny>>(grid, {in, z}, stream);
}

void invert_views_backward(const InvertViewsInput& in, const float* dz, float* dprojection,
                           Stream stream) {
  require(in.dim > 0 && in.dim % 2 == 0, "invert_views_backward: rows are no points of the plane");
  const Grid grid{.x = blocks_for(in.rows, kRowsPerBlock)};
  if (in.dim == 2 * kOwnPoints)
    launch<InvertViewsBackward<kOwnPoints>>(grid, {in, dz, dprojection}, stream);
  else
    launch<InvertViewsBackward<kAny>>(grid, {in, dz, dprojection}, stream);
}

}  // namespace peclr::kernels
