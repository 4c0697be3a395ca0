// SPDX-License-Identifier: Apache-2.0
#include "tools/evaluation/scores.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/files/folder.h"
#include "models/mesh_metrics.h"
#include "models/metrics.h"
#include "tools/run/json_lines.h"
#include "tools/settings/settings_fields.h"

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

// eval.py's number for what meshes without partners of their vertices cannot have; it turns this,
// too, from metres to centimetres.
constexpr double kNotScored = -1;

int millimetres(double limit) { return static_cast<int>(std::lround(1000 * limit)); }

// Names, order and digits are the server's.
std::string scores_txt(const PoseScores& joints, const MeshScores* meshes) {
  std::string text;
  const auto lines = [&](const char* of, const auto& plain, const auto& aligned) {
    const auto line = [&](const char* name, double value) {
      text += fmt::format("{}_{}: {:f}\n", of, name, value);
    };
    line("mean3d", 100 * (plain ? plain->mean : kNotScored));
    line("auc3d", plain ? plain->auc : kNotScored);
    line("al_mean3d", 100 * (aligned ? aligned->mean : kNotScored));
    line("al_auc3d", aligned ? aligned->auc : kNotScored);
  };
  lines("xyz", &joints.plain, &joints.aligned);
  if (!meshes) return text;
  lines("mesh", meshes->plain, meshes->aligned);
  for (std::size_t t = 0; t < kMatchLimits.size(); ++t) {
    const int mm = millimetres(kMatchLimits[t]);
    text += fmt::format("f_score_{}: {:f}\nf_al_score_{}: {:f}\n", mm, meshes->f[t].plain, mm,
                        meshes->f[t].aligned);
  }
  return text;
}

std::vector<double> in_cm(std::vector<double> metres) {
  for (double& x : metres) x *= 100;
  return metres;
}

std::vector<double> pck_thresholds_cm() {
  std::vector<double> thresholds;
  for (int i = 0; i < kPckThresholds; ++i) thresholds.push_back(pck_threshold(i));
  return in_cm(thresholds);
}

void add_mesh_scores(JsonLine& json, const MeshScores& scores) {
  if (scores.plain)
    json.add("mesh_epe_cm", 100 * scores.plain->mean).add("mesh_auc", scores.plain->auc);
  if (scores.aligned)
    json.add("mesh_pa_epe_cm", 100 * scores.aligned->mean).add("mesh_pa_auc", scores.aligned->auc);
  for (std::size_t t = 0; t < kMatchLimits.size(); ++t) {
    const int mm = millimetres(kMatchLimits[t]);
    json.add(fmt::format("f_{}mm", mm), scores.f[t].plain)
        .add(fmt::format("pa_f_{}mm", mm), scores.f[t].aligned);
  }
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

bool HandPairs::predicts_meshes() const {
  return std::any_of(predicted_meshes.begin(), predicted_meshes.end(),
                     [](float x) { return x != 0; });
}

std::vector<std::pair<std::string, std::string>> asked_with(const Settings& settings) {
  std::vector<std::pair<std::string, std::string>> asked;
  for (const char* key : kAskedWith) {
    if (key == std::string_view("data.first_crop") && settings.data.crop == Settings::Crop::picture)
      continue;
    asked.emplace_back(key, setting_text(key, settings));
  }
  return asked;
}

WrittenScores write_scores(const std::string& folder, const HandPairs& pairs,
                           const ScoreSource& source) {
  const PoseScores scores = score_poses(pairs.predicted, pairs.truth);
  std::optional<MeshScores> meshes;
  if (!pairs.predicted_meshes.empty() && !pairs.true_meshes.empty())
    meshes =
        score_meshes({pairs.predicted_meshes, pairs.true_meshes, pairs.predicted, pairs.truth});
  JsonLine json;
  json.add("epe_cm", 100 * scores.plain.mean)
      .add("epe_median_cm", 100 * scores.plain.median)
      .add("auc", scores.plain.auc)
      .add("pa_epe_cm", 100 * scores.aligned.mean)
      .add("pa_epe_median_cm", 100 * scores.aligned.median)
      .add("pa_auc", scores.aligned.auc)
      .add("pa_rigid_epe_cm", 100 * scores.aligned_rigid.mean)
      .add("root_epe_cm", 100 * scores.root.mean)
      .add("root_auc", scores.root.auc)
      .add("scale_trans_epe_cm", 100 * scores.scale_trans.mean);
  const bool in_pictures = !pairs.predicted_px.empty();
  if (in_pictures) json.add("epe_2d_px", epe_2d(pairs.predicted_px, pairs.true_px));
  if (meshes && pairs.predicts_meshes()) add_mesh_scores(json, *meshes);
  json.add("count", scores.count);
  const WrittenScores written{json.text(), scores_txt(scores, meshes ? &*meshes : nullptr)};
  if (folder.empty()) return written;
  if (!source.init_from.empty()) json.add("init_from", source.init_from);
  if (!source.initial_weights.empty()) json.add("initial_weights", source.initial_weights);
  if (!source.pretraining.empty()) json.add("weights", source.pretraining);
  if (!source.predictions.empty()) json.add("predictions", source.predictions);
  for (const auto& [key, value] : source.settings) json.add(key, value);
  json.add("set", source.set)
      .add("holdout", source.holdout)
      .add("root_per_joint_cm", in_cm(scores.root.point_mean))
      .add("pck_thresholds_cm", pck_thresholds_cm())
      .add("pck", std::span<const double>(scores.plain.pck))
      .add("pa_pck", std::span<const double>(scores.aligned.pck))
      .add("root_pck", std::span<const double>(scores.root.pck));
  // First of all, lest what an earlier scoring said of the pictures lies beside these scores.
  const std::string errors = folder + "/errors.json";
  remove_file(errors);
  write_file_atomically(folder + "/scores.json", json.text() + "\n");
  write_file_atomically(folder + "/scores.txt", written.text);
  if (in_pictures) write_file_atomically(errors, errors_json(source.set, pairs, scores));
  return written;
}

}  // namespace peclr
