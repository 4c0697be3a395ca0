// SPDX-License-Identifier: Apache-2.0
// The command line as a person meets it: help, and what a slip of the fingers is told.
#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/files.h"
#include "tests/support/places.h"
#include "tests/support/program.h"
#include "tools/command_line.h"
#include "tools/settings/settings_fields.h"

namespace peclr {
namespace {

using test::described;
using test::in_project;
using test::ProgramResult;
using test::run_peclr;
using test::TempFolder;
using test::write_bytes;

constexpr const char* kRunCommands[] = {"pretrain", "finetune", "evaluate", "predict", "probe"};
constexpr const char* kOtherCommands[] = {"export", "synth", "prepare", "verify", "score",
                                          "golden", "info",  "results", "report"};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

bool trains(const std::string& command) { return command == "pretrain" || command == "finetune"; }

bool is_one_line(const std::string& text) { return text.find('\n') == text.size() - 1; }

// A wrong command line: exit code 2 and nothing but one line, which holds the parts.
void refused(const std::vector<std::string>& args, const std::vector<std::string>& parts) {
  const ProgramResult result = run_peclr(args);
  INFO(described(result));
  CHECK(result.refuses(2, parts));
  CHECK(is_one_line(result.err));
  CHECK(result.out.empty());
}

TEST_CASE("program: what counts as a refusal, and as an end by a signal") {
  const auto ended = [](int code, const char* err) {
    ProgramResult result;
    result.exit_code = code;
    result.err = err;
    return result;
  };
  CHECK(ended(2, "a note\npeclr: x is wrong\n").refuses(2, {"x", "wrong"}));
  CHECK_FALSE(ended(2, "peclr: x is wrong\n").refuses(3, {}));
  CHECK_FALSE(ended(2, "peclr: x is wrong\n").refuses(2, {"y"}));
  CHECK_FALSE(ended(2, "peclr: x is wrong\nand so on\n").refuses(2, {}));
  CHECK_FALSE(ended(2, "terminate called\n").refuses(2, {}));
  CHECK_FALSE(ended(2, "").refuses(2, {}));

  const TempFolder folder;
  const std::vector<std::string> long_run{"synth", "--out", folder / "set", "--count", "100000"};
  const ProgramResult killed = run_peclr(long_run, {.when = [] { return true; }});
  CHECK(killed.signalled);
  CHECK(killed.exit_code == 128 + SIGKILL);
  CHECK(run_peclr(long_run, {.timeout_seconds = 0}).timed_out);
}

TEST_CASE("cli: help lists the commands, and each command's help its settings") {
  const ProgramResult all = run_peclr({"--help"});
  INFO(described(all));
  CHECK(all.exit_code == 0);
  CHECK(all.err.empty());
  CHECK(contains(all.out, "Examples:"));
  std::set<std::string> expected(std::begin(kRunCommands), std::end(kRunCommands));
  const std::set<std::string> of_settings = expected;
  expected.insert(std::begin(kOtherCommands), std::end(kOtherCommands));
  const std::vector<std::string> names = command_names();
  CHECK(std::set<std::string>(names.begin(), names.end()) == expected);
  CHECK(names.size() == expected.size());
  for (const std::string& command : names) {
    CHECK(contains(all.out, "  " + command + "  "));
    const ProgramResult help = run_peclr({command, "--help"});
    INFO(described(help));
    CHECK(help.exit_code == 0);
    CHECK(help.err.empty());
    CHECK(contains(help.out, "Usage: peclr " + command));
    CHECK(contains(help.out, "one of 18, 34, 50, 101, 152") == of_settings.contains(command));
    CHECK(contains(help.out, "--init-from FILE") == of_settings.contains(command));
    CHECK(contains(help.out, "  --resume ") == trains(command));
  }
}

// A setting that means nothing to a command is not offered by it. Which ones mean something is
// stated here once more, as the commands' sources read them.
TEST_CASE("cli: a command offers the settings that it reads") {
  using Keys = std::set<std::string>;
  const Keys all{"out",       "threads",     "device",       "gpu",         "precision",
                 "init_from", "init_prefix", "data.max_bad", "model.depth", "model.input"};
  const Keys training{"seed",         "data.train", "paper_exact",
                      "data.workers", "data.cache", "data.cache_gb"};
  const std::map<std::string, Keys> own{
      {"pretrain", {"method", "invert", "temperature", "data.holdout"}},
      {"finetune", {"data.labels", "data.holdout", "data.crop", "train.freeze"}},
      {"evaluate",
       {"data.eval", "data.holdout", "data.crop", "data.first_crop", "data.side",
        "augment.border"}},
      {"predict", {"data.eval", "data.crop", "data.first_crop", "data.side", "augment.border"}},
      {"probe", {"seed", "data.train", "data.eval", "data.labels", "data.holdout"}}};
  for (const std::string command : kRunCommands) {
    const std::string help = run_peclr({command, "--help"}).out;
    for (const SettingField& field : setting_fields()) {
      INFO(command << " " << field.key);
      const bool of_training = training.contains(field.key) ||
                               (field.key.starts_with("train.") && field.key != "train.freeze") ||
                               field.key.starts_with("augment.");
      CHECK(contains(help, "\n  " + field.key + " ") ==
            (all.contains(field.key) || own.at(command).contains(field.key) ||
             (of_training && trains(command))));
    }
  }
}

TEST_CASE("cli: unknown commands and flags") {
  refused({}, {"peclr --help"});
  refused({"pretrian"}, {"'pretrian'", "did you mean 'pretrain'?"});
  refused({"evaluate-all"}, {"'evaluate-all'", "'evaluate'"});
  refused({"pretrain", "--resmue"}, {"--resmue"});
  refused({"evaluate", "--resume"}, {"--resume"});
  refused({"synth"}, {"--out"});
  refused({"synth", "--out", "x", "--count", "many"}, {"--count", "many"});
  refused({"synth", "--out", "x", "--count", "0"}, {"--count", "1 to"});
  refused({"prepare", "youtube", "--out", "y"}, {"paths"});
  refused({"prepare", "youtube", "x"}, {"--out"});
  refused({"prepare", "youtube", "x", "--out", "y", "--split", "all"}, {"--split", "all"});
  refused({"finetune", "data.labels=0"}, {"data.labels=0:", "above 0 and up to 1"});
  refused({"synth", "--out", ""}, {"--out", "empty"});
  refused({"finetune", "--init-from", "", "data.train=x"}, {"--init-from", "empty"});
  refused({"score", "a", "b", "--out", ""}, {"--out", "empty"});
  refused({"evaluate", "init_from=", "data.eval=x"}, {"init_from=:", "a path"});
  refused({"evaluate", "--out", "x"}, {"--out", "peclr evaluate; write out=VALUE"});
  refused({"pretrain", "a.yaml", "--train.lr=1"}, {"--train.lr", "write train.lr=VALUE"});
  refused({"score", "a", "b", "out=x"}, {"out=x", "peclr score; write --out VALUE"});
  refused({"results", "a", "out=x"}, {"out=x", "write --out VALUE"});
  refused({"golden", "--json", "device=cpu", "x"}, {"device=cpu", "write --device VALUE"});
  refused({"synth", "--out=x", "count=3"}, {"count=3", "write --count VALUE"});
  CHECK_FALSE(run_peclr({"score", "help=1", "b"}).says("VALUE"));  // a flag has none
  refused({"golden"}, {"paths"});
  refused({"golden", "--device", "gpu", "x"}, {"gpu", "auto, cpu and cuda"});
}

TEST_CASE("cli: a wrong setting is named with its place and what would be right") {
  const TempFolder folder;
  const std::string file = folder / "run.yaml";
  for (const char* command : kRunCommands) {
    refused({command, "model.dpeth=18"}, {"model.dpeth=18", "did you mean 'model.depth'?"});
    refused({command, "threads=two"}, {"threads=two", "a whole number from 0", "'two'"});
    refused({command, "model.depth=20"}, {"model.depth=20", "one of 18, 34, 50, 101, 152"});
  }
  const auto refused_file = [&](const std::string& yaml, const std::vector<std::string>& parts) {
    write_bytes(file, yaml);
    refused({"pretrain", file, "out=" + (folder / "out")}, parts);
  };
  refused_file("seed: 1\n\ntrain:\n  epohcs: 3\n",
               {file + ":4:", "'train.epohcs'", "did you mean 'train.epochs'?"});
  refused_file("seed: 1\nseed: 1\n", {file + ":2:", "duplicate key 'seed'", "line 1"});
  refused_file("train:\n  lr: fast\n", {file + ":2:", "train.lr", "a number", "'fast'"});
  refused_file("augment:\n  rotate: 181\n", {file + ":2:", "from 0 to 180", "'181'"});
  refused_file("augment:\n  scale: [1.5, 0.9]\n", {file + ":2:", "augment.scale", "[low, high]"});
  refused_file("device: gpu\n", {file + ":1:", "one of auto, cpu, cuda"});
  refused_file("train: [1\n", {file + ":", "close the bracket"});
  refused_file("train:\n\tlr: 3\n", {file + ":2:", "spaces, not tabs"});
  refused_file("out: \"here\nseed: 1\n", {file + ":", "close the quote"});
  refused_file("train:\n  lr: 1\n    epochs: 2\n", {file + ":3:", "indentation"});
  refused({"pretrain", folder / "none.yaml"}, {"none.yaml", "no such file"});
  refused({"pretrain", folder.path().string()}, {folder.path().string(), "a folder"});
  CHECK_FALSE(std::filesystem::exists(folder / "out"));
  CHECK(run_peclr({"pretrain", "out=" + (folder / "out")}).refuses(2, {"data.train is not set"}));
}

TEST_CASE("cli: a path is a path, whatever YAML would make of it, and unused keys are named") {
  const TempFolder folder;
  for (const char* name : {"try #2", "a: b", "[x", "*y", "!z", "null", "'q'"}) {
    const std::string weights = folder / name;
    CHECK(run_peclr({"predict", "--init-from", weights, "data.eval=x"}).refuses(3, {weights}));
    CHECK(run_peclr({"export", weights, "--out", folder / "o"}).refuses(3, {weights}));
  }
  for (const char* name : {"try #2", "a: b", "*y", "!z", "a 'q'"})
    CHECK(run_peclr({"pretrain", "data.train=" + (folder / name), "out=" + (folder / name)})
              .refuses(3, {folder / name}));
  CHECK(run_peclr({"predict", "init_from=a.pth", "--init-from", "b.pth", "data.eval=x"})
            .refuses(3, {"b.pth"}));
  const ProgramResult result = run_peclr({"pretrain", "data.labels=0.1", "seed=3", "method=simclr",
                                          "invert=[scale]", "out=" + (folder / "out")});
  INFO(described(result));
  CHECK(result.refuses(2, {"data.train is not set"}));
  CHECK(result.says("data.labels: peclr pretrain does not use it\n"));
  CHECK_FALSE(result.says("seed: "));
  CHECK(result.says("invert: has no effect with method=simclr\n"));
}

TEST_CASE("cli: names with line breaks and escapes stay within one harmless line") {
  const TempFolder folder;
  const std::string name = "a\nb\x1b[31m", shown = "a\\x0Ab\\x1B[31m";
  const auto one_line = [&](const std::vector<std::string>& args, int code) {
    const ProgramResult result = run_peclr(args);
    INFO(described(result));
    CHECK(result.refuses(code, {shown}));
    CHECK_FALSE(contains(result.err, name));
  };
  one_line({name}, 2);
  one_line({"pretrain", "/" + name}, 2);
  one_line({"pretrain", "--" + name}, 2);
  one_line({"golden", folder / name}, 3);
  one_line({"info", folder / name}, 3);
  one_line({"results", folder / name}, 3);
  const std::string quoted = "\"" + (folder / "a\\nb\\e[31m") + "\"";
  const std::string out = "out=" + (folder / "out");
  one_line({"pretrain", out, "data.train=" + quoted}, 3);
  one_line({"predict", out, "init_from=" + quoted, "data.eval=x"}, 3);
  write_bytes(folder / "file", "");
  one_line({"pretrain", "data.train=x", "out=\"" + (folder / "file/a\\nb\\e[31m") + "\""}, 1);
}

TEST_CASE("cli: a device that is not there is no CPU") {
  const TempFolder folder;
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"pretrain", "device=cuda", "data.train=" + folder.path().string(),
                                 "out=" + (folder / "out")},
        {"golden", "--device", "cuda", in_project("tests/golden")}}) {
    const ProgramResult result = run_peclr(args, {.env = {{"CUDA_VISIBLE_DEVICES", ""}}});
    INFO(described(result));
    CHECK(result.refuses(4, {"cuda"}));
    CHECK(result.out.empty());
  }
}

TEST_CASE("cli: version and info") {
  const ProgramResult version = run_peclr({"--version"}), info = run_peclr({"info"});
  CHECK(version.exit_code == 0);
  CHECK(version.out.starts_with("peclr "));
  CHECK(is_one_line(version.out));
  CHECK(info.exit_code == 0);
  CHECK(info.out.starts_with(version.out));
  CHECK(contains(info.out, "cpu, "));
  CHECK(contains(info.out, "cuda: "));

  const ProgramResult file = run_peclr({"info", in_project("tests/golden/metrics.safetensors")});
  INFO(described(file));
  CHECK(file.exit_code == 0);
  CHECK(contains(file.out, "op: metrics"));
  CHECK(contains(file.out, "predicted F32 [8, 21, 3]"));
}

TEST_CASE("cli: synth writes a set once, the same for the same seed") {
  const TempFolder folder;
  const auto synth = [&](const char* name, const char* seed, const char* threads) {
    return run_peclr({"synth", "--out", folder / name, "--count", "3", "--seed", seed},
                     {.env = {{"OMP_NUM_THREADS", threads}}});
  };
  const ProgramResult told = synth("a", "7", "1");
  INFO(described(told));
  REQUIRE(told.exit_code == 0);
  REQUIRE(synth("b", "7", "3").exit_code == 0);
  REQUIRE(synth("c", "8", "1").exit_code == 0);
  const auto bytes = [&](const char* set, const std::string& file) {
    return test::read_bytes(folder / set + "/" + file);
  };
  const auto labels = nlohmann::json::parse(bytes("a", "training_xyz.json"));
  CHECK(labels.size() == 3);
  CHECK(contains(told.err, "step 4/4"));
  CHECK(contains(told.err, "3 training and 1 evaluation pictures"));
  CHECK(nlohmann::json::parse(bytes("a", "evaluation_xyz.json")).size() == 1);
  for (const char* file : {"training/rgb/00000002.jpg", "evaluation/rgb/00000000.jpg",
                           "training_K.json", "training_xyz.json", "training_scale.json"}) {
    INFO(file);
    CHECK_FALSE(bytes("a", file).empty());
    CHECK(bytes("a", file) == bytes("b", file));
  }
  CHECK(bytes("a", "training_xyz.json") != bytes("c", "training_xyz.json"));

  const std::string before = bytes("a", "training/rgb/00000000.jpg");
  const ProgramResult again = synth("a", "8", "1");
  INFO(described(again));
  CHECK(again.refuses(2, {"training_K.json", "already there"}));
  CHECK(bytes("a", "training/rgb/00000000.jpg") == before);
}

}  // namespace
}  // namespace peclr
