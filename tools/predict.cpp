// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/files/folder.h"
#include "engine/say.h"
#include "tools/commands.h"
#include "tools/evaluation/drawings.h"
#include "tools/evaluation/inference.h"
#include "tools/evaluation/submission.h"
#include "tools/evaluation/trained_hand.h"
#include "tools/run/model_files.h"
#include "tools/run/out_folder.h"
#include "tools/run/unread_pictures.h"

namespace peclr {
namespace {

std::string predictions_json(const std::vector<HandPrediction>& predictions, const char* side) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const HandPrediction& p : predictions) {
    if (!p.good) continue;
    nlohmann::ordered_json entry;
    entry["file"] = p.file;
    for (const Vec2f& q : p.px) entry["uv"].push_back({q.x, q.y});
    for (const Vec3f& q : p.xyz) entry["xyz"].push_back({q.x, q.y, q.z});
    entry["unit"] = p.metric ? "m" : "bone";
    entry["side"] = side;
    const float* k = p.K.m;
    entry["K"] = {{k[0], k[1], k[2]}, {k[3], k[4], k[5]}, {k[6], k[7], k[8]}};
    list.push_back(std::move(entry));
  }
  return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

int run_predict(const CommandLine& line) {
  const Settings settings = settings_for_model(Command::predict, line.settings);
  if (settings.data.eval.empty())
    fail(ErrorKind::usage,
         "data.eval is not set; give a folder of pictures, e.g. data.eval=photos");
  const PictureSet set = open_pictures(settings.data.eval, Split::evaluation);
  tell_of_unread(set);
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
  const TrainedHand hand(settings);
  const std::string drawings = settings.out + "/skeletons";
  require_for_drawings(drawings, set);
  OutFolder out(settings.out, line, {hand.backend->description(), settings.precision});
  if (!has_camera(set.known))
    say("no cameras: a focal length of {} x the shorter side is assumed; xyz is in lengths "
        "of the bone 9-10\n",
        kAssumedFocal);

  const HandPredictions predicted = HandPredictor{settings, hand.network, *hand.backend,
                                                  line.submission ? Gaps::refused : Gaps::skipped}
                                        .predict(set);
  // First of all, lest an earlier prediction's lies beside this one's.
  const std::string submission = settings.out + "/pred.json";
  remove_file(submission);
  write_file_atomically(settings.out + "/predictions.json",
                        predictions_json(predicted.hands, name_of(settings.data.side)));
  if (line.submission) write_file_atomically(submission, submission_json(predicted.hands));
  const int drawn = draw_hands(drawings, set, predicted.hands, line.draw);
  out.record.end();
  say("{}{} pictures: {}/predictions.json (joints in FreiHAND's order), {} drawn in {}\n",
      predicted.bad_summary, predicted.hands.size(), settings.out, drawn, drawings);
  return 0;
}

}  // namespace peclr
