// SPDX-License-Identifier: Apache-2.0
// Scores a file of predictions, whoever made it, by the rules that evaluate follows; meshes too.
#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "data/folder.h"
#include "data/freihand.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "engine/say.h"
#include "engine/text.h"
#include "tools/commands.h"
#include "tools/evaluation/scores.h"
#include "tools/evaluation/submission.h"
#include "tools/run/out_folder.h"

namespace peclr {
namespace {

// What is not scored, or means nothing.
void tell_of_meshes(const HandPairs& pairs, const std::string& file, const std::string& set) {
  if (pairs.predicted_meshes.empty())
    say("{}: holds no meshes, so joints alone are scored\n", printable(file));
  else if (pairs.true_meshes.empty())
    say("{}: no evaluation_verts.json, so joints alone are scored\n", printable(set));
  else if (!pairs.predicts_meshes())
    say("{}: its meshes are zeros, so the lines on meshes are those of zeros, as on the "
        "server, and scores.json has none\n",
        printable(file));
}

// Of the set's first pictures, one a hand, as open_pictures has them; FreiHAND's own where the
// pictures are not there or are not of these labels.
std::vector<std::string> picture_names(const std::string& set, std::size_t hands) {
  const std::string folder = "evaluation/rgb";
  std::vector<std::string> names;
  try {
    names = list_pictures(std::filesystem::path(set) / folder);
  } catch (const Error&) {
    // Predictions are scored without their pictures, too.
  }
  const bool theirs = !names.empty() && names.size() % hands == 0;
  names.resize(hands);
  for (std::size_t i = 0; i < hands; ++i)
    names[i] = folder + "/" + (theirs ? names[i] : fmt::format("{:08}.jpg", i));
  return names;
}

}  // namespace

int run_score(const CommandLine& line) {
  const std::string &file = line.paths[0], &set = line.paths[1];
  const FreihandLabels truth = read_freihand_labels(set, Split::evaluation);
  if (!truth.has_joints)
    fail(ErrorKind::data, "{}: scores need evaluation_xyz.json, which is not there",
         printable(set));
  if (std::any_of(truth.labels.begin(), truth.labels.end(), knows_pixels_only))
    fail(ErrorKind::data,
         "{}: scores need joints in metres; of this set only pixels are known: give another",
         printable(set));
  Submission submission = read_submission(file);
  const std::vector<float>& joints = submission.joints;
  const std::size_t hands = joints.size() / (3 * kJoints);
  if (hands != truth.labels.size())
    fail(ErrorKind::data,
         "{}: holds {} hands, but evaluation_xyz.json in {} {}: write one for each, in its order",
         printable(file), hands, printable(set), truth.labels.size());
  if (const std::size_t meshes = submission.mesh_count(); meshes > 0 && meshes != hands)
    fail(ErrorKind::data, "{}: holds {} hands, but {} meshes: write one for each, or zeros",
         printable(file), hands, meshes);
  const std::vector<std::string> names = picture_names(set, hands);
  HandPairs pairs;
  bool in_front = true;
  for (std::size_t i = 0; i < hands; ++i) {
    std::array<Vec3f, kJoints> xyz;
    for (std::size_t j = 0; j < kJoints; ++j) {
      const float* number = &joints[3 * (kJoints * i + j)];
      xyz[j] = {number[0], number[1], number[2]};
      in_front = in_front && number[2] > 0;
    }
    pairs.add(names[i], truth.labels[i], xyz, project(truth.labels[i].K, xyz));
  }
  pairs.predicted_meshes = std::move(submission.meshes);
  if (!pairs.predicted_meshes.empty())
    pairs.true_meshes = read_freihand_meshes(set, Split::evaluation, hands);
  tell_of_meshes(pairs, file, set);
  // FreiHAND's own sample of a submission is all zeros: a score, but no place in a picture.
  if (!in_front) {
    pairs.predicted_px.clear(), pairs.true_px.clear();
    say("{}: joints are not in front of the camera, so there is no error in pixels\n",
        printable(file));
  }
  std::optional<OutFolder> out;
  if (!line.out.empty())
    out.emplace(line.out, line, RunRecorder::What{fmt::format("cpu, {} threads", threads())});
  const WrittenScores scores = write_scores(line.out, pairs, {.set = set, .predictions = file});
  if (out) out->record.end();
  fmt::print("{}\n", scores.json);
  say("{}scored {} hands by FreiHAND's rules, in centimetres\n", scores.text, hands);
  return 0;
}

}  // namespace peclr
