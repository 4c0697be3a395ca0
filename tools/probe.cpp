// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "engine/atomic_file.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "engine/text.h"
#include "kernels/random.h"
#include "tools/commands.h"
#include "tools/json_lines.h"
#include "tools/model_files.h"
#include "tools/probe/classes.h"
#include "tools/probe/features.h"
#include "tools/probe/joints.h"
#include "tools/run_folder.h"

namespace peclr {
namespace {

constexpr int kCrops = 4;  // of each picture
constexpr Border kBorder = Border::black;
constexpr std::uint64_t kTrainCrops = 0x70726F6265, kTestCrops = 0x74657374;  // random numbers

struct Probe {
  const Settings& settings;
  const FrozenEncoder& encoder;
  ParameterStore& store;
  std::string path;     // of the set
  std::string weights;  // how they were pre-trained, or "random"

  FrozenFeatures features(const ProbeViews& views) const {
    FrozenFeatures out = encoder.features(views);
    fmt::print(stderr, "{}", out.bad_summary);
    return out;
  }

  void prepare(const ProbeViews& views) const {
    if (weights != "random") return;
    fmt::print(stderr,
               "no weights were given: RANDOM ones (seed {}), the untrained baseline; their batch "
               "statistics are estimated on these pictures\n",
               settings.seed);
    encoder.estimate_statistics(store, views);
  }
};

// Without the pictures that lie beside the sub-folders.
PictureSet classified_only(const PictureSet& set) {
  PictureSet out;
  out.root = set.root;
  out.class_names = set.class_names;
  for (std::size_t i = 0; i < set.classes.size(); ++i)
    if (set.classes[i] >= 0) {
      out.files.push_back(set.files[i]);
      out.classes.push_back(set.classes[i]);
    }
  if (out.size() < set.size())
    fmt::print(stderr, "{} pictures are in no sub-folder and not used\n", set.size() - out.size());
  return out;
}

JsonLine probe_classes(const Probe& probe, const PictureSet& all) {
  if (all.class_names.size() < 2)
    fail(ErrorKind::data,
         "{}: neither FreiHAND's layout (training_K.json) nor at least two sub-folders, one a "
         "class",
         printable(probe.path));
  if (probe.settings.data.labels < 1)
    fail(ErrorKind::usage, "data.labels: only the joint probe can do with a part of the labels");
  const PictureSet set = classified_only(all);
  const ProbeViews views{set, 1, [&](const Picture& picture, std::int64_t, int) {
                           return centre_view(probe.settings.model.input, picture.image.width,
                                              picture.image.height);
                         }};
  probe.prepare(views);
  const FrozenFeatures features = probe.features(views);
  std::vector<int> classes;
  for (const std::int64_t i : features.pictures)
    classes.push_back(set.classes[static_cast<std::size_t>(i)]);
  const std::vector<int> folds = contiguous_folds(classes, set.class_names);
  const ClassSamples samples{features.matrix(), classes, static_cast<int>(set.class_names.size()),
                             folds};
  const FoldAccuracy linear = fold_accuracy(samples, classify_linear(samples));
  const FoldAccuracy nearest = fold_accuracy(samples, classify_nearest(samples));
  fmt::print(stderr,
             "{} classes; mean and deviation over {} folds, each a contiguous part of every class "
             "in the order of names: people may overlap between folds\n",
             samples.class_count, kFolds);
  JsonLine json;
  json.add("kind", "classes")
      .add("linear_accuracy", linear.mean)
      .add("linear_std", linear.deviation)
      .add("knn5_accuracy", nearest.mean)
      .add("knn5_std", nearest.deviation)
      .add("chance_accuracy", chance_accuracy(samples))
      .add("classes", samples.class_count)
      .add("count", samples.features.rows)
      .add("folds", kFolds)
      .add("people_may_overlap", true);
  return json;
}

// Features of random crops around the joints of a labelled set, and where the joints lie in them.
struct JointCrops {
  FrozenFeatures features;
  std::vector<float> joints;  // [rows, 21 * 2], in sides of the crop
  std::vector<std::int64_t> labels;
  std::int64_t label_count;

  JointSamples samples() const {
    return {features.matrix(),
            {joints.data(), features.matrix().rows, 2 * kJoints},
            labels,
            label_count};
  }
};

JointCrops joint_crops(const Probe& probe, const PictureSet& set, std::uint64_t purpose) {
  constexpr std::size_t kNumbers = 2 * kJoints;
  const int side = probe.settings.model.input;
  std::vector<float> all(set.files.size() * kCrops * kNumbers);
  auto row_of = [](std::int64_t i, std::int64_t v) {
    return static_cast<std::size_t>(i * kCrops + v) * kNumbers;
  };
  const ProbeViews views{
      set, kCrops, [&](const Picture& picture, std::int64_t i, int v) {
        const Mat3f K = reduced_camera(set.label(i).K, picture.factor);
        std::array<Vec2f, kJoints> px;
        for (std::size_t j = 0; j < kJoints; ++j) px[j] = project(K, set.label(i).xyz[j]);
        const Rng rng = Rng::of(static_cast<std::uint64_t>(probe.settings.seed), purpose,
                                static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(v));
        const View view =
            probe_view(side, picture.image.width, picture.image.height, px, kBorder, rng);
        for (std::size_t j = 0; j < kJoints; ++j) {
          const Vec2f p = apply(view.to_output, px[j]);
          all[row_of(i, v) + 2 * j] = p.x / static_cast<float>(side);
          all[row_of(i, v) + 2 * j + 1] = p.y / static_cast<float>(side);
        }
        return view;
      }};
  if (purpose == kTrainCrops) probe.prepare(views);
  JointCrops crops{probe.features(views), {}, {}, static_cast<std::int64_t>(set.labels.size())};
  for (std::size_t row = 0; row < crops.features.pictures.size(); ++row) {
    const std::int64_t i = crops.features.pictures[row];
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(row_of(i, row % kCrops));
    crops.joints.insert(crops.joints.end(), from, from + kNumbers);
    crops.labels.push_back(i % crops.label_count);
  }
  return crops;
}

PictureSet with_joints(const std::string& path, Split split) {
  PictureSet set = open_pictures(path, split);
  if (set.known != Known::joints)
    fail(ErrorKind::data, "{}: the joint probe needs labels: {}_xyz.json in FreiHAND's layout",
         printable(path), split == Split::training ? "training" : "evaluation");
  return set;
}

JsonLine probe_joint_crops(const Probe& probe) {
  const Settings& settings = probe.settings;
  PictureSet train = with_joints(probe.path, Split::training);
  keep_labels(train, settings.data.labels, static_cast<std::uint64_t>(settings.seed));
  const PictureSet test =
      with_joints(settings.data.eval.empty() ? probe.path : settings.data.eval, Split::evaluation);
  const JointCrops fitted = joint_crops(probe, train, kTrainCrops);
  const JointCrops tested = joint_crops(probe, test, kTestCrops);
  const JointScores scores = probe_joints(fitted.samples(), tested.samples());
  fmt::print(stderr,
             "joints in crops turned by -45..45 degrees, moved by up to r/4, of margin 1..1.5; "
             "error in % of the crop's side, and what saying the mean pose costs\n");
  JsonLine json;
  json.add("kind", "joints")
      .add("probe_2d_pct", scores.error_pct)
      .add("probe_2d_mean_pct", scores.mean_pct)
      .add("train", fitted.features.matrix().rows / kCrops)
      .add("test", tested.features.matrix().rows / kCrops)
      .add("crops", kCrops)
      .add("lambda", scores.lambda);
  return json;
}

const std::string& only_source(const Settings& settings) {
  if (settings.data.train.size() != 1)
    fail(ErrorKind::usage,
         "data.train must be one folder: sub-folders of pictures, one a class, or FreiHAND's "
         "layout, e.g. data.train=out/hands");
  return settings.data.train[0].path;
}

}  // namespace

int run_probe(const CommandLine& line) {
  const Settings settings = settings_for_model(Command::probe, line.settings, Weights::optional);
  const std::string& path = only_source(settings);
  const PictureSet set = open_pictures(path, Split::training);
  set_threads(settings.threads);
  const std::unique_ptr<Backend> backend = make_backend(device_kind(settings));
  ParameterStore store;
  const ResNet network(store, settings.model.depth);
  store.allocate(*backend, static_cast<std::uint64_t>(settings.seed));
  const std::string weights = settings.init_from.empty() ? "random" : start_from(settings, store);
  make_writable_folder(settings.out);

  const FrozenEncoder encoder{settings, network, *backend};
  const Probe probe{settings, encoder, store, path, weights};
  JsonLine json =
      set.known == Known::nothing ? probe_classes(probe, set) : probe_joint_crops(probe);
  json.add("weights", weights);
  write_file_atomically(settings.out + "/probe.json", json.text() + "\n");
  fmt::print("{}\n", json.text());
  fmt::print(stderr, "ResNet-{} at {} px, weights: {}; {}/probe.json\n", settings.model.depth,
             settings.model.input, weights, settings.out);
  return 0;
}

}  // namespace peclr
