// SPDX-License-Identifier: Apache-2.0
// Stopping and going on: a run that was killed at any moment and resumed ends with the bytes of one
// that never was.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/files.h"
#include "tests/support/program.h"
#include "tests/support/refusals.h"
#include "tests/support/small_runs.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::Args;
using test::described;
using test::ProgramOptions;
using test::ProgramResult;
using test::read_bytes;
using test::run_peclr;
using test::operator+;

struct Runs : test::SmallRuns {
  static constexpr int kSteps = 15;  // 3 epochs of 5

  Runs() : SmallRuns(40) {}

  Args start(const char* command, const std::string& run, const Args& more = {}) const {
    Args all{"train.epochs=3", "train.batch_size=8", "data.workers=1"};
    all.insert(all.end(), more.begin(), more.end());
    return SmallRuns::start(command, run, all);
  }
  // Everything else stands in last.safetensors.
  Args resume(const char* command, const std::string& run) const {
    return {command, "out=" + out(run), "--resume"};
  }
  // metrics.jsonl without what the clock says.
  std::vector<json> metrics(const std::string& run) const {
    std::vector<json> lines;
    std::istringstream stream(read_bytes(file(run, "metrics.jsonl")));
    for (std::string line; std::getline(stream, line);) {
      lines.push_back(json::parse(line));
      CHECK(lines.back().erase("images_per_s") == 1);
    }
    return lines;
  }
  // Every file and its bytes.
  std::map<std::string, std::string> content(const std::string& run) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(out(run)))
      files[entry.path().filename().string()] = read_bytes(entry.path().string());
    return files;
  }
};

std::int64_t lines_in(const std::string& path) {
  const std::string text = read_bytes(path);
  return std::count(text.begin(), text.end(), '\n');
}

std::int64_t bytes_in(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 ? about.st_size : -1;
}

void succeeded(const ProgramResult& result) {
  INFO(described(result));
  REQUIRE(result.exit_code == 0);
}

void was_killed(const ProgramResult& result) {
  INFO(described(result));
  REQUIRE(result.signalled);  // or the run was over before the moment came
  REQUIRE(result.exit_code == 128 + SIGKILL);
}

// Both runs learned the same, step by step, and left the same model.
void same_run(const Runs& runs, const std::string& a, const std::string& b) {
  const std::vector<json> steps = runs.metrics(a);
  CHECK(runs.metrics(b) == steps);
  CHECK(steps.size() == Runs::kSteps);
  for (std::size_t i = 0; i < steps.size(); ++i) CHECK(steps[i]["step"] == i + 1);
  const bool same_bytes = runs.model(a) == runs.model(b);  // not for Catch to print
  CHECK(same_bytes);
  CHECK(runs.model(a).size() > 40'000'000);
  CHECK_FALSE(fs::exists(runs.file(b, "last.safetensors.tmp")));
}

TEST_CASE("resume: killed at five moments, a pre-training leaves the same bytes") {
  const Runs runs;
  succeeded(run_peclr(runs.start("pretrain", "whole")));

  const std::string metrics = runs.file("killed", "metrics.jsonl"),
                    saving = runs.file("killed", "last.safetensors.tmp");
  const auto steps = [&](std::int64_t n) {
    return ProgramOptions{.when = [=] { return lines_in(metrics) >= n; }};
  };
  // While a checkpoint is being written.
  const auto half_saved = [&](std::int64_t n) {
    return ProgramOptions{
        .when = [=] { return lines_in(metrics) >= n && bytes_in(saving) > 1'000'000; }};
  };
  const ProgramResult first = run_peclr(
      runs.start("pretrain", "killed", {"train.save_seconds=0.05", "--resume"}), steps(2));
  was_killed(first);
  CHECK(first.says("starting afresh"));
  // Perhaps before the first checkpoint was complete: then all that was set is said again.
  const Args again = fs::exists(runs.file("killed", "last.safetensors"))
                         ? runs.resume("pretrain", "killed")
                         : runs.start("pretrain", "killed", {"train.save_seconds=0.05"});
  was_killed(run_peclr(again, half_saved(3)));
  for (const ProgramOptions& moment : {steps(5), half_saved(7), steps(9)}) {
    const ProgramResult next = run_peclr(runs.resume("pretrain", "killed"), moment);
    was_killed(next);
    CHECK_FALSE(next.says("starting afresh"));
  }
  CHECK_FALSE(fs::exists(runs.file("killed", "model.safetensors")));
  // Nobody ended it, but it has had the time until its last save.
  const json record = json::parse(read_bytes(runs.file("killed", "run.json"))).at("pretrain");
  CHECK((record["seconds"] > 0 && record["finished"].is_null()));
  succeeded(run_peclr(runs.resume("pretrain", "killed")));
  same_run(runs, "whole", "killed");
}

TEST_CASE("resume: asked to stop, a run saves, and what is not the same run is refused") {
  const Runs runs;
  succeeded(run_peclr(runs.start("pretrain", "whole", {"data.workers=3"})));

  const std::string metrics = runs.file("run", "metrics.jsonl");
  const ProgramResult stopped =
      run_peclr(runs.start("pretrain", "run"),
                {.signal = SIGTERM, .when = [&] { return lines_in(metrics) >= 4; }});
  INFO(described(stopped));
  REQUIRE(stopped.exit_code == 75);
  CHECK(stopped.says("Go on with --resume"));
  const auto saved = runs.content("run");
  CHECK(saved.count("last.safetensors") == 1);
  CHECK(saved.count("model.safetensors") == 0);
  const std::int64_t step = lines_in(metrics);
  CHECK(stopped.says("after step " + std::to_string(step)));

  const auto refused = [&](const Args& args, const std::vector<std::string>& parts, int code = 2) {
    const ProgramResult result = run_peclr(args);
    INFO(described(result));
    CHECK(result.refuses(code, parts));
    const bool untouched = runs.content("run") == saved;
    CHECK(untouched);
  };
  const auto with = [](Args args, const std::string& setting) {
    args.push_back(setting);
    return args;
  };
  const Args resume = runs.resume("pretrain", "run");
  refused(runs.start("pretrain", "run"), {runs.out("run"), "--resume"});
  refused(with(resume, "train.lr=0.5"), {"train.lr is", "0.5 here", "last.safetensors"});
  refused(with(resume, "threads=2"), {"threads is 1 there and 2 here"});
  refused(with(resume, "device=simt"), {"the run was on device c", "this would be simt"});
  refused(with(with(resume, "seed=2"), "method=simclr"), {"seed is 1 there", "method is peclr"});
  refused(runs.resume("finetune", "run"), {"pretrain", "finetune"});

  // Other data than before: a picture of another name, a joint elsewhere.
  const std::string hands = runs.folder / "hands", picture = hands + "/training/rgb/00000007";
  fs::rename(picture + ".jpg", picture + ".jpeg");
  refused(resume, {"last.safetensors", "other names"}, 3);
  fs::rename(picture + ".jpeg", picture + ".jpg");
  const std::string labels = hands + "/training_xyz.json", as_they_were = read_bytes(labels);
  json moved = json::parse(as_they_were);
  moved[39][20][2] = moved[39][20][2].get<double>() + 0.001;
  test::write_bytes(labels, moved.dump());
  refused(resume, {"last.safetensors", "other labels"}, 3);
  test::write_bytes(labels, as_they_were);
  refused(with(resume, "data.train=" + hands + "/training/rgb"), {"data.train is"});

  // A line that the run wrote after its last save, and half of another, go away.
  test::write_bytes(metrics, read_bytes(metrics) + "{\"step\": " + std::to_string(step + 1) +
                                 ", \"loss\": 9}\n{\"step\": ");
  // Equal settings may be said again, and those that have no say in the result may be others;
  // threads of 0 are as many as the run had.
  Args others = resume;
  for (const char* setting :
       {"train.epochs=3", "data.workers=2", "data.cache=none", "device=auto", "threads=0"})
    others.push_back(setting);
  succeeded(run_peclr(others));
  same_run(runs, "whole", "run");

  // A run that is over stays what it is.
  const auto over = runs.content("run");
  succeeded(run_peclr(resume));
  CHECK(lines_in(metrics) == Runs::kSteps);
  const bool same_model = runs.model("run") == over.at("model.safetensors");
  CHECK(same_model);
}

TEST_CASE("resume: killed and resumed, a fine-tuning leaves the same bytes") {
  const Runs runs;
  succeeded(run_peclr(runs.start("finetune", "whole")));
  const std::string metrics = runs.file("killed", "metrics.jsonl"),
                    last = runs.file("killed", "last.safetensors");
  was_killed(run_peclr(runs.start("finetune", "killed", {"train.save_seconds=0.05"}),
                       {.when = [&] { return lines_in(metrics) >= 6 && fs::exists(last); }}));
  succeeded(run_peclr(runs.resume("finetune", "killed")));
  same_run(runs, "whole", "killed");
}

TEST_CASE("resume: epochs' weights are kept, whenever the run was killed") {
  const Runs runs;
  const auto kept = [&](const std::string& run) {
    std::map<std::string, std::string> files;
    for (auto& [name, bytes] : runs.content(run))
      if (name.starts_with("epoch_")) files[name] = std::move(bytes);
    return files;
  };
  const auto names = [](const std::map<std::string, std::string>& files) {
    std::vector<std::string> all;
    for (const auto& [name, ignored] : files) all.push_back(name);
    return all;
  };
  succeeded(run_peclr(runs.start("pretrain", "plain")));
  CHECK(kept("plain").empty());
  succeeded(run_peclr(runs.start("pretrain", "whole", {"train.keep_epochs=1"})));
  const bool unchanged = runs.model("whole") == runs.model("plain");
  CHECK(unchanged);
  const auto whole = kept("whole");
  REQUIRE(names(whole) == std::vector<std::string>{"epoch_0001.safetensors",
                                                   "epoch_0002.safetensors",
                                                   "epoch_0003.safetensors"});
  const bool last_is_model = whole.at("epoch_0003.safetensors") == runs.model("whole"),
             others_are_not = whole.at("epoch_0002.safetensors") != runs.model("whole");
  CHECK(last_is_model);
  CHECK(others_are_not);

  const std::string metrics = runs.file("killed", "metrics.jsonl"),
                    last = runs.file("killed", "last.safetensors");
  was_killed(run_peclr(
      runs.start("pretrain", "killed", {"train.save_seconds=0.05", "train.keep_epochs=1"}),
      {.when = [&] { return lines_in(metrics) >= 6 && fs::exists(last); }}));
  succeeded(run_peclr(runs.resume("pretrain", "killed")));
  same_run(runs, "plain", "killed");
  const bool same = kept("killed") == whole;
  CHECK(same);

  // Asked for later: a run's result does not hang on it.
  const std::string begun = runs.file("later", "metrics.jsonl");
  const ProgramResult stopped =
      run_peclr(runs.start("pretrain", "later"),
                {.signal = SIGTERM, .when = [&] { return lines_in(begun) >= 2; }});
  INFO(described(stopped));
  REQUIRE(stopped.exit_code == 75);
  succeeded(run_peclr(runs.resume("pretrain", "later") + Args{"train.keep_epochs=3"}));
  same_run(runs, "plain", "later");
  const auto later = kept("later");
  REQUIRE(names(later) == std::vector<std::string>{"epoch_0003.safetensors"});
  const bool same_epoch = later.begin()->second == runs.model("plain");
  CHECK(same_epoch);
}

TEST_CASE("kept epochs serve wherever model.safetensors does") {
  const Runs runs;
  const Args keep{"train.keep_epochs=2"};
  const std::string hands = runs.out("hands");
  succeeded(run_peclr(runs.start("pretrain", "pre", keep)));
  const std::string epoch = runs.file("pre", "epoch_0002.safetensors");
  succeeded(run_peclr({"probe", "--init-from", epoch, "data.train=" + hands,
                       "out=" + runs.out("probe"), "threads=1"}));
  CHECK(json::parse(read_bytes(runs.file("probe", "probe.json")))["weights"] == "peclr");
  succeeded(run_peclr(runs.start("finetune", "fine", keep + Args{"--init-from", epoch})));
  succeeded(run_peclr({"evaluate", "--init-from", runs.file("fine", "epoch_0002.safetensors"),
                       "data.eval=" + hands, "out=" + runs.out("scores"), "threads=1"}));
  CHECK(json::parse(read_bytes(runs.file("scores", "scores.json")))["weights"] == "peclr");
}

}  // namespace
}  // namespace peclr
