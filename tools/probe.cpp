// SPDX-License-Identifier: Apache-2.0
#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/parallel.h"
#include "engine/say.h"
#include "engine/text.h"
#include "tools/commands.h"
#include "tools/evaluation/scored_pictures.h"
#include "tools/probe/classes.h"
#include "tools/probe/joint_crops.h"
#include "tools/run/json_lines.h"
#include "tools/run/model_files.h"
#include "tools/run/out_folder.h"
#include "tools/settings/engine_options.h"

namespace peclr {
namespace {

const std::string& only_source(const Settings& settings) {
  if (settings.data.train.size() != 1)
    fail(ErrorKind::usage,
         "data.train must be one folder: sub-folders of pictures, one a class, or FreiHAND's "
         "layout, e.g. data.train=out/hands");
  return settings.data.train[0].path;
}

// Without the pictures that lie beside the sub-folders.
PictureSet classified_only(const PictureSet& set) {
  PictureSet out;
  out.root = set.root;
  out.class_names = set.class_names;
  for (std::size_t i = 0; i < set.files.size(); ++i) {
    if (set.classes[i] < 0) continue;
    out.files.push_back(set.files[i]);
    out.classes.push_back(set.classes[i]);
  }
  if (out.size() < set.size())
    say("{} pictures are in no sub-folder and not used\n", set.size() - out.size());
  return out;
}

JsonLine probe_classes(const FrozenEncoder& encoder, const PictureSet& all) {
  const Settings& settings = encoder.settings;
  if (all.class_names.size() < 2)
    fail(ErrorKind::data,
         "{}: neither FreiHAND's layout (training_K.json) nor at least two sub-folders of "
         "pictures, one a class",
         printable(all.root.string()));
  if (settings.data.labels < 1 || settings.data.holdout > 0)
    fail(ErrorKind::usage,
         "data.labels, data.holdout: only the joint probe can do with a part of the labels");
  if (!settings.data.eval.empty())
    fail(
        ErrorKind::usage,
        "data.eval: only the joint probe has one; classes are scored by folds of data.train, leave "
        "it out");
  const PictureSet set = classified_only(all);
  auto whole = [&](const Picture& picture, std::int64_t, int) {
    return centre_view(settings.model.input, picture.image.width, picture.image.height);
  };
  const FrozenFeatures features = encoder.features({set, 1, whole});
  std::vector<int> classes;
  for (const std::int64_t i : features.pictures)
    classes.push_back(set.classes[static_cast<std::size_t>(i)]);
  const std::vector<int> folds = contiguous_folds(classes, set.class_names);
  const ClassSamples samples{features.matrix(), classes, static_cast<int>(set.class_names.size()),
                             folds};
  const FoldAccuracy linear = fold_accuracy(samples, classify_linear(samples));
  const FoldAccuracy nearest = fold_accuracy(samples, classify_nearest(samples));
  say("{}accuracy over {} folds, each a contiguous part of every class in the order of "
      "names: people may overlap between folds\n",
      features.bad_summary, kFolds);
  return JsonLine()
      .add("kind", "classes")
      .add("linear_accuracy", linear.mean)
      .add("linear_std", linear.deviation)
      .add("knn5_accuracy", nearest.mean)
      .add("knn5_std", nearest.deviation)
      .add("chance_accuracy", chance_accuracy(samples))
      .add("classes", samples.class_count)
      .add("count", samples.features.rows)
      .add("folds", kFolds)
      .add("people_may_overlap", true);
}

void require_joints(const PictureSet& set, Split split) {
  if (!has_pixels(set.known))
    fail(ErrorKind::data, "{}: the joint probe needs labels: {}_xyz.json in FreiHAND's layout",
         printable(set.root.string()), name_of(split));
}

JsonLine probe_pose(const FrozenEncoder& encoder, PictureSet train) {
  const Settings& settings = encoder.settings;
  const std::string eval = settings.data.eval.empty() ? train.root.string() : settings.data.eval;
  const PictureSet test = open_scored(settings, eval);
  require_joints(train, Split::training);
  require_joints(test, Split::evaluation);
  if (settings.data.holdout > 0) keep_part(train, settings.data.holdout, Part::learned);
  keep_labels(train, settings.data.labels, static_cast<std::uint64_t>(settings.seed));
  const JointCrops fitted = joint_crops(encoder, train, Split::training);
  const JointCrops tested = joint_crops(encoder, test, Split::evaluation);
  const JointScores scores = probe_joints(fitted.samples(), tested.samples());
  say("{}{}2D joints in crops turned by -45..45 degrees, moved by up to r/4, of margin "
      "1..1.5: error in % of the crop's side (mean: if always the mean of training were "
      "said)\n",
      fitted.features.bad_summary, tested.features.bad_summary);
  return JsonLine()
      .add("kind", "joints")
      .add("probe_2d_pct", scores.error_pct)
      .add("probe_2d_mean_pct", scores.mean_pct)
      .add("train", fitted.features.matrix().rows / kProbeCrops)
      .add("test", tested.features.matrix().rows / kProbeCrops)
      .add("crops", kProbeCrops)
      .add("lambda", scores.lambda);
}

}  // namespace

int run_probe(const CommandLine& line) {
  const Settings settings = settings_for_model(Command::probe, line.settings, Weights::optional);
  const PictureSet set = open_pictures(only_source(settings), Split::training);
  set_threads(settings.threads);
  const std::unique_ptr<Backend> backend = make_backend(settings);
  ParameterStore store;
  const ResNet network(store, settings.model.depth);
  store.allocate(*backend, static_cast<std::uint64_t>(settings.seed));
  std::string weights = "random", initial;
  if (settings.init_from.empty()) {
    say("no weights were given: RANDOM ones (seed {}), the untrained baseline\n", settings.seed);
  } else {
    const Start start = start_whole(settings, store);
    if (start.has_head) require_unseen(settings);
    weights = start.pretraining;
    initial = start.initial;
  }
  OutFolder out(settings.out, line, {backend->description(), settings.precision});

  const FrozenEncoder encoder{settings, network, *backend};
  JsonLine json =
      set.known == Known::nothing ? probe_classes(encoder, set) : probe_pose(encoder, set);
  if (!initial.empty()) json.add("initial_weights", initial);
  json.add("weights", weights)
      .add("init_from", settings.init_from)
      .add("depth", settings.model.depth)
      .add("input", settings.model.input)
      .add("labels", settings.data.labels)
      .add("holdout", settings.data.holdout)
      .add("seed", settings.seed)
      .add("precision", name_of(settings.precision))
      .add("train_set", settings.data.train[0].path)
      .add("test_set", settings.data.eval);
  write_file_atomically(settings.out + "/probe.json", json.text() + "\n");
  out.record.end();
  fmt::print("{}\n", json.text());
  say("ResNet-{} at {} px, weights: {}; {}/probe.json\n", settings.model.depth,
      settings.model.input, weights, settings.out);
  return 0;
}

}  // namespace peclr
