// SPDX-License-Identifier: Apache-2.0
// Procrustes alignment: the similarity that takes one set of points nearest to another. Written on
// a type T that is double for one pose (a thread of a GPU) or a vector of doubles for several (CPU
// lanes), hence free of branches.
//
// Row vectors: aligned = scale * source @ rotation + translation. With C = sum of centred source^T
// target = U S V^T the rotation is U V^T (Schönemann 1966), with the last direction turned round
// where det = +1 is asked (Kabsch 1976). The SVD is one-sided Jacobi (Hestenes 1958), which keeps
// small singular values exact: planar hands need no care.
#pragma once
#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"

namespace peclr {

enum class Alignment {
  proper,   // det(rotation) = +1
  freihand  // FreiHAND's eval_util.py: reflections allowed, norms + 1e-8
};

// Both sets [count, points, 3] in any one unit; computed in double inside.
struct ProcrustesInput {
  const float* source = nullptr;
  const float* target = nullptr;
  std::int64_t count = 0;
  int points = 0;
  Alignment rule = Alignment::proper;
};

// What is not wanted is null. aligned = scale * source @ rotation + translation, row vectors.
struct ProcrustesOutput {
  float* aligned = nullptr;      // [count, points, 3]
  float* rotation = nullptr;     // [count, 3, 3]
  float* scale = nullptr;        // [count]
  float* translation = nullptr;  // [count, 3]
  float* pa_epe = nullptr;       // [count], mean distance of aligned points from the target
};

}  // namespace peclr

PECLR_BEGIN

PECLR_HD inline float square_root(float x) { return std::sqrt(x); }
PECLR_HD inline double square_root(double x) { return std::sqrt(x); }
PECLR_HD inline double magnitude(double x) { return std::fabs(x); }
PECLR_HD inline double choose(bool condition, double yes, double no) {
  return condition ? yes : no;
}

template <class T>
struct Triple {
  T x, y, z;
};

template <class T>
PECLR_HD inline T dot(const Triple<T>& a, const Triple<T>& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
template <class T>
PECLR_HD inline Triple<T> cross(const Triple<T>& a, const Triple<T>& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
template <class T>
PECLR_HD inline Triple<T> difference(const Triple<T>& a, const Triple<T>& b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
// a + factor * b.
template <class T>
PECLR_HD inline Triple<T> add_scaled(const Triple<T>& a, const T& factor, const Triple<T>& b) {
  return {a.x + factor * b.x, a.y + factor * b.y, a.z + factor * b.z};
}
template <class T>
PECLR_HD inline Triple<T> scaled(const T& factor, const Triple<T>& a) {
  return {factor * a.x, factor * a.y, factor * a.z};
}
template <class M, class T>
PECLR_HD inline Triple<T> choose(const M& condition, const Triple<T>& yes, const Triple<T>& no) {
  return {choose(condition, yes.x, no.x), choose(condition, yes.y, no.y),
          choose(condition, yes.z, no.z)};
}

// What the alignment needs of the points, gathered in one pass. Points are counted from the first
// one of their set, so a hand far from the origin loses no digits.
template <class T>
struct PointSums {
  Triple<T> source_origin, target_origin;
  Triple<T> source, target;             // sums
  T source_square;                      // sum of |source|^2
  Triple<T> cross_x, cross_y, cross_z;  // columns of sum source^T target

  PECLR_HD static PointSums from(const Triple<T>& first_source, const Triple<T>& first_target) {
    const Triple<T> zero{T(0), T(0), T(0)};
    return {first_source, first_target, zero, zero, T(0), zero, zero, zero};
  }

  PECLR_HD void add(const Triple<T>& source_point, const Triple<T>& target_point) {
    const Triple<T> s = difference(source_point, source_origin);
    const Triple<T> t = difference(target_point, target_origin);
    source = add_scaled(source, T(1), s);
    target = add_scaled(target, T(1), t);
    source_square = source_square + dot(s, s);
    cross_x = add_scaled(cross_x, t.x, s);
    cross_y = add_scaled(cross_y, t.y, s);
    cross_z = add_scaled(cross_z, t.z, s);
  }
};

template <class T>
struct SimilarityTransform {
  Triple<T> source_mean, target_mean;
  Triple<T> row_x, row_y, row_z;  // of the rotation
  T scale;

  PECLR_HD Triple<T> rotated(const Triple<T>& p) const {
    return add_scaled(add_scaled(scaled(p.x, row_x), p.y, row_y), p.z, row_z);
  }
  PECLR_HD Triple<T> apply(const Triple<T>& p) const {
    return add_scaled(target_mean, scale, rotated(difference(p, source_mean)));
  }
  PECLR_HD Triple<T> translation() const {
    return add_scaled(target_mean, T(0) - scale, rotated(source_mean));
  }
};

namespace procrustes_detail {

// Far below anything that matters of a matrix of norm 1; keeps 0 / 0 away.
inline constexpr double kTiny = 1e-150;
// Cyclic Jacobi on 3x3 converges quadratically: of 3 million matrices, many of them nearly
// singular, three sweeps left at most 1e-5 of the size between columns, four 1e-16; one more for
// safety.
inline constexpr int kSweeps = 5;

// Turns columns p and q of M (and of V) in their plane until p and q of M are orthogonal.
template <class T>
PECLR_HD inline void orthogonalise(Triple<T>& mp, Triple<T>& mq, Triple<T>& vp, Triple<T>& vq) {
  const T gamma = dot(mp, mq);
  const T delta = dot(mq, mq) - dot(mp, mp);
  const T twice = gamma + gamma;
  // The smaller root of t^2 + t * delta / gamma - 1, i.e. a turn of at most 45 degrees.
  const T root = magnitude(delta) + square_root(delta * delta + twice * twice) + T(kTiny);
  const T t = choose(delta < T(0), T(0) - twice, twice) / root;
  const T c = T(1) / square_root(T(1) + t * t);
  const T s = t * c;
  const Triple<T> old_mp = mp, old_vp = vp;
  mp = add_scaled(scaled(c, mp), T(0) - s, mq);
  vp = add_scaled(scaled(c, vp), T(0) - s, vq);
  mq = add_scaled(scaled(c, mq), s, old_mp);
  vq = add_scaled(scaled(c, vq), s, old_vp);
}

// Puts the longer column of M first; one sign turns so that V stays a rotation.
template <class T>
PECLR_HD inline void order(Triple<T>& mp, Triple<T>& mq, Triple<T>& vp, Triple<T>& vq) {
  const auto swap = dot(mp, mp) < dot(mq, mq);
  const Triple<T> old_mp = mp, old_vp = vp;
  mp = choose(swap, mq, mp);
  vp = choose(swap, vq, vp);
  mq = choose(swap, scaled(T(-1), old_mp), mq);
  vq = choose(swap, scaled(T(-1), old_vp), vq);
}

// Unit vector along a, or `fallback` (a unit vector) where |a| <= least.
template <class T>
PECLR_HD inline Triple<T> direction(const Triple<T>& a, const T& least, const Triple<T>& fallback) {
  const T length = square_root(dot(a, a));
  return choose(least < length, scaled(T(1) / (length + T(kTiny)), a), fallback);
}

// A unit vector orthogonal to the unit vector a: the axis that a leans to least, made orthogonal.
template <class T>
PECLR_HD inline Triple<T> any_orthogonal(const Triple<T>& a) {
  const Triple<T> ex{T(1), T(0), T(0)}, ey{T(0), T(1), T(0)}, ez{T(0), T(0), T(1)};
  const T x = magnitude(a.x), y = magnitude(a.y), z = magnitude(a.z);
  const Triple<T> axis = choose(x < choose(z < y, z, y), ex, choose(z < y, ez, ey));
  const Triple<T> b = add_scaled(axis, T(0) - dot(axis, a), a);
  return scaled(T(1) / square_root(dot(b, b)), b);
}

}  // namespace procrustes_detail

// The best similarity for `count` points. Where the source is one point, the scale is 0 and all
// points go to the target's mean; where a turn is left undetermined (points on a line), one of the
// best is given; NaN in, NaN out.
template <class T>
PECLR_HD inline SimilarityTransform<T> align(const PointSums<T>& sums, int count, Alignment rule) {
  using namespace procrustes_detail;
  const T share = T(1.0 / count);
  const Triple<T> source_mean = scaled(share, sums.source),
                  target_mean = scaled(share, sums.target);
  Triple<T> m0 = add_scaled(sums.cross_x, T(0) - target_mean.x, sums.source);
  Triple<T> m1 = add_scaled(sums.cross_y, T(0) - target_mean.y, sums.source);
  Triple<T> m2 = add_scaled(sums.cross_z, T(0) - target_mean.z, sums.source);
  const T source_square = sums.source_square - dot(source_mean, sums.source);

  // Any hand has the same matrix up to a factor, and squares of it cannot overflow.
  const T size = square_root(dot(m0, m0) + dot(m1, m1) + dot(m2, m2));
  const T unit = T(1) / (size + T(kTiny));
  m0 = scaled(unit, m0);
  m1 = scaled(unit, m1);
  m2 = scaled(unit, m2);

  Triple<T> v0{T(1), T(0), T(0)}, v1{T(0), T(1), T(0)}, v2{T(0), T(0), T(1)};
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    orthogonalise(m0, m1, v0, v1);
    orthogonalise(m0, m2, v0, v2);
    orthogonalise(m1, m2, v1, v2);
  }
  order(m0, m1, v0, v1);
  order(m0, m2, v0, v2);
  order(m1, m2, v1, v2);

  // Now m_i = sigma_i u_i. The third left vector follows from the other two, so that a vanishing
  // sigma cannot spoil it; sigma_2 comes out negative where U V^T would be a reflection.
  const Triple<T> u0 = direction(m0, T(kTiny), {T(1), T(0), T(0)});
  const T sigma0 = dot(u0, m0);
  const Triple<T> rest = add_scaled(m1, T(0) - dot(u0, m1), u0);
  const Triple<T> u1 = direction(rest, T(1e-14) * sigma0, any_orthogonal(u0));
  Triple<T> u2 = cross(u0, u1);
  T sigma2 = dot(u2, m2);
  T divisor = source_square;
  if (rule == Alignment::freihand) {
    u2 = choose(sigma2 < T(0), scaled(T(-1), u2), u2);
    sigma2 = magnitude(sigma2);
    const T norm = square_root(source_square) + T(1e-8);
    divisor = norm * norm;
  }
  const T total = size * (sigma0 + dot(u1, m1) + sigma2);

  SimilarityTransform<T> result;
  result.source_mean = add_scaled(sums.source_origin, T(1), source_mean);
  result.target_mean = add_scaled(sums.target_origin, T(1), target_mean);
  result.row_x = add_scaled(add_scaled(scaled(u0.x, v0), u1.x, v1), u2.x, v2);
  result.row_y = add_scaled(add_scaled(scaled(u0.y, v0), u1.y, v1), u2.y, v2);
  result.row_z = add_scaled(add_scaled(scaled(u0.z, v0), u1.z, v1), u2.z, v2);
  result.scale = choose(divisor == T(0), T(0), total / (divisor + T(1e-300)));
  return result;
}

PECLR_END
