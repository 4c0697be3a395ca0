// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/hot/equivariance.h"

#include "engine/parallel.h"

PECLR_BEGIN
namespace {

constexpr std::int64_t kRowsPerChunk = 64;

PointStats point_stats(const float* row, std::int64_t points) {
  const PointStats empty;
  float square = 0, sum_x = 0, sum_y = 0;
  float low_x = empty.low_x, low_y = empty.low_y, high_x = empty.high_x, high_y = empty.high_y;
#pragma omp simd reduction(+ : square, sum_x, sum_y) reduction(min : low_x, low_y) \
    reduction(max : high_x, high_y)
  for (std::int64_t k = 0; k < points; ++k) {
    const float x = row[2 * k], y = row[2 * k + 1];
    square += x * x + y * y;
    sum_x += x;
    sum_y += y;
    low_x = lower(low_x, x);
    low_y = lower(low_y, y);
    high_x = higher(high_x, x);
    high_y = higher(high_y, y);
  }
  return {square, sum_x, sum_y, low_x, low_y, high_x, high_y};
}

void invert_row(const float* row, const LatentMap& map, std::int64_t points, float* z) {
  float square = 0;
#pragma omp simd reduction(+ : square)
  for (std::int64_t k = 0; k < points; ++k) {
    const Vec2f q = map_point(map, row[2 * k], row[2 * k + 1]);
    square += q.x * q.x + q.y * q.y;
    z[2 * k] = q.x;
    z[2 * k + 1] = q.y;
  }
  const float scale = inverse_norm(square);
#pragma omp simd
  for (std::int64_t d = 0; d < 2 * points; ++d) z[d] *= scale;
}

// From the back: normalisation of q, turn, normalisation of the projection. Each normalisation
// needs its y . g first.
void invert_row_backward(const float* row, const LatentMap& map, std::int64_t points,
                         const float* grad_z, float* grad) {
  float square = 0, q_dot_g = 0;
#pragma omp simd reduction(+ : square, q_dot_g)
  for (std::int64_t k = 0; k < points; ++k) {
    const Vec2f q = map_point(map, row[2 * k], row[2 * k + 1]);
    square += q.x * q.x + q.y * q.y;
    q_dot_g += q.x * grad_z[2 * k] + q.y * grad_z[2 * k + 1];
  }
  const float unit_q = inverse_norm(square), z_dot_g = q_dot_g * unit_q;
  float row_dot_g = 0;
#pragma omp simd reduction(+ : row_dot_g)
  for (std::int64_t k = 0; k < points; ++k) {
    const float x = row[2 * k], y = row[2 * k + 1];
    const Vec2f q = map_point(map, x, y);
    const Vec2f g =
        map_gradient(map, {normalise_gradient(grad_z[2 * k], q.x * unit_q, z_dot_g, unit_q),
                           normalise_gradient(grad_z[2 * k + 1], q.y * unit_q, z_dot_g, unit_q)});
    row_dot_g += x * g.x + y * g.y;
    grad[2 * k] = g.x;
    grad[2 * k + 1] = g.y;
  }
  const float unit = map.inverse_norm, p_dot_g = row_dot_g * unit;
#pragma omp simd
  for (std::int64_t d = 0; d < 2 * points; ++d)
    grad[d] = normalise_gradient(grad[d], row[d] * unit, p_dot_g, unit);
}

// Runs body(offset of the row, its map) for every row.
template <class Body>
void for_each_row(const float* projection, const ViewTransform* views, Inversion what,
                  std::int64_t rows, std::int64_t dim, Body body) {
  parallel_for(rows, kRowsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      body(i * dim, latent_map(point_stats(projection + i * dim, dim / 2), dim / 2,
                               inverse_of(views[i], what)));
  });
}

}  // namespace

void invert_views(const float* projection, const ViewTransform* views, Inversion what,
                  std::int64_t rows, std::int64_t dim, float* z) {
  for_each_row(projection, views, what, rows, dim, [&](std::int64_t at, const LatentMap& map) {
    invert_row(projection + at, map, dim / 2, z + at);
  });
}

void invert_views_backward(const float* projection, const ViewTransform* views, Inversion what,
                           const float* grad_z, std::int64_t rows, std::int64_t dim,
                           float* grad_projection) {
  for_each_row(projection, views, what, rows, dim, [&](std::int64_t at, const LatentMap& map) {
    invert_row_backward(projection + at, map, dim / 2, grad_z + at, grad_projection + at);
  });
}

PECLR_END
