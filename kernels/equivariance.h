// SPDX-License-Identifier: Apache-2.0
// PeCLR's equivariance: a projection of D numbers is read as D / 2 points of the plane, and what
// was done to a view's picture is undone on its points. Per-row maths on scalars; the loops around
// it belong to each device.
//
//   p      = projection / |projection|
//   p_k   <- p_k - shift * extent
//   q_k    = centre + R(-angle) (p_k - centre) / scale
//   z      = q / |q|
//   extent = (max_k x_k - min_k x_k, max_k y_k - min_k y_k) of p
//   centre = mean_k p_k after the shift
//
// Extent and centre count as constants in the gradient (they are detached in the reference).
// Source: Spurr et al., ICCV 2021 (arXiv 2106.05953), and the official code; the division by scale
// is an option the reference lacks.
#pragma once
#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/vec.h"

namespace peclr {

// What the augmentation did to the hand in a view, in the order rotate, scale, translate.
struct ViewTransform {
  float angle_deg = 0;  // OpenCV's sense: positive is counter-clockwise as one looks at the picture
  float shift_x = 0;    // of the content to the right, in widths of the view
  float shift_y = 0;    // of the content downwards, in heights of the view
  float scale = 1;      // > 0; above 1 the hand is larger
};

// Which of them are undone. None: SimCLR.
struct Inversion {
  bool translate = true, rotate = true, scale = false;
};

// A view's inverse as numbers that multiply points.
struct ViewInverse {
  float cos = 1, sin = 0;          // of the angle, over the scale
  float shift_x = 0, shift_y = 0;  // to be taken away, in extents
};

}  // namespace peclr

PECLR_BEGIN

// In double: an angle of f32 degrees gives cos and sin that are right to the last bit of a float.
PECLR_HD inline ViewInverse inverse_of(const ViewTransform& view, Inversion what) {
  const double degrees = what.rotate ? view.angle_deg : 0.0;
#if defined(__CUDA_ARCH__)
  double cos, sin;
  sincospi(degrees / 180.0, &sin, &cos);  // needs no reduction by pi, and so no memory
#else
  const double radians = degrees * (3.14159265358979323846 / 180.0);
  const double cos = std::cos(radians), sin = std::sin(radians);
#endif
  const double divisor = what.scale ? view.scale : 1.0;
  return {static_cast<float>(cos / divisor), static_cast<float>(sin / divisor),
          what.translate ? view.shift_x : 0.f, what.translate ? view.shift_y : 0.f};
}

// What a row must be folded to before its points can be mapped. A monoid: empty rows are {}.
struct PointStats {
  float square = 0;  // of all coordinates: the squared norm of the row
  float sum_x = 0, sum_y = 0;
  float low_x = 3.4e38f, low_y = 3.4e38f, high_x = -3.4e38f, high_y = -3.4e38f;
};

PECLR_HD inline float lower(float a, float b) { return b < a ? b : a; }
PECLR_HD inline float higher(float a, float b) { return b > a ? b : a; }

PECLR_HD inline PointStats merge(const PointStats& a, const PointStats& b) {
  return {a.square + b.square,       a.sum_x + b.sum_x,       a.sum_y + b.sum_y,
          lower(a.low_x, b.low_x),   lower(a.low_y, b.low_y), higher(a.high_x, b.high_x),
          higher(a.high_y, b.high_y)};
}

// 1 / max(norm, 1e-12), PyTorch's guard for rows of zeros. A square beyond f32 gives NaN, not a row
// of zeros, so that a network that diverges is seen in the loss.
PECLR_HD inline float inverse_norm(float square) {
  const float overflow = square - square;  // 0, or NaN for infinity and NaN
  return (square < 1e-24f ? 1e12f : 1.f / std::sqrt(square)) + overflow;
}

// One element of the gradient of y = x / |x|, given y, the gradient g of y and the row's y . g.
PECLR_HD inline float normalise_gradient(float g, float y, float y_dot_g, float inverse_norm) {
  return (g - y * y_dot_g) * inverse_norm;
}

// Takes a row's points from the projection to q: q = turn (projection * inverse_norm - centre) +
// target.
struct LatentMap {
  float inverse_norm, cos, sin;
  Vec2f centre, target;
};

PECLR_HD inline LatentMap latent_map(const PointStats& s, std::int64_t points,
                                     const ViewInverse& view) {
  const float unit = inverse_norm(s.square);
  const float mean = unit / static_cast<float>(points);
  const Vec2f centre{s.sum_x * mean, s.sum_y * mean};
  return {unit,
          view.cos,
          view.sin,
          centre,
          {centre.x - view.shift_x * ((s.high_x - s.low_x) * unit),
           centre.y - view.shift_y * ((s.high_y - s.low_y) * unit)}};
}

// y points down, so the inverse of OpenCV's counter-clockwise turn is (cos, -sin; sin, cos).
PECLR_HD inline Vec2f map_point(const LatentMap& m, float x, float y) {
  const float dx = x * m.inverse_norm - m.centre.x, dy = y * m.inverse_norm - m.centre.y;
  return {m.cos * dx - m.sin * dy + m.target.x, m.sin * dx + m.cos * dy + m.target.y};
}

// The gradient of the normalised point, given that of q.
PECLR_HD inline Vec2f map_gradient(const LatentMap& m, Vec2f g) {
  return {m.cos * g.x + m.sin * g.y, m.cos * g.y - m.sin * g.x};
}

PECLR_END
