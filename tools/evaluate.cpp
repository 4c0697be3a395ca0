// SPDX-License-Identifier: Apache-2.0
#include "engine/error.h"
#include "engine/say.h"
#include "tools/commands.h"
#include "tools/evaluation/inference.h"
#include "tools/evaluation/scored_pictures.h"
#include "tools/evaluation/scores.h"
#include "tools/evaluation/trained_hand.h"
#include "tools/run/model_files.h"
#include "tools/run/out_folder.h"

namespace peclr {
namespace {

HandPairs pair_up(const PictureSet& set, const std::vector<HandPrediction>& predictions) {
  HandPairs pairs;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const HandPrediction& p = predictions[static_cast<std::size_t>(i)];
    if (p.good) pairs.add(p.file, set.label(i), p.xyz, p.px);
  }
  return pairs;
}

}  // namespace

int run_evaluate(const CommandLine& line) {
  const Settings settings = settings_for_model(Command::evaluate, line.settings);
  if (settings.data.eval.empty())
    fail(ErrorKind::usage,
         "data.eval is not set; give a set in FreiHAND's layout, e.g. data.eval=out/hands");
  require_unseen(settings);
  const PictureSet set = open_scored(settings, settings.data.eval);
  if (set.known == Known::pixels)
    fail(ErrorKind::data,
         "{}: scores need joints in metres; of this set only pixels are known: use peclr probe",
         settings.data.eval);
  if (set.known != Known::joints)
    fail(ErrorKind::data, "{}: scores need evaluation_xyz.json; without it use peclr predict",
         settings.data.eval);
  const TrainedHand hand(settings);
  OutFolder out(settings.out, line, {hand.backend->description(), settings.precision});

  const HandPredictions predicted =
      HandPredictor{settings, hand.network, *hand.backend}.predict(set);
  const HandPairs pairs = pair_up(set, predicted.hands);
  const WrittenScores scores = write_scores(settings.out, pairs,
                                            {.set = settings.data.eval,
                                             .pretraining = hand.start.pretraining,
                                             .holdout = settings.data.holdout,
                                             .init_from = settings.init_from,
                                             .initial_weights = hand.start.initial,
                                             .settings = asked_with(settings)});
  out.record.end();
  fmt::print("{}\n", scores.json);
  say("{}scored {} of {} pictures by FreiHAND's rules (pa_*: its alignment, reflections "
      "allowed; pa_rigid: proper); {}/scores.json\n",
      predicted.bad_summary, pairs.files.size(), set.size(), settings.out);
  return 0;
}

}  // namespace peclr
