// SPDX-License-Identifier: Apache-2.0
// Whole runs of the program on the CUDA backend with stand-ins: its order of work, and a card that
// is full.
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>

#include "engine/cuda/plan_file.h"
#include "tests/cuda_fake/dnn/engines.h"
#include "tests/support/files.h"
#include "tests/support/small_runs.h"

namespace peclr {
namespace {

using namespace test;

using Env = std::vector<std::pair<std::string, std::string>>;

struct Runs : SmallRuns {
  Runs() : SmallRuns(8) {}

  ProgramResult run(const char* command, const std::string& name, const Args& more,
                    const Env& env = {}) const {
    Args all{"device=cuda", "train.epochs=4", "train.batch_size=4"};
    all.insert(all.end(), more.begin(), more.end());
    ProgramOptions options{.env = env};
    options.env.emplace_back("XDG_CACHE_HOME", folder / "cache");
    return run_peclr(start(command, name, all), options);
  }
  // Steps must have been recorded.
  std::string trained(const char* command, const std::string& name, const Args& more,
                      const Env& env = {}, const char* says = "") const {
    const ProgramResult result = run(command, name, more, env);
    INFO(described(result));
    REQUIRE(result.exit_code == 0);
    CHECK_FALSE(result.says("steps are not recorded"));
    CHECK(result.says(says));
    return model(name);
  }
};

// What a stream does late it must find as it was left for it: the model is that of streams that do
// all at once, of another card, and of pictures from pinned memory.
TEST_CASE("cuda stand-in: pre-training does not depend on when streams work", "[fake][run]") {
  const Runs runs;
  const Args more{"train.optimizer=lars", "precision=bf16", "train.accumulate=2"};
  const std::string late = runs.trained("pretrain", "late", more, {{"PECLR_FAKE_STREAMS", "late"}});
  CHECK(runs.trained("pretrain", "early", more, {{"PECLR_FAKE_STREAMS", "early"}}) == late);
  Args other = more;
  other.insert(other.end(), {"gpu=1", "data.cache=pinned", "data.workers=3"});
  CHECK(runs.trained("pretrain", "other", other) == late);
}

TEST_CASE("cuda stand-in: fine-tuning does not depend on when streams work", "[fake][run]") {
  const Runs runs;
  const std::string late = runs.trained("finetune", "late", {}, {{"PECLR_FAKE_STREAMS", "late"}});
  CHECK(runs.trained("finetune", "early", {}, {{"PECLR_FAKE_STREAMS", "early"}}) == late);
}

TEST_CASE("cuda stand-in: a batch that does not fit the card is refused before the first step",
          "[fake][run]") {
  const Runs runs;
  const Env small{{"PECLR_FAKE_MEMORY_MIB", "334"}};
  Args more{"model.input=128", "train.epochs=1", "train.batch_size=8"};
  const ProgramResult result = runs.run("pretrain", "large", more, small);
  INFO(described(result));
  CHECK(result.refuses(
      1, {"out of memory: train.batch_size=8 needs at least", "there are 269", "should fit"}));
  CHECK_FALSE(result.says("step 1/"));
  // What should fit does.
  const std::string line = result.last_line();
  more.back() = line.substr(line.rfind("train.batch_size="));
  more.back() = more.back().substr(0, more.back().find(' '));
  const ProgramResult smaller = runs.run("pretrain", "smaller", more, small);
  INFO(more.back() << "\n" << described(smaller));
  CHECK(smaller.exit_code == 0);
}

// The least that a step needs is there, but not what comes besides.
TEST_CASE("cuda stand-in: a card that fills up on the way ends the run with one line",
          "[fake][run]") {
  const Runs runs;
  const ProgramResult result = runs.run("pretrain", "full", {}, {{"PECLR_FAKE_MEMORY_MIB", "254"}});
  INFO(described(result));
  CHECK(result.refuses(1, {"room for forward f32", "out of memory: 64 MiB asked for",
                           "use a smaller train.batch_size (and a larger train.accumulate)"}));
}

TEST_CASE("cuda stand-in: a cuDNN that is old, or for another CUDA, is refused by name",
          "[fake][run]") {
  const Runs runs;
  const auto refused = [&](const Env& env, const char* words) {
    const ProgramResult result = runs.run("pretrain", "refused", {}, env);
    INFO(described(result));
    CHECK(result.refuses(4, {"device=cuda: cuDNN", words, "device=cpu"}));
  };
  refused({{"PECLR_FAKE_CUDNN", "90701"}}, "is too old; install 9.8");
  refused({{"PECLR_FAKE_CUDNN_CUDA", "11080"}}, "for CUDA 11 was found, and this build is for");
}

// As after an update of the driver, say: the engine is known, but does not run any more.
TEST_CASE("cuda stand-in: a plan of the file that does not run is looked for anew", "[fake][run]") {
  const Runs runs;
  const std::string model = runs.trained("pretrain", "first", {});
  std::string file;
  for (const auto& entry : std::filesystem::directory_iterator(runs.folder / "cache/peclr"))
    if (entry.path().extension() == ".json") file = entry.path().string();
  const std::string found = read_bytes(file);
  cuda::KnownPlans plans = cuda::parse_plans(found);
  REQUIRE_FALSE(plans.empty());
  for (auto& [name, plan] : plans) plan.value().engine = fake::kRefusing;
  write_bytes(file, cuda::text_of(plans));
  CHECK(runs.trained("pretrain", "second", {}, {}, "the plan of the file is skipped") == model);
  for (const auto& [name, plan] : cuda::parse_plans(read_bytes(file)))
    CHECK(plan.value().engine != fake::kRefusing);
}

TEST_CASE("cuda stand-in: a folder that cannot be made for plans is noted once", "[fake][run]") {
  const Runs runs;
  write_bytes(runs.folder / "cache", "");
  const ProgramResult result = runs.run("pretrain", "run", {});
  INFO(described(result));
  CHECK(result.exit_code == 0);
  const std::string note = (runs.folder / "cache/peclr") + ": cannot make the folder: ";
  const std::size_t at = result.err.find(note);
  REQUIRE(at != std::string::npos);
  CHECK(result.err.find("/peclr", at + note.size()) == std::string::npos);
  CHECK(result.says("the fastest plans of convolutions are not kept\n"));
}

std::map<std::string, int> skipped_plans(const ProgramResult& result) {
  std::map<std::string, int> counts;
  constexpr std::string_view kSays = ": a plan is skipped: ";
  std::istringstream lines(result.err);
  for (std::string line; std::getline(lines, line);)
    if (const std::size_t at = line.find(kSays); at != line.npos) ++counts[line.substr(0, at)];
  return counts;
}

// As without NVRTC, but slower.
TEST_CASE("cuda stand-in: engines of which none runs are tried for a while, and never again",
          "[fake][run]") {
  const Runs runs;
  const Env refusing{{"PECLR_FAKE_ENGINES", "refusing"}};
  const ProgramResult first = runs.run("pretrain", "first", {"precision=bf16"}, refusing);
  INFO(described(first));
  REQUIRE(first.exit_code == 0);
  CHECK(first.says("are taken in TF32"));
  const std::map<std::string, int> skipped = skipped_plans(first);
  CHECK(skipped.size() > 5);
  for (const auto& [name, count] : skipped) {
    CAPTURE(name);
    CHECK(name.starts_with("backward weights bf16"));
    CHECK(count == 24);  // of 40
  }
  const ProgramResult next = runs.run("pretrain", "next", {"precision=bf16"}, refusing);
  INFO(described(next));
  REQUIRE(next.exit_code == 0);
  CHECK(next.says("no engine takes it, says " + (runs.folder / "cache")));
  CHECK(skipped_plans(next).empty());
  CHECK(runs.model("next") == runs.model("first"));
}

TEST_CASE("cuda stand-in: what cuDNN has no graph for is done in another form", "[fake][run]") {
  const Runs runs;
  const std::string text = "no engine takes it: cuDNN, a graph of operations: ";
  runs.trained("pretrain", "refused", {"precision=bf16"}, {{"PECLR_FAKE_ENGINES", "refused"}},
               (text + "refused: cudnnBackendFinalize: a graph that is planted").c_str());
}

TEST_CASE("cuda stand-in: pictures are kept in a card's memory only while there is room",
          "[fake][run]") {
  const Runs runs;
  const std::string roomy =
      runs.trained("pretrain", "roomy", {}, {}, "8 kept in the device's memory, 0 in pinned");
  const Env full{{"PECLR_FAKE_MEMORY_MIB", "324"}};
  CHECK(runs.trained("pretrain", "auto", {}, full,
                     "0 kept in the device's memory, 8 in pinned memory") == roomy);
  CHECK(runs.trained("pretrain", "gpu", {"data.cache=gpu"}, full) == roomy);
}

}  // namespace
}  // namespace peclr
