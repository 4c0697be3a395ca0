// SPDX-License-Identifier: Apache-2.0
// What runs write down for the report: run.json, PCK, and the errors of every picture.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "data/folder.h"
#include "data/synthetic.h"
#include "tests/support/files.h"
#include "tests/support/program.h"
#include "tests/support/small_runs.h"
#include "tools/report/overlays.h"
#include "tools/run/run_record.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::described;
using test::ProgramResult;
using test::read_bytes;
using test::run_peclr;
using test::TempFolder;
using test::write_bytes;

TEST_CASE("run.json: what was run, on what, and nothing more", "[report]") {
  const TempFolder folder;
  std::vector<std::string> words{"peclr", "pretrain", "data.train=my hands", "it's"};
  RunRecorder first(folder.path().string(), "pretrain", words,
                    {"cpu, 2 threads", Settings::Precision::bf16, 10});
  first.save();
  CHECK(read_run_records(folder.path().string()).at("pretrain").finished.empty());
  first.end(RunRecorder::End::saved);
  words.push_back("--resume");
  RunRecorder second(
      folder.path().string(), "pretrain", words,
      {"cpu, 3 threads", Settings::Precision::bf16, 10, RunRecorder::Start::resumed});
  second.end();
  RunRecorder(folder.path().string(), "probe", words, {"cpu"}).end();

  const RunRecords records = read_run_records(folder.path().string());
  REQUIRE(records.size() == 2);
  const RunRecord& record = records.at("pretrain");
  CHECK(record.command == "peclr pretrain 'data.train=my hands' 'it'\\''s'");
  CHECK(record.device == "cpu, 3 threads");
  CHECK(record.starts == 2);
  CHECK(record.precision == "bf16");
  CHECK(record.pictures == 10);
  CHECK(record.started.size() == 20);
  CHECK(record.finished >= record.started);
  std::vector<std::string> keys;
  const json stored = json::parse(read_bytes(folder / "run.json"));
  for (const auto& entry : stored["pretrain"].items()) keys.push_back(entry.key());
  CHECK(keys == std::vector<std::string>{"command", "cpu", "device", "finished", "pictures",
                                         "precision", "seconds", "started", "starts", "version"});
}

TEST_CASE("run.json: a run that goes on adds to the time it has had", "[report]") {
  const TempFolder folder;
  RunRecorder(folder.path().string(), "pretrain", {}, {"cpu"}).end(RunRecorder::End::saved);
  json stored = json::parse(read_bytes(folder / "run.json"));
  stored["pretrain"]["seconds"] = 1000;
  const auto seconds_of = [&](RunRecorder::Start start) {
    write_bytes(folder / "run.json", stored.dump());
    RunRecorder(folder.path().string(), "pretrain", {}, {"cpu", Settings::Precision::f32, 0, start})
        .end();
    return read_run_records(folder.path().string()).at("pretrain").seconds;
  };
  const double resumed = seconds_of(RunRecorder::Start::resumed);
  CHECK((resumed >= 1000 && resumed < 1500));
  CHECK(seconds_of(RunRecorder::Start::fresh) < 500);
}

TEST_CASE("run.json: a precision as the settings spell it", "[report]") {
  for (const char* spelt : {"f32", "tf32", "bf16"}) {
    const TempFolder folder;
    const std::vector<std::string> args{std::string("precision=") + spelt};
    const Settings settings = load_settings(Command::finetune, args);
    RunRecorder(folder.path().string(), "finetune", {}, {"cuda", settings.precision}).end();
    CHECK(read_run_records(folder.path().string()).at("finetune").precision == spelt);
  }
}

TEST_CASE("predict: pictures of like names are all drawn, each under its own", "[report]") {
  const test::SmallRuns runs(4);
  REQUIRE(run_peclr(runs.start("finetune", "run", {"train.epochs=1", "train.batch_size=4"}))
              .exit_code == 0);
  const fs::path photos = runs.folder / "photos";
  fs::create_directories(photos / "a");
  const std::vector<std::string> names{"a.jpg", "a.png", "a/b.jpg", "a_b.jpg"};
  for (std::size_t i = 0; i < names.size(); ++i)
    fs::copy_file(fmt::format("{}/training/rgb/{:08}.jpg", runs.folder / "hands", i),
                  photos / names[i]);
  const ProgramResult result =
      run_peclr({"predict", "out=" + runs.out("run"), "data.eval=" + photos.string(), "threads=1"});
  INFO(described(result));
  REQUIRE(result.exit_code == 0);
  std::set<std::string> drawn;
  for (const std::string& name : names)
    drawn.insert(read_bytes(runs.out("run") + "/skeletons/" + name + ".png"));
  CHECK(drawn.size() == names.size());
  CHECK(drawn.count("") == 0);
  CHECK(list_pictures(runs.out("run") + "/skeletons").size() == names.size());
  const std::string page = runs.folder / "page.html";
  REQUIRE(run_peclr({"report", runs.out("run"), "--out", page}).exit_code == 0);
  for (const std::string& name : names)
    CHECK(read_bytes(page).find("<figcaption>" + name + "<") != std::string::npos);

  // Of other pictures: what was there is not left beside it.
  fs::remove_all(photos / "a");
  REQUIRE(
      run_peclr({"predict", "out=" + runs.out("run"), "data.eval=" + photos.string(), "threads=1"})
          .exit_code == 0);
  CHECK(list_pictures(runs.out("run") + "/skeletons").size() == 3);
  // Pictures that would go with the old drawings are refused; a prediction that fails takes none.
  const auto refused = [&](const std::string& pictures, int code, const std::string& word) {
    const ProgramResult bad =
        run_peclr({"predict", "out=" + runs.out("run"), "data.eval=" + pictures, "threads=1"});
    INFO(described(bad));
    CHECK(bad.refuses(code, {word}));
    CHECK(list_pictures(runs.out("run") + "/skeletons").size() == 3);
  };
  refused(runs.out("run") + "/skeletons/../skeletons", 2, "which is replaced");
  test::write_bytes((photos / "a.jpg").string(), "no picture");
  refused(photos.string(), 3, "data.max_bad");
}

TEST_CASE("evaluate: PCK and the errors of every picture fit the scores", "[report]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 30, 2);
  const std::string run = folder / "run";
  const ProgramResult trained =
      run_peclr({"finetune", "data.train=" + (folder / "hands"), "out=" + run, "model.depth=18",
                 "model.input=32", "train.epochs=1", "train.batch_size=15", "threads=1"});
  INFO(described(trained));
  REQUIRE(trained.exit_code == 0);
  const ProgramResult result =
      run_peclr({"evaluate", "data.eval=" + (folder / "hands"), "out=" + run, "threads=1"});
  INFO(described(result));
  REQUIRE(result.exit_code == 0);
  const json scores = json::parse(read_bytes(run + "/scores.json"));
  const json printed = json::parse(result.out);
  for (const auto& [key, value] : printed.items()) CHECK(scores.at(key) == value);
  CHECK(scores["weights"] == "none");
  const auto at = scores.at("pck_thresholds_cm").get<std::vector<double>>();
  REQUIRE(at.size() == 100);
  for (std::size_t i = 0; i < 100; ++i) CHECK(at[i] == Approx(double(i) / 99 * 5));
  for (const std::string pre : {"", "pa_", "root_"}) {
    const auto pck = scores.at(pre + "pck").get<std::vector<double>>();
    REQUIRE(pck.size() == 100);
    CHECK(std::is_sorted(pck.begin(), pck.end()));
    double area = 0;
    for (std::size_t i = 1; i < 100; ++i) area += (pck[i] + pck[i - 1]) / 2 / 99;
    CHECK(area == Approx(scores.at(pre + "auc").get<double>()));
  }
  const PictureErrors errors = read_errors(run + "/errors.json");
  REQUIRE(errors.pictures.size() == 3);
  CHECK(errors.set == folder / "hands");
  double epe = 0, pa_epe = 0, px = 0;
  for (const PictureError& picture : errors.pictures) {
    CHECK(fs::exists(fs::path(errors.set) / picture.file));
    epe += picture.epe_mm / 3;
    pa_epe += picture.pa_epe_mm / 3;
    for (std::size_t j = 0; j < kJoints; ++j)
      px += std::hypot(picture.px[j].x - picture.true_px[j].x,
                       picture.px[j].y - picture.true_px[j].y) /
            (3 * kJoints);
  }
  CHECK(epe / 10 == Approx(scores["epe_cm"].get<double>()).epsilon(1e-3));
  CHECK(pa_epe / 10 == Approx(scores["pa_epe_cm"].get<double>()).epsilon(1e-3));
  CHECK(px == Approx(scores["epe_2d_px"].get<double>()).margin(0.1));
  const auto of_joint = scores.at("root_per_joint_cm").get<std::vector<double>>();
  REQUIRE(of_joint.size() == 21);
  CHECK(of_joint[0] == 0);
  CHECK(std::accumulate(of_joint.begin(), of_joint.end(), 0.0) / 21 ==
        Approx(scores.at("root_epe_cm").get<double>()));
  CHECK(scores.at("pa_epe_median_cm").get<double>() > 0);
  CHECK(scores.at("scale_trans_epe_cm").get<double>() > 0);
  const Run read = read_run(run);
  CHECK(read.scores->root_epe_cm == scores.at("root_epe_cm").get<double>());
  CHECK(read.method == "scratch");
  CHECK(read.records.size() == 2);
  CHECK(read.records.at("evaluate").command.find("evaluate data.eval=") != std::string::npos);
  CHECK(read.records.at("finetune").pictures == 30);
}

}  // namespace
}  // namespace peclr
