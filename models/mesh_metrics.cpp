// SPDX-License-Identifier: Apache-2.0
#include "models/mesh_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/error.h"
#include "engine/parallel.h"
#include "kernels/joints.h"

namespace peclr {
namespace {

using Point = Triple<double>;

// Points by coordinate, as the search for neighbours runs through them.
struct Cloud {
  std::vector<double> x, y, z;

  explicit Cloud(const std::vector<Point>& points) {
    for (const Point& p : points) x.push_back(p.x), y.push_back(p.y), z.push_back(p.z);
  }
  std::size_t size() const { return x.size(); }
};

std::vector<Point> points_of(const float* numbers, std::size_t count) {
  std::vector<Point> points;
  points.reserve(count);
  for (std::size_t i = 0; i < count; ++i) points.push_back(point(numbers + 3 * i));
  return points;
}

// Of each point, the distance of its nearest neighbour in `others`.
std::vector<double> nearest_distances(const Cloud& points, const Cloud& others) {
  std::vector<double> nearest(points.size(), std::numeric_limits<double>::infinity());
  const std::size_t count = points.size();
  const double *x = points.x.data(), *y = points.y.data(), *z = points.z.data();
  double* best = nearest.data();
  for (std::size_t k = 0; k < others.size(); ++k) {
    const double ox = others.x[k], oy = others.y[k], oz = others.z[k];
    for (std::size_t i = 0; i < count; ++i) {
      const double dx = x[i] - ox, dy = y[i] - oy, dz = z[i] - oz;
      const double square = dx * dx + dy * dy + dz * dz;
      best[i] = square < best[i] ? square : best[i];
    }
  }
  for (double& d : nearest) d = std::sqrt(d);
  return nearest;
}

using FScores = std::array<double, kMatchLimits.size()>;

FScores f_scores(const Cloud& predicted, const Cloud& truth) {
  const std::vector<double> of_predicted = nearest_distances(predicted, truth),
                            of_truth = nearest_distances(truth, predicted);
  const auto share = [](const std::vector<double>& distances, double limit) {
    const auto matched =
        std::count_if(distances.begin(), distances.end(), [&](double d) { return d < limit; });
    return static_cast<double>(matched) / static_cast<double>(distances.size());
  };
  FScores f{};
  for (std::size_t t = 0; t < f.size(); ++t) {
    const double p = share(of_predicted, kMatchLimits[t]), r = share(of_truth, kMatchLimits[t]);
    f[t] = p + r > 0 ? 2 * p * r / (p + r) : 0;
  }
  return f;
}

std::vector<Point> aligned_by_vertices(const float* predicted, const float* truth) {
  const auto fit = fit_points(predicted, truth, kVertices, Alignment::freihand);
  std::vector<Point> points = points_of(predicted, kVertices);
  for (Point& p : points) p = fit.apply(p);
  return points;
}

Point mean_of(const std::vector<Point>& points) {
  Point sum{0, 0, 0};
  for (const Point& p : points) sum = add_scaled(sum, 1.0, p);
  return scaled(1.0 / static_cast<double>(points.size()), sum);
}

// eval.py's align_by_trafo: its transform leaves out the division by the size of what was aligned.
std::vector<Point> aligned_by_joints(std::vector<Point> points, const float* predicted_joints,
                                     const float* true_joints) {
  const auto fit = fit_points(predicted_joints, true_joints, kJoints, Alignment::freihand);
  double square = 0;
  for (const Point& p : points_of(predicted_joints, kJoints)) {
    const Point d = difference(p, fit.source_mean);
    square += dot(d, d);
  }
  const double scale = fit.scale * (std::sqrt(square) + 1e-8);
  const Point middle = mean_of(points);
  const Point moved = add_scaled(middle, 1.0, difference(fit.target_mean, fit.source_mean));
  for (Point& p : points) p = add_scaled(moved, scale, fit.rotated(difference(p, middle)));
  return points;
}

void check_finite(std::span<const float> vertices, std::size_t mesh, const char* whose) {
  for (std::size_t i = 0; i < vertices.size(); ++i)
    if (!std::isfinite(vertices[i]))
      fail(ErrorKind::data, "scores: {} mesh {} has a vertex that is not finite", whose, i / mesh);
}

// Meshes in all; refuses what cannot be scored.
std::size_t checked_count(const MeshPairs& pairs) {
  const std::size_t count = pairs.truth.size() / (3 * kVertices);
  check(count * 3 * kVertices == pairs.truth.size() &&
            (count == 0 || pairs.predicted.size() % (3 * count) == 0) &&
            pairs.predicted_joints.size() == count * 3 * kJoints &&
            pairs.true_joints.size() == count * 3 * kJoints,
        "scores: {} numbers of predicted and {} of true meshes, {} of predicted and {} of true "
        "joints, expected [N, V, 3], [N, {}, 3] and [N, {}, 3] twice",
        pairs.predicted.size(), pairs.truth.size(), pairs.predicted_joints.size(),
        pairs.true_joints.size(), kVertices, kJoints);
  if (count == 0 || pairs.predicted.empty())
    fail(ErrorKind::data, "scores: no mesh to score; is the evaluation set empty?");
  check_finite(pairs.predicted, pairs.predicted.size() / count, "predicted");
  check_finite(pairs.truth, 3 * kVertices, "true");
  return count;
}

}  // namespace

MeshScores score_meshes(const MeshPairs& pairs) {
  const std::size_t count = checked_count(pairs);
  const std::size_t vertices = pairs.predicted.size() / (3 * count);
  const bool paired = vertices == kVertices;
  std::vector<double> plain(paired ? count * kVertices : 0), aligned(plain.size());
  std::vector<FScores> f(count), aligned_f(count);
  parallel_for(static_cast<std::int64_t>(count), 1, [&](std::int64_t begin, std::int64_t) {
    const auto n = static_cast<std::size_t>(begin);
    const float *mesh = &pairs.predicted[3 * vertices * n],
                *truth = &pairs.truth[3 * kVertices * n];
    const std::vector<Point> predicted = points_of(mesh, vertices),
                             wanted = points_of(truth, kVertices);
    const std::vector<Point> fitted =
        paired ? aligned_by_vertices(mesh, truth)
               : aligned_by_joints(predicted, &pairs.predicted_joints[3 * kJoints * n],
                                   &pairs.true_joints[3 * kJoints * n]);
    for (std::size_t v = 0; paired && v < kVertices; ++v) {
      plain[n * kVertices + v] = distance(predicted[v], wanted[v]);
      aligned[n * kVertices + v] = distance(fitted[v], wanted[v]);
    }
    const Cloud cloud(wanted);
    f[n] = f_scores(Cloud(predicted), cloud);
    aligned_f[n] = f_scores(Cloud(fitted), cloud);
  });
  MeshScores scores;
  if (paired) {
    scores.plain = score_distances(plain, kVertices);
    scores.aligned = score_distances(aligned, kVertices);
  }
  for (std::size_t n = 0; n < count; ++n)
    for (std::size_t t = 0; t < kMatchLimits.size(); ++t) {
      scores.f[t].plain += f[n][t] / static_cast<double>(count);
      scores.f[t].aligned += aligned_f[n][t] / static_cast<double>(count);
    }
  return scores;
}

}  // namespace peclr
