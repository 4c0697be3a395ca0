// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pose_reference.h"

#include <cmath>

namespace peclr::test {
namespace {

using Double4x4 = std::array<std::array<double, 4>, 4>;
using Quaternion = std::array<double, 4>;

// Eigenvector of the largest eigenvalue: squaring a shifted matrix until one direction is left.
Quaternion largest_eigenvector(Double4x4 n) {
  double bound = 0;
  for (const auto& row : n)
    for (double x : row) bound += std::abs(x);
  for (int i = 0; i < 4; ++i) n[i][i] += bound + 1e-300;
  for (int step = 0; step < 60; ++step) {
    Double4x4 square{};
    double norm = 0;
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) {
        for (int k = 0; k < 4; ++k) square[i][j] += n[i][k] * n[k][j];
        norm += square[i][j] * square[i][j];
      }
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) n[i][j] = square[i][j] / std::sqrt(norm);
  }
  Quaternion best{1, 0, 0, 0};
  double longest = 0;
  for (const auto& row : n) {
    const double length =
        std::sqrt(row[0] * row[0] + row[1] * row[1] + row[2] * row[2] + row[3] * row[3]);
    if (length <= longest) continue;
    longest = length;
    for (int i = 0; i < 4; ++i) best[i] = row[i] / length;
  }
  return best;
}

Double3 mean(const std::vector<Double3>& points) {
  Double3 m{};
  for (const auto& p : points)
    for (int c = 0; c < 3; ++c) m[c] += p[c] / static_cast<double>(points.size());
  return m;
}

Double3 row_times(const Double3& p, const Double9& m) {
  Double3 out{};
  for (int c = 0; c < 3; ++c)
    for (int r = 0; r < 3; ++r) out[c] += p[r] * m[3 * r + c];
  return out;
}

ReferenceFit proper_fit(const std::vector<Double3>& source, const std::vector<Double3>& target) {
  const Double3 s_mean = mean(source), t_mean = mean(target);
  Double9 m{};
  double square = 0;
  for (std::size_t i = 0; i < source.size(); ++i)
    for (int r = 0; r < 3; ++r) {
      const double s = source[i][r] - s_mean[r];
      square += s * s;
      for (int c = 0; c < 3; ++c) m[3 * r + c] += s * (target[i][c] - t_mean[c]);
    }
  const Quaternion q =
      largest_eigenvector({{{m[0] + m[4] + m[8], m[5] - m[7], m[6] - m[2], m[1] - m[3]},
                            {m[5] - m[7], m[0] - m[4] - m[8], m[1] + m[3], m[6] + m[2]},
                            {m[6] - m[2], m[1] + m[3], m[4] - m[0] - m[8], m[5] + m[7]},
                            {m[1] - m[3], m[6] + m[2], m[5] + m[7], m[8] - m[0] - m[4]}}});
  const double w = q[0], x = q[1], y = q[2], z = q[3];
  ReferenceFit fit;
  // Horn's matrix turns columns; rows need its transpose.
  fit.rotation = {1 - 2 * (y * y + z * z), 2 * (x * y + w * z),     2 * (x * z - w * y),
                  2 * (x * y - w * z),     1 - 2 * (x * x + z * z), 2 * (y * z + w * x),
                  2 * (x * z + w * y),     2 * (y * z - w * x),     1 - 2 * (x * x + y * y)};
  double trace = 0;  // of rotation^T m
  for (int i = 0; i < 9; ++i) trace += fit.rotation[i] * m[i];
  fit.scale = trace / square;
  const Double3 turned = row_times(s_mean, fit.rotation);
  for (int c = 0; c < 3; ++c) fit.translation[c] = t_mean[c] - fit.scale * turned[c];
  fit.error = 0;
  for (std::size_t i = 0; i < source.size(); ++i) {
    Double3 p = row_times(source[i], fit.rotation);
    double distance = 0;
    for (int c = 0; c < 3; ++c) {
      p[c] = fit.scale * p[c] + fit.translation[c];
      distance += (p[c] - target[i][c]) * (p[c] - target[i][c]);
    }
    fit.aligned.push_back(p);
    fit.error += std::sqrt(distance) / static_cast<double>(source.size());
  }
  return fit;
}

double bone_length(const Double3& p, double zp, const Double3& q, double zq, double root) {
  double sum = 0;
  for (int c = 0; c < 3; ++c) {
    const double d = p[c] * (zp + root) - q[c] * (zq + root);
    sum += d * d;
  }
  return std::sqrt(sum);
}

}  // namespace

ReferenceFit horn_fit(const std::vector<Double3>& source, const std::vector<Double3>& target,
                      bool reflections) {
  ReferenceFit fit = proper_fit(source, target);
  if (!reflections) return fit;
  std::vector<Double3> mirrored = source;
  for (auto& p : mirrored) p[0] = -p[0];
  ReferenceFit other = proper_fit(mirrored, target);
  for (int c = 0; c < 3; ++c) other.rotation[c] = -other.rotation[c];
  return other.scale > fit.scale ? other : fit;  // the larger trace
}

double determinant(const Double9& m) {
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) +
         m[2] * (m[3] * m[7] - m[4] * m[6]);
}

Double3 reference_ray(const Double9& K, double u, double v) {
  const double d = determinant(K);
  const Double3 p{u, v, 1};
  Double3 ray{};
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 3; ++c) {  // element (r, c) of the inverse = cofactor (c, r) / d
      const int r1 = (r + 1) % 3, r2 = (r + 2) % 3, c1 = (c + 1) % 3, c2 = (c + 2) % 3;
      ray[r] += (K[3 * c1 + r1] * K[3 * c2 + r2] - K[3 * c1 + r2] * K[3 * c2 + r1]) / d * p[c];
    }
  return ray;
}

double reference_root_depth(const Double3& p, double zp, const Double3& q, double zq) {
  double low = 0, high = 1e5;
  while (low < high && bone_length(p, zp, q, zq, low) > 1) low += 1e-3;  // into the bone's valley
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    (bone_length(p, zp, q, zq, middle) > 1 ? high : low) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace peclr::test
