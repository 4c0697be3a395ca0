// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

#include "data/image.h"
#include "data/skeleton.h"
#include "engine/atomic_file.h"
#include "engine/error.h"
#include "engine/file_error.h"
#include "engine/parallel.h"
#include "engine/text.h"
#include "tools/commands.h"
#include "tools/inference.h"
#include "tools/model_files.h"
#include "tools/run_folder.h"
#include "tools/run_record.h"
#include "tools/submission.h"

namespace peclr {
namespace {

// Pictures smaller than this are enlarged before the skeleton goes on, but for what is so thin that
// it would become longer than kDrawnLength.
constexpr int kDrawnSide = 448, kDrawnLength = 4096;

std::string predictions_json(const std::vector<HandPrediction>& predictions) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const HandPrediction& p : predictions) {
    if (!p.good) continue;
    nlohmann::ordered_json entry;
    entry["file"] = p.file;
    for (const Vec2f& q : p.px) entry["uv"].push_back({q.x, q.y});
    for (const Vec3f& q : p.xyz) entry["xyz"].push_back({q.x, q.y, q.z});
    entry["unit"] = p.metric ? "m" : "bone";
    list.push_back(std::move(entry));
  }
  return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// What an earlier prediction drew would be taken for this one's: `fresh` takes the place of all of
// it.
void replace_folder(const std::string& folder, const std::string& fresh) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (!error) std::filesystem::rename(fresh, folder, error);
  if (error) fail_writing(folder, "cannot be replaced", error.value());
}

// They would go with the old drawings.
void require_elsewhere(const std::string& pictures, const std::string& folder) {
  const auto relative = std::filesystem::weakly_canonical(pictures).lexically_relative(
      std::filesystem::weakly_canonical(folder));
  if (!relative.empty() && *relative.begin() != "..")
    fail(ErrorKind::usage, "data.eval={}: lies in {}, which is replaced; choose another out",
         printable(pictures), printable(folder));
}

void draw(const PictureSet& set, const HandPrediction& p, const std::string& folder) {
  Image image = read_image(set.root / p.file);
  const auto enlarged = [](int side, int to) {
    return static_cast<float>(to) / static_cast<float>(side);
  };
  const float zoom =
      std::max(1.f, std::min(enlarged(std::min(image.width, image.height), kDrawnSide),
                             enlarged(std::max(image.width, image.height), kDrawnLength)));
  image = resized(image, static_cast<int>(zoom * static_cast<float>(image.width)),
                  static_cast<int>(zoom * static_cast<float>(image.height)));
  std::vector<Vec2f> joints;
  for (const Vec2f& q : p.px)
    joints.push_back({(q.x + 0.5f) * zoom - 0.5f, (q.y + 0.5f) * zoom - 0.5f});
  draw_skeleton(image, joints, SkeletonStyle::solid);
  // The picture's whole name, folders and ending too: a.jpg and a.png are two.
  const auto path = std::filesystem::path(folder) / (p.file + ".png");
  make_writable_folder(path.parent_path().string());
  write_png(path, image);
}

}  // namespace

int run_predict(const CommandLine& line) {
  const Settings settings = settings_for_model(Command::predict, line.settings);
  if (settings.data.eval.empty())
    fail(ErrorKind::usage,
         "data.eval is not set; give a folder of pictures, e.g. data.eval=photos");
  const PictureSet set = open_pictures(settings.data.eval, Split::evaluation);
  if (line.submission && set.known == Known::pixels)
    fail(ErrorKind::data,
         "{}: --submission wants metres; of this set only pixels are known, leave it out",
         settings.data.eval);
  if (line.submission && !has_camera(set.known))
    fail(ErrorKind::data,
         "{}: --submission wants metres; there is no evaluation_K.json, and no scale with it",
         settings.data.eval);
  if (line.submission && set.size() != std::ssize(set.labels))
    fail(ErrorKind::data,
         "{}: --submission wants a picture for each label; there are {} of {} labels",
         settings.data.eval, set.size(), set.labels.size());
  set_threads(settings.threads);
  const std::unique_ptr<Backend> backend = make_backend(settings);
  ParameterStore store;
  const HandNetwork network(store, settings.model.depth);
  store.allocate(*backend, 0);
  start_with_head(settings, store);
  const std::string folder = settings.out + "/skeletons", fresh = folder + ".part";
  require_elsewhere(settings.data.eval, folder);
  make_writable_folder(settings.out);
  RunRecorder record(settings.out, line, {backend->description(), settings.precision});
  if (!has_camera(set.known))
    fmt::print(stderr,
               "no cameras: a focal length of {} x the shorter side is assumed; xyz is in lengths "
               "of the bone 9-10\n",
               kAssumedFocal);

  std::string bad;
  const std::vector<HandPrediction> predictions =
      HandPredictor{settings, network, *backend, line.submission ? Gaps::refused : Gaps::skipped}
          .predict(set, bad);
  write_file_atomically(settings.out + "/predictions.json", predictions_json(predictions));
  if (line.submission)
    write_file_atomically(settings.out + "/pred.json", submission_json(predictions));
  std::filesystem::remove_all(fresh);
  make_writable_folder(fresh);
  int drawn = 0;
  const int every = std::max(1, static_cast<int>(predictions.size()) / std::max(1, line.draw));
  for (std::size_t i = 0; i < predictions.size() && drawn < line.draw;
       i += static_cast<std::size_t>(every))
    if (predictions[i].good) draw(set, predictions[i], fresh), ++drawn;
  replace_folder(folder, fresh);
  record.end();
  fmt::print(stderr,
             "{}{} pictures: {}/predictions.json (joints in FreiHAND's order), {} drawn in {}\n",
             bad, predictions.size(), settings.out, drawn, folder);
  return 0;
}

}  // namespace peclr
