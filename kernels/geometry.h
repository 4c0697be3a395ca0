// SPDX-License-Identifier: Apache-2.0
// Affine maps of the picture plane: rotate about a point, crop, scale, compose, invert. Coordinates
// are pixel indices with pixel centres at integers (x right, y down), the convention of OpenCV's
// warp and of FreiHAND's camera matrices. Doubles: these few numbers a view are computed on the
// host, and kernels get the finished map.
#pragma once
#include <cmath>

#include "kernels/host_device.h"
#include "kernels/vec.h"

namespace peclr {

// (x, y) -> (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]).
struct Affine2 {
  double m[6] = {1, 0, 0, 0, 1, 0};
};

}  // namespace peclr

PECLR_BEGIN

PECLR_HD inline Vec2f apply(const Affine2& a, Vec2f p) {
  return {static_cast<float>(a.m[0] * p.x + a.m[1] * p.y + a.m[2]),
          static_cast<float>(a.m[3] * p.x + a.m[4] * p.y + a.m[5])};
}

// The map that applies `inner` first: compose(f, g)(p) = f(g(p)).
PECLR_HD inline Affine2 compose(const Affine2& outer, const Affine2& inner) {
  const double* f = outer.m;
  const double* g = inner.m;
  return {{f[0] * g[0] + f[1] * g[3], f[0] * g[1] + f[1] * g[4], f[0] * g[2] + f[1] * g[5] + f[2],
           f[3] * g[0] + f[4] * g[3], f[3] * g[1] + f[4] * g[4], f[3] * g[2] + f[4] * g[5] + f[5]}};
}

// `a` must not be singular.
PECLR_HD inline Affine2 invert(const Affine2& a) {
  const double* m = a.m;
  const double d = 1 / (m[0] * m[4] - m[1] * m[3]);
  return {{m[4] * d, -m[1] * d, (m[1] * m[5] - m[4] * m[2]) * d,  //
           -m[3] * d, m[0] * d, (m[3] * m[2] - m[0] * m[5]) * d}};
}

// Moves the picture's content counter-clockwise as seen on the screen when `angle_deg` is positive,
// about `centre`; the sense of OpenCV's getRotationMatrix2D with scale 1.
PECLR_HD inline Affine2 rotate_about(double angle_deg, Vec2f centre) {
  constexpr double kRadians = 3.14159265358979323846 / 180;
  const double c = std::cos(angle_deg * kRadians), s = std::sin(angle_deg * kRadians);
  const double x = centre.x, y = centre.y;
  return {{c, s, (1 - c) * x - s * y, -s, c, s * x + (1 - c) * y}};
}

// From pixel indices of a crop resized to `out` x `out` to pixel indices of the picture it was cut
// from. The crop starts at the left and upper edge of pixel (x, y), so pixel i lies at x + (i +
// 0.5) * width / out - 0.5.
PECLR_HD inline Affine2 from_resized_crop(double x, double y, double width, double height,
                                          int out) {
  const double sx = width / out, sy = height / out;
  return {{sx, 0, x + 0.5 * sx - 0.5, 0, sy, y + 0.5 * sy - 0.5}};
}

PECLR_END
