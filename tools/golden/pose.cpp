// SPDX-License-Identifier: Apache-2.0
#include "kernels/pose25d.h"

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
  const Backend::ProcrustesTensors out{
      Tensor(backend, source.shape(), DType::f32), Tensor(backend, {n, 3, 3}, DType::f32),
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

Results run_pose25d(const TensorFile& file, Backend&) {
  const auto K = floats(file, "K", {kAny, 3, 3});
  const std::size_t n = K.size() / 9, stride = 3 * kJoints;
  const auto poses = static_cast<std::int64_t>(n);
  const auto joints = floats(file, "joints3d", {poses, kJoints, 3}),
             predicted = floats(file, "predicted25d", {poses, kJoints, 3});
  std::vector<float> joints25d(joints.size()), back(joints.size()), scale, depth;
  for (std::size_t i = 0; i < n; ++i) {
    const Units25d units =
        to_25d(&joints[i * stride], &K[9 * i], kJoints, kWristToIndex, &joints25d[i * stride]);
    scale.push_back(static_cast<float>(units.scale));
    const double root = from_25d(&predicted[i * stride], &K[9 * i], kJoints, kWristToIndex,
                                 units.scale, &back[i * stride]);
    depth.push_back(static_cast<float>(root));
  }
  constexpr Limit kLimit{Measure::rel_l2, 1e-5};
  return {compare(file, "joints25d", joints25d, kLimit), compare(file, "scale", scale, kLimit),
          compare(file, "root_depth", depth, kLimit),
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
