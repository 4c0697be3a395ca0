// SPDX-License-Identifier: Apache-2.0
#include "kernels/pose.h"

#include <cmath>

#include "models/metrics.h"
#include "tools/golden/golden.h"

namespace peclr::golden {

Results run_procrustes(const TensorFile& file, Backend& backend) {
  const std::vector<float> from = floats(file, "source", {kAny, kAny, 3});
  const auto& shape = file.at("source").shape;
  const std::int64_t n = shape[0], points = shape[1];
  const Tensor source = Tensor::from_host(backend, {n, points, 3}, from),
               target = Tensor::from_host(backend, {n, points, 3},
                                          floats(file, "target", {n, points, 3}));
  const ProcrustesTensors out{Tensor(backend, source.shape(), DType::f32),
                              Tensor(backend, {n, 3, 3}, DType::f32),
                              Tensor(backend, {n}, DType::f32), Tensor(backend, {n, 3}, DType::f32),
                              Tensor(backend, {n}, DType::f32)};
  backend.procrustes(source, target, Alignment::proper, out);
  const bool far = file.metadata_at("case").find("far_off_centre") != std::string::npos;
  const double metres = far ? 1e-4 : 1e-5;
  return {compare(file, "aligned", out.aligned.to_host(), {Measure::max_abs, metres}),
          compare(file, "rotation", out.rotation.to_host(), {Measure::max_abs, 1e-5}),
          compare(file, "scale", out.scale.to_host(), {Measure::rel_l2, 1e-5}),
          compare(file, "translation", out.translation.to_host(), {Measure::rel_l2, 1e-5}),
          compare(file, "pa_epe", out.pa_epe.to_host(), {Measure::max_abs, metres})};
}

namespace {

// For run_pose25d. Root and unit of its files are others than the hand network's, the wrist and its
// bone to the index finger; the formulas are those that training's targets and the network's
// answers go through.

// Pixels and depths behind the wrist of joints xyz [21, 3].
void add_25d(const float* xyz, const float* camera, double scale, std::vector<float>& uvz) {
  for (const float* p = xyz; p != xyz + 3 * kJoints; p += 3) {
    const Point2 pixel = project_point(camera, p[0], p[1], p[2]);
    for (const double x : {pixel.x, pixel.y, (double(p[2]) - xyz[3 * kWrist + 2]) / scale})
      uvz.push_back(static_cast<float>(x));
  }
}

float root_depth(const float* uvz, const float* camera) {
  const float *wrist = uvz + 3 * kWrist, *index = uvz + 3 * kIndexMcp;
  return static_cast<float>(root_depth_of_bone(back_project(camera, {wrist[0], wrist[1]}), wrist[2],
                                               back_project(camera, {index[0], index[1]}),
                                               index[2]));
}

void add_points(const float* uvz, const float* camera, float depth, double scale,
                std::vector<float>& xyz) {
  for (int j = 0; j < kJoints; ++j) {
    const Vec2f ray = lift_joint(uvz, camera, j).ray;
    const float h[2] = {ray.x, ray.y};
    const Vec3f point = recover_joint({h, uvz + 3 * j + 2, nullptr}, depth, 0);
    for (const float x : {point.x, point.y, point.z}) xyz.push_back(static_cast<float>(x * scale));
  }
}

}  // namespace

Results run_pose25d(const TensorFile& file, Backend&) {
  const auto K = floats(file, "K", {kAny, 3, 3});
  const std::size_t n = K.size() / 9, stride = 3 * kJoints;
  const auto poses = static_cast<std::int64_t>(n);
  const auto joints = floats(file, "joints3d", {poses, kJoints, 3}),
             predicted = floats(file, "predicted25d", {poses, kJoints, 3});
  std::vector<float> joints25d, back, scales, depths;
  for (std::size_t i = 0; i < n; ++i) {
    const float *camera = &K[9 * i], *xyz = &joints[i * stride], *uvz = &predicted[i * stride];
    const float *wrist = xyz + 3 * kWrist, *index = xyz + 3 * kIndexMcp;
    const double scale = std::hypot(double(wrist[0]) - index[0], double(wrist[1]) - index[1],
                                    double(wrist[2]) - index[2]);
    add_25d(xyz, camera, scale, joints25d);
    depths.push_back(root_depth(uvz, camera));
    add_points(uvz, camera, depths.back(), scale, back);
    scales.push_back(static_cast<float>(scale));
  }
  constexpr Limit kLimit{Measure::rel_l2, 1e-5};
  return {compare(file, "joints25d", joints25d, kLimit), compare(file, "scale", scales, kLimit),
          compare(file, "root_depth", depths, kLimit),
          compare(file, "joints3d_from_predicted", back, kLimit)};
}

Results run_metrics(const TensorFile& file, Backend&) {
  const auto truth = floats(file, "ground_truth", {kAny, kJoints, 3}),
             predicted = floats(file, "predicted", file.at("ground_truth").shape);
  const PoseScores scores = score_poses(predicted, truth);
  const auto columns = [](const DistanceScores& s) {
    return std::vector<double>{s.mean, s.median, s.auc};
  };
  constexpr Limit kLimit{Measure::rel_l2, 1e-5};
  return {compare(file, "plain", columns(scores.plain), kLimit),
          compare(file, "aligned_freihand", columns(scores.aligned), kLimit),
          compare(file, "aligned_rigid", columns(scores.aligned_rigid), kLimit)};
}

}  // namespace peclr::golden
