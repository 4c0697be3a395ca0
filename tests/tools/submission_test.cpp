// SPDX-License-Identifier: Apache-2.0
// FreiHAND's file of predictions: written by predict, scored by `score`, whoever made it.
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/pictures.h"
#include "data/synthetic.h"
#include "tests/support/files.h"
#include "tests/support/program.h"
#include "tests/support/refusals.h"
#include "tests/support/small_runs.h"
#include "tools/evaluation/submission.h"
#include "tools/report/runs.h"

namespace peclr {
namespace {

using nlohmann::json;
using namespace test;
namespace fs = std::filesystem;

using Hand = std::array<std::array<double, 3>, kJoints>;

std::vector<Hand> true_hands(const std::string& set) {
  return json::parse(read_bytes(set + "/evaluation_xyz.json")).get<std::vector<Hand>>();
}

using Mesh = std::vector<std::array<double, 3>>;

// So many vertices around each hand's joints, moved right by so much.
std::vector<Mesh> meshes_of(const std::vector<Hand>& hands, std::size_t vertices, double right) {
  std::vector<Mesh> meshes;
  for (const Hand& hand : hands) {
    meshes.emplace_back();
    for (std::size_t v = 0; v < vertices; ++v) {
      const std::array<double, 3>& joint = hand[v % kJoints];
      meshes.back().push_back({joint[0] + right, joint[1] + 1e-4 * double(v), joint[2]});
    }
  }
  return meshes;
}

// The number behind "name: " at the start of a line.
double line_of(const std::string& text, const std::string& name) {
  const std::size_t at = ("\n" + text).find("\n" + name + ": ");
  INFO(name);
  REQUIRE(at != text.npos);
  return std::stod(text.substr(at + name.size() + 2));
}

constexpr const char* kServerLines[] = {"xyz_mean3d",     "xyz_auc3d",     "xyz_al_mean3d",
                                        "xyz_al_auc3d",   "mesh_mean3d",   "mesh_auc3d",
                                        "mesh_al_mean3d", "mesh_al_auc3d", "f_score_5",
                                        "f_al_score_5",   "f_score_15",    "f_al_score_15"};

std::vector<std::string> names_in(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    names.push_back(line.substr(0, line.find(':')));
  return names;
}

ProgramResult score(const std::string& file, const std::string& set) {
  return run_peclr({"score", file, set});
}

TEST_CASE("score: predict's submission has evaluate's scores", "[submission]") {
  const SmallRuns runs(30);
  REQUIRE(run_peclr(runs.start("finetune", "run", {"train.epochs=1", "train.batch_size=10"}))
              .exit_code == 0);
  const std::string set = runs.folder / "hands", out = runs.out("run");
  const ProgramResult evaluated =
      run_peclr({"evaluate", "out=" + out, "data.eval=" + set, "threads=1"});
  INFO(described(evaluated));
  REQUIRE(evaluated.exit_code == 0);
  const ProgramResult predicted =
      run_peclr({"predict", "--submission", "out=" + out, "data.eval=" + set, "threads=1"});
  INFO(described(predicted));
  REQUIRE(predicted.exit_code == 0);
  const json submission = json::parse(read_bytes(out + "/pred.json"));
  REQUIRE(submission.size() == 2);
  const std::size_t hands = true_hands(set).size();
  CHECK(submission[0].size() == hands);
  CHECK(submission[1] == json(std::vector(hands, std::vector(778, std::vector(3, 0)))));

  const ProgramResult scored = run_peclr({"score", out + "/pred.json", set, "--out", out + "/s"});
  INFO(described(scored));
  REQUIRE(scored.exit_code == 0);
  const json mine = json::parse(scored.out), theirs = json::parse(evaluated.out);
  for (const auto& [key, value] : theirs.items())
    CHECK(mine.at(key).get<double>() == Approx(value.get<double>()).epsilon(1e-4).margin(1e-4));
  CHECK(read_bytes(out + "/s/scores.txt") == read_bytes(out + "/scores.txt"));
  CHECK(json::parse(read_bytes(out + "/s/errors.json")).at("pictures").size() == hands);
  CHECK(run_peclr({"report", out + "/s", "--out", out + "/page.html"}).exit_code == 0);
  const RunRecords records = read_run_records(out + "/s");
  REQUIRE(records.size() == 1);
  CHECK(records.at("score").command.ends_with(" score " + out + "/pred.json " + set + " --out " +
                                              out + "/s"));
  CHECK_FALSE(records.at("score").finished.empty());

  // In the run's own folder the method stays the run's; elsewhere the file stands for it.
  const std::string file = out + "/pred.json";
  REQUIRE(run_peclr({"score", file, set, "--out", out}).exit_code == 0);
  CHECK(read_run(out).method == "scratch");
  CHECK(read_run(out).records.size() == 4);  // beside those of the other commands
  const json scores = json::parse(read_bytes(out + "/scores.json"));
  CHECK(scores.at("predictions") == file);
  CHECK_FALSE(scores.contains("weights"));
  CHECK(read_run(out + "/s").method == file);
}

TEST_CASE("score: mirrored hands are perfect by FreiHAND's alignment, and by no other",
          "[submission]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 20, 1);
  std::vector<Hand> hands = true_hands(folder / "hands");
  for (Hand& hand : hands)
    for (auto& joint : hand) joint[0] = -joint[0];
  write_bytes(folder / "xyz.json", json(hands).dump());
  const ProgramResult mirrored = score(folder / "xyz.json", folder / "hands");
  INFO(described(mirrored));
  REQUIRE(mirrored.exit_code == 0);
  const json scores = json::parse(mirrored.out);
  CHECK(scores.at("pa_epe_cm").get<double>() < 1e-3);
  CHECK(scores.at("pa_epe_median_cm").get<double>() < 1e-3);
  for (const char* other : {"pa_rigid_epe_cm", "epe_median_cm", "root_epe_cm"})
    CHECK(scores.at(other).get<double>() > 0.1);
}

TEST_CASE("score: pictures have the names that they have in the set", "[submission]") {
  const TempFolder folder;
  const std::string set = folder / "hands", out = folder / "score";
  write_synthetic(set, 20, 1);
  write_bytes(
      folder / "pred.json",
      json::array({json::parse(read_bytes(set + "/evaluation_xyz.json")), json::array()}).dump());
  const auto names = [&] {
    REQUIRE(run_peclr({"score", folder / "pred.json", set, "--out", out}).exit_code == 0);
    std::vector<std::string> files;
    const json errors = json::parse(read_bytes(out + "/errors.json"));
    for (const json& picture : errors.at("pictures")) files.push_back(picture.at("file"));
    return files;
  };
  CHECK(names() == open_pictures(set, Split::evaluation).files);
  const std::string rgb = set + "/evaluation/rgb/";
  for (const char* number : {"00000000", "00000001"})
    fs::rename(rgb + number + ".jpg", rgb + number + "_right.jpeg");
  const auto renamed = names();
  CHECK(renamed == open_pictures(set, Split::evaluation).files);
  CHECK(renamed[0] == "evaluation/rgb/00000000_right.jpeg");
  // One is missing, so the others' places say nothing; without any there are scores, too.
  fs::remove(rgb + "00000001_right.jpeg");
  CHECK(names()[1] == "evaluation/rgb/00000001.jpg");
  fs::remove_all(set + "/evaluation");
  CHECK(names()[1] == "evaluation/rgb/00000001.jpg");
}

TEST_CASE("score: the lines of scores.txt, by hand", "[submission]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 20, 1);
  std::vector<Hand> hands = true_hands(folder / "hands");
  for (Hand& hand : hands)
    for (auto& joint : hand) joint[0] += 0.02;           // metres: all that alignment takes away
  write_bytes(folder / "xyz.json", json(hands).dump());  // joints alone
  const ProgramResult alone = score(folder / "xyz.json", folder / "hands");
  INFO(described(alone));
  REQUIRE(alone.exit_code == 0);
  // 2 cm: within 60 of the 99 steps to 5 cm, and half of the step in which the curve rises.
  const auto line = [&](const std::string& name) {
    const std::size_t at = alone.err.find(name + ": ");
    REQUIRE(at != alone.err.npos);
    return std::stod(alone.err.substr(at + name.size() + 2));
  };
  CHECK(line("xyz_mean3d") == Approx(2).epsilon(1e-5));
  CHECK(line("xyz_auc3d") == Approx((99 - 39.5) / 99).margin(0.5 / 99 + 1e-6));
  CHECK(line("xyz_al_mean3d") < 1e-3);
  CHECK(line("xyz_al_auc3d") > 0.99);
  // The same in a pair with vertices, spaced as Python's json does.
  write_bytes(folder / "pred.json", json{hands, json::array()}.dump(1));
  CHECK(score(folder / "pred.json", folder / "hands").out == alone.out);
  // FreiHAND's own sample is all zeros, which are in no picture.
  write_bytes(folder / "zeros.json", json(std::vector<Hand>(hands.size(), Hand{})).dump());
  const auto score_there = [&](const char* file) {
    return run_peclr({"score", folder / file, folder / "hands", "--out", folder / "zeros"});
  };
  REQUIRE(score_there("xyz.json").exit_code == 0);
  REQUIRE(fs::exists(folder / "zeros/errors.json"));
  const ProgramResult zeros = score_there("zeros.json");
  INFO(described(zeros));
  REQUIRE(zeros.exit_code == 0);
  CHECK(json::parse(zeros.out).at("epe_cm") > 10);
  CHECK_FALSE(json::parse(zeros.out).contains("epe_2d_px"));
  CHECK_FALSE(fs::exists(folder / "zeros/errors.json"));  // it was another scoring's
  CHECK(run_peclr({"report", folder / "zeros", "--out", folder / "page.html"}).exit_code == 0);
  // Planted fault: millimetres would be seen.
  for (Hand& hand : hands)
    for (auto& joint : hand)
      for (double& number : joint) number *= 1000;
  write_bytes(folder / "mm.json", json(hands).dump());
  CHECK(json::parse(score(folder / "mm.json", folder / "hands").out).at("epe_cm") > 1000);
}

TEST_CASE("score: meshes have the server's lines, in its order", "[submission][mesh]") {
  const TempFolder folder;
  const std::string set = folder / "hands", file = folder / "pred.json", out = folder / "out";
  write_synthetic(set, 20, 1);
  const std::vector<Hand> hands = true_hands(set);
  const std::vector<Mesh> truth = meshes_of(hands, 778, 0);
  write_bytes(set + "/evaluation_verts.json", json(truth).dump());
  const std::vector<std::string> all(std::begin(kServerLines), std::end(kServerLines));
  const auto scored = [&](const json& submission) {
    write_bytes(file, submission.dump());
    const ProgramResult result = run_peclr({"score", file, set, "--out", out});
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
    CHECK(result.says(read_bytes(out + "/scores.txt")));
    return result;
  };
  const auto line = [&](const char* name) {
    return line_of(read_bytes(out + "/scores.txt"), name);
  };

  json numbers = json::parse(scored({hands, truth}).out);
  CHECK(names_in(read_bytes(out + "/scores.txt")) == all);
  CHECK(line("mesh_mean3d") == 0);
  CHECK(line("mesh_al_auc3d") == Approx(1 - 0.5 / 99).margin(1e-6));
  CHECK(line("f_score_5") == 1);
  CHECK(line("f_al_score_15") == 1);
  CHECK(read_bytes(out + "/scores.txt").find("mesh_auc3d: 1.000000\n") != std::string::npos);
  CHECK(numbers.at("mesh_epe_cm") == 0);
  CHECK(numbers.at("pa_f_5mm") == 1);

  // 3 cm: nearer than 1.5 cm to nothing unless fingers lie side by side; alignment takes it away.
  numbers = json::parse(scored({hands, meshes_of(hands, 778, 0.03)}).out);
  CHECK(line("mesh_mean3d") == Approx(3).epsilon(1e-5));
  CHECK(line("mesh_auc3d") == Approx((99 - 59.5) / 99).margin(0.5 / 99 + 1e-6));
  CHECK(line("mesh_al_mean3d") < 1e-3);
  CHECK(line("f_score_5") < 0.9);
  CHECK(line("f_al_score_5") == 1);
  for (const auto& [key, name, unit] : {std::tuple{"mesh_epe_cm", "mesh_mean3d", 1},
                                        {"mesh_auc", "mesh_auc3d", 1},
                                        {"mesh_pa_epe_cm", "mesh_al_mean3d", 1},
                                        {"mesh_pa_auc", "mesh_al_auc3d", 1},
                                        {"f_5mm", "f_score_5", 1},
                                        {"pa_f_5mm", "f_al_score_5", 1},
                                        {"f_15mm", "f_score_15", 1},
                                        {"pa_f_15mm", "f_al_score_15", 1}})
    CHECK(numbers.at(key).get<double>() == Approx(unit * line(name)).margin(1e-6));
  CHECK(json::parse(read_bytes(out + "/scores.json")).at("f_15mm") == numbers.at("f_15mm"));
  REQUIRE(run_peclr({"report", out, "--out", folder / "page.html"}).exit_code == 0);
  const std::string page = read_bytes(folder / "page.html");
  CHECK(page.find("<h2>Meshes</h2>") != page.npos);
  CHECK(page.find("3.00") != page.npos);

  // Other vertices than MANO's: no partners, as the server says it (it multiplies -1 m by 100).
  numbers = json::parse(scored({hands, meshes_of(hands, 700, 0)}).out);
  CHECK(names_in(read_bytes(out + "/scores.txt")) == all);
  CHECK(line("mesh_mean3d") == -100);
  CHECK(line("mesh_auc3d") == -1);
  CHECK(line("mesh_al_mean3d") == -100);
  CHECK(line("mesh_al_auc3d") == -1);
  CHECK(line("f_score_5") == Approx(1).margin(0.1));
  CHECK_FALSE(numbers.contains("mesh_epe_cm"));
  CHECK(numbers.at("f_5mm") == Approx(line("f_score_5")).margin(1e-6));

  // Zeros, as those who send joints alone write them.
  const ProgramResult zeros = scored({hands, std::vector(hands.size(), Mesh(778))});
  CHECK(names_in(read_bytes(out + "/scores.txt")) == all);
  CHECK(line("mesh_mean3d") > 10);
  CHECK(line("f_score_15") == 0);
  CHECK(zeros.says("zeros"));
  CHECK_FALSE(json::parse(zeros.out).contains("f_5mm"));
  REQUIRE(run_peclr({"report", out, "--out", folder / "page.html"}).exit_code == 0);
  CHECK(read_bytes(folder / "page.html").find("<h2>Meshes</h2>") == std::string::npos);

  // Half of the pair, or of the truth: the joints' lines.
  const std::vector<std::string> joints(all.begin(), all.begin() + 4);
  CHECK(scored({hands, json::array()}).says("holds no meshes"));
  CHECK(names_in(read_bytes(out + "/scores.txt")) == joints);
  fs::remove(set + "/evaluation_verts.json");
  CHECK(scored({hands, truth}).says("no evaluation_verts.json"));
  CHECK(names_in(read_bytes(out + "/scores.txt")) == joints);
}

TEST_CASE("score: meshes that fit no truth are refused by name", "[submission][mesh]") {
  const TempFolder folder;
  const std::string set = folder / "hands", file = folder / "pred.json";
  write_synthetic(set, 20, 1);
  const std::vector<Hand> hands = true_hands(set);
  const std::vector<Mesh> truth = meshes_of(hands, 778, 0);
  write_bytes(set + "/evaluation_verts.json", json(truth).dump());
  const auto refused = [&](const json& submission, const std::vector<std::string>& names) {
    write_bytes(file, submission.dump());
    const ProgramResult result = score(file, set);
    INFO(described(result));
    CHECK(result.refuses(3, names));
  };
  std::vector<Mesh> meshes = truth;
  meshes[1].pop_back();
  refused({hands, meshes}, {"pred.json, meshes", "entry 1", "777", "778"});
  refused({hands, std::vector<Mesh>{truth[0]}}, {"pred.json", "2 hands", "1 meshes"});
  refused({hands, {truth[0], nullptr}}, {"pred.json, meshes", "entry 1"});
  write_bytes(file, json{hands, truth}.dump());
  write_bytes(set + "/evaluation_verts.json", json(std::vector<Mesh>{truth[0]}).dump());
  CHECK(score(file, set).refuses(3, {"evaluation_verts.json", "1 entries", "2"}));
  write_bytes(set + "/evaluation_verts.json", json(meshes).dump());
  CHECK(score(file, set).refuses(3, {"evaluation_verts.json", "entry 1", "777"}));
  write_bytes(set + "/evaluation_verts.json", json(truth).dump().substr(0, 5000));
  CHECK(score(file, set).refuses(3, {"evaluation_verts.json", "cut"}));
}

TEST_CASE("submission: a file that is cut anywhere is refused", "[submission][mesh]") {
  const TempFolder folder;
  const std::string file = folder / "pred.json";
  const std::vector<Hand> hands(2, Hand{{{0.1, 0.2, 0.3}}});
  const std::string whole = json{hands, std::vector(2, Mesh(3))}.dump(1);
  const auto read = [&](const std::string& text) {
    write_bytes(file, text);
    return caught([&] { read_submission(file); });
  };
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Caught error = read(whole.substr(0, length));
    INFO(length << " of " << whole.size() << ": " << error.text);
    REQUIRE(error.kind == static_cast<int>(ErrorKind::data));
    REQUIRE(error.names("pred.json"));
    REQUIRE(error.one_line());
  }
  // Bytes count from the file's beginning, in joints and in meshes.
  for (std::size_t at = 0; at < whole.size(); ++at) {
    if (whole[at] != '0') continue;
    std::string damaged = whole;
    damaged[at] = 'x';
    const Caught error = read(damaged);
    INFO(at << ": " << error.text);
    REQUIRE(error.names("not valid JSON at byte " + std::to_string(at + 1)));
  }
  write_bytes(file, whole);
  const Submission submission = read_submission(file);
  CHECK(submission.joints.size() == 2 * 3 * kJoints);
  CHECK(submission.vertices == 3);
  CHECK(submission.mesh_count() == 2);
  const std::string joints = json(hands).dump();
  for (const std::string& text :
       {"[" + joints + ",]", "[" + joints + ",[]", "[" + joints + "]]", "[" + joints + " []]",
        "[" + joints + ",[[[0,0,0]]]]]", "[" + joints + ",[],[]]", "[" + joints + ",7]"}) {
    INFO(text.substr(joints.size()));
    CHECK(read(text).kind == static_cast<int>(ErrorKind::data));
  }
  write_bytes(file, "[" + joints + " ]\n");
  CHECK(read_submission(file).meshes.empty());
}

TEST_CASE("score: files that fit no truth are refused by name", "[submission]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 20, 1);
  const std::string set = folder / "hands", file = folder / "pred.json";
  const std::vector<Hand> hands = true_hands(set);
  REQUIRE(hands.size() == 2);
  const auto refused = [&](const std::string& text, const std::vector<std::string>& names) {
    write_bytes(file, text);
    const ProgramResult result = score(file, set);
    INFO(described(result));
    CHECK(result.refuses(3, names));
  };
  refused(json{{hands[0]}, json::array()}.dump(), {"pred.json", "1 hands", "2"});
  refused(json{{hands[0], nullptr}, json::array()}.dump(), {"pred.json", "entry 1"});
  json short_hand = json(hands);
  short_hand[1].erase(20);
  refused(json{short_hand, json::array()}.dump(), {"pred.json", "entry 1", "20"});
  const std::string whole = json{hands, json::array()}.dump();
  refused(whole.substr(0, 300), {"pred.json", "cut"});
  refused("", {"pred.json", "empty"});
  refused("{}", {"pred.json"});
  write_bytes(file, whole);
  CHECK(score(file, folder / "nowhere").refuses(3, {"nowhere"}));
  const std::string cameras = set + "/evaluation_K.json", metric = read_bytes(cameras);
  write_bytes(cameras, "[[[1,0,0],[0,1,0],[0,0,1]],[[1,0,0],[0,1,0],[0,0,1]]]");
  CHECK(score(file, set).refuses(3, {set, "only pixels are known"}));
  write_bytes(cameras, metric);
  fs::remove(fs::path(set) / "evaluation_xyz.json");
  CHECK(score(file, set).refuses(3, {"evaluation_xyz.json"}));
  CHECK(run_peclr({"score", file}).refuses(2, {"paths"}));
}

TEST_CASE("predict: a picture that a submission cannot do without is refused at once",
          "[submission]") {
  const TempFolder folder;
  const std::string set = folder / "hands", out = folder / "out", network = hand_network(folder);
  write_synthetic(set, 340, 1);  // 34 to predict: two batches
  const std::string first = set + "/evaluation/rgb/00000003.jpg",
                    later = set + "/evaluation/rgb/00000033.jpg";
  REQUIRE(fs::exists(later));
  write_bytes(first, "");
  write_bytes(later, "no picture");
  const auto predict = [&](const Args& more) {
    return run_peclr(Args{"predict", "--init-from", network, "data.eval=" + set, "out=" + out} +
                     more);
  };
  // It never came to the second picture: nothing says its name.
  const ProgramResult refused = predict({"--submission", "data.max_bad=0.5"});
  INFO(described(refused));
  CHECK(refused.refuses(3, {"00000003.jpg", "submission", "mend it"}));
  CHECK_FALSE(refused.says("00000033.jpg"));
  CHECK_FALSE(fs::exists(out + "/pred.json"));
  CHECK_FALSE(fs::exists(out + "/predictions.json"));
  const ProgramResult skipped = predict({"data.max_bad=0.5"});
  INFO(described(skipped));
  CHECK(skipped.exit_code == 0);
  CHECK(skipped.says("00000033.jpg"));
  fs::copy_file(set + "/evaluation/rgb/00000004.jpg", first, fs::copy_options::overwrite_existing);
  CHECK(predict({"--submission", "data.max_bad=0"}).refuses(3, {"00000033.jpg", "mend it"}));
}

TEST_CASE("predict: no submission has a gap", "[submission]") {
  std::vector<HandPrediction> hands(2);
  hands[0].file = "a.jpg", hands[0].good = hands[0].metric = true;
  hands[1].file = "b.jpg";
  const Caught error = caught([&] { submission_json(hands); });
  CHECK(error.kind == static_cast<int>(ErrorKind::failure));
  CHECK(error.names("b.jpg"));
  hands[1].good = true;
  CHECK(json::parse(submission_json(hands))[0].size() == 2);
}

}  // namespace
}  // namespace peclr
