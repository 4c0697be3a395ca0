// SPDX-License-Identifier: Apache-2.0
#include "tools/scores.h"

#include "engine/atomic_file.h"
#include "engine/error.h"
#include "models/metrics.h"
#include "tools/json_lines.h"

namespace peclr {
namespace {

// To a tenth of a pixel: enough to draw.
std::string points(const float* px) {
  std::string text;
  for (int j = 0; j < kJoints; ++j)
    text += fmt::format("{}[{:.1f}, {:.1f}]", j ? ", " : "", px[2 * j], px[2 * j + 1]);
  return "[" + text + "]";
}

// errors.json: the error of every picture, and its joints in pixels of the original picture.
std::string errors_json(const std::string& set, const HandPairs& pairs, const PoseScores& scores) {
  std::string text = "{\"set\": " + json_string(set) + ", \"pictures\": [";
  for (std::size_t i = 0; i < pairs.files.size(); ++i)
    text += fmt::format(
        "{}\n{{\"file\": {}, \"epe_mm\": {:.3f}, \"pa_epe_mm\": {:.3f},\n \"uv\": {},\n "
        "\"uv_true\": {}}}",
        i ? "," : "", json_string(pairs.files[i]), 1000 * scores.plain.pose_mean[i],
        1000 * scores.aligned.pose_mean[i], points(&pairs.predicted_px[2 * kJoints * i]),
        points(&pairs.true_px[2 * kJoints * i]));
  return text + "\n]}\n";
}

// The names are the server's; its lines on meshes have no place here, where only joints are known.
std::string scores_txt(const PoseScores& scores) {
  return fmt::format("xyz_mean3d: {:f}\nxyz_auc3d: {:f}\nxyz_al_mean3d: {:f}\nxyz_al_auc3d: {:f}\n",
                     100 * scores.plain.mean, scores.plain.auc, 100 * scores.aligned.mean,
                     scores.aligned.auc);
}

}  // namespace

void HandPairs::add(const std::string& file, const HandLabel& label, std::span<const Vec3f> xyz,
                    std::span<const Vec2f> px) {
  files.push_back(file);
  for (std::size_t j = 0; j < kJoints; ++j) {
    const Vec2f true_pixel = project(label.K, label.xyz[j]);
    predicted.insert(predicted.end(), {xyz[j].x, xyz[j].y, xyz[j].z});
    truth.insert(truth.end(), {label.xyz[j].x, label.xyz[j].y, label.xyz[j].z});
    predicted_px.insert(predicted_px.end(), {px[j].x, px[j].y});
    true_px.insert(true_px.end(), {true_pixel.x, true_pixel.y});
  }
}

WrittenScores write_scores(const std::string& folder, const HandPairs& pairs,
                           const ScoreNames& names) {
  const PoseScores scores = score_poses(pairs.predicted, pairs.truth);
  JsonLine json;
  json.add("epe_cm", 100 * scores.plain.mean)
      .add("epe_median_cm", 100 * scores.plain.median)
      .add("auc", scores.plain.auc)
      .add("pa_epe_cm", 100 * scores.aligned.mean)
      .add("pa_auc", scores.aligned.auc)
      .add("pa_rigid_epe_cm", 100 * scores.aligned_rigid.mean);
  const bool in_pictures = !pairs.predicted_px.empty();
  if (in_pictures) json.add("epe_2d_px", epe_2d(pairs.predicted_px, pairs.true_px));
  json.add("count", scores.count);
  const WrittenScores written{json.text(), scores_txt(scores)};
  if (folder.empty()) return written;
  json.add("weights", names.weights)
      .add("set", names.set)
      .add("holdout", names.holdout)
      .add("pck", std::span<const double>(scores.plain.pck))
      .add("pa_pck", std::span<const double>(scores.aligned.pck));
  write_file_atomically(folder + "/scores.json", json.text() + "\n");
  write_file_atomically(folder + "/scores.txt", written.text);
  if (in_pictures)
    write_file_atomically(folder + "/errors.json", errors_json(names.set, pairs, scores));
  return written;
}

}  // namespace peclr
