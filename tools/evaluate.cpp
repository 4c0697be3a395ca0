// SPDX-License-Identifier: Apache-2.0
#include "engine/atomic_file.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "models/metrics.h"
#include "tools/commands.h"
#include "tools/inference.h"
#include "tools/json_lines.h"
#include "tools/model_files.h"
#include "tools/run_folder.h"
#include "tools/run_record.h"

namespace peclr {
namespace {

// Predictions and truth of the pictures that could be read.
struct Pairs {
  std::vector<float> predicted, truth, predicted_px, true_px;
  std::vector<std::string> files;
};

Pairs pair_up(const PictureSet& set, const std::vector<HandPrediction>& predictions) {
  Pairs pairs;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const HandPrediction& p = predictions[static_cast<std::size_t>(i)];
    if (!p.good) continue;
    const HandLabel& label = set.label(i);
    pairs.files.push_back(p.file);
    for (std::size_t j = 0; j < kJoints; ++j) {
      const Vec2f px = project(label.K, label.xyz[j]);
      pairs.predicted.insert(pairs.predicted.end(), {p.xyz[j].x, p.xyz[j].y, p.xyz[j].z});
      pairs.truth.insert(pairs.truth.end(), {label.xyz[j].x, label.xyz[j].y, label.xyz[j].z});
      pairs.predicted_px.insert(pairs.predicted_px.end(), {p.px[j].x, p.px[j].y});
      pairs.true_px.insert(pairs.true_px.end(), {px.x, px.y});
    }
  }
  return pairs;
}

// To a tenth of a pixel: enough to draw.
std::string points(const float* px) {
  std::string text;
  for (int j = 0; j < kJoints; ++j)
    text += fmt::format("{}[{:.1f}, {:.1f}]", j ? ", " : "", px[2 * j], px[2 * j + 1]);
  return "[" + text + "]";
}

// errors.json: the error of every picture, and its joints in pixels of the original picture.
std::string errors_json(const std::string& set, const Pairs& pairs, const PoseScores& scores) {
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

}  // namespace

int run_evaluate(const CommandLine& line) {
  const Settings settings = settings_for_model(Command::evaluate, line.settings);
  if (settings.data.eval.empty())
    fail(ErrorKind::usage,
         "data.eval is not set; give a set in FreiHAND's layout, e.g. data.eval=out/hands");
  const PictureSet set = open_pictures(settings.data.eval, Split::evaluation);
  if (set.known != Known::joints)
    fail(ErrorKind::data, "{}: scores need evaluation_xyz.json; without it use peclr predict",
         settings.data.eval);
  set_threads(settings.threads);
  const std::unique_ptr<Backend> backend = make_backend(settings);
  ParameterStore store;
  const HandNetwork network(store, settings.model.depth);
  store.allocate(*backend, 0);
  const std::string pretraining = start_with_head(settings, store).pretraining;
  make_writable_folder(settings.out);
  RunRecorder record(settings.out, line, {backend->description(), settings.precision});

  std::string bad;
  const Pairs pairs = pair_up(set, HandPredictor{settings, network, *backend}.predict(set, bad));
  const PoseScores scores = score_poses(pairs.predicted, pairs.truth);
  JsonLine json;
  json.add("epe_cm", 100 * scores.plain.mean)
      .add("epe_median_cm", 100 * scores.plain.median)
      .add("auc", scores.plain.auc)
      .add("pa_epe_cm", 100 * scores.aligned.mean)
      .add("pa_auc", scores.aligned.auc)
      .add("pa_rigid_epe_cm", 100 * scores.aligned_rigid.mean)
      .add("epe_2d_px", epe_2d(pairs.predicted_px, pairs.true_px))
      .add("count", scores.count);
  const std::string numbers = json.text();
  json.add("weights", pretraining)
      .add("set", settings.data.eval)
      .add("pck", std::span<const double>(scores.plain.pck))
      .add("pa_pck", std::span<const double>(scores.aligned.pck));
  write_file_atomically(settings.out + "/scores.json", json.text() + "\n");
  write_file_atomically(settings.out + "/errors.json",
                        errors_json(settings.data.eval, pairs, scores));
  record.end();
  fmt::print("{}\n", numbers);
  fmt::print(stderr,
             "{}scored {} pictures by FreiHAND's rules (pa_*: its alignment, reflections allowed; "
             "pa_rigid: proper); {}/scores.json\n",
             bad, scores.count, settings.out);
  return 0;
}

}  // namespace peclr
