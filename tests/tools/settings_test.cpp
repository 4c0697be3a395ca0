// SPDX-License-Identifier: Apache-2.0
// Settings: what wins over what, every key in its range and out of it, and messages that name place
// and nearest key.
#include "tools/settings/settings.h"

#include <catch2/catch.hpp>
#include <set>

#include "tests/support/files.h"
#include "tests/support/places.h"
#include "tools/settings/nearest.h"
#include "tools/settings/settings_fields.h"

namespace peclr {
namespace {

using test::caught;
using test::TempFolder;
using test::write_bytes;

Settings load(std::vector<std::string> args, Command command = Command::pretrain) {
  return load_settings(command, args);
}

std::string error_of(std::vector<std::string> args) {
  const auto error = caught([&] { load(args); });
  if (error.kind == 0) return "accepted";
  CHECK(error.kind == 2);
  CHECK(error.one_line());
  return error.text;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST_CASE("settings: the published recipes are the defaults") {
  const Settings p = load({});
  CHECK(p.out == "out/pretrain");
  CHECK((p.train.epochs == 100 && p.train.batch_size == 128 && p.train.accumulate == 16));
  CHECK(*p.train.lr == Approx(4.5254834e-3));  // 1e-4 sqrt(128 * 16)
  CHECK(*p.train.warmup_epochs == 10);
  CHECK(p.train.optimizer == Settings::Optimizer::lars);
  CHECK(p.train.weight_decay == 1e-6);
  CHECK((p.model.depth == 50 && p.model.input == 128 && p.temperature == 0.5));
  CHECK(p.invert == Settings::Invert{true, true, false});
  const Settings f = load({}, Command::finetune);
  CHECK(f.out == "out/finetune");
  CHECK((f.train.epochs == 100 && f.train.batch_size == 128 && f.train.accumulate == 1));
  CHECK(*f.train.lr == 5e-4);  // 4.42e-5 sqrt(128)
  CHECK(*f.train.warmup_epochs == 0);
  CHECK(f.train.optimizer == Settings::Optimizer::adam);
  CHECK(f.augment.colour_jitter == 0);
}

TEST_CASE("settings: defaults < files < key=value, the later one wins, in any order") {
  const TempFolder folder;
  write_bytes(folder / "a.yaml", "seed: 2\ntrain:\n  epochs: 3\n  batch_size: 8\nout: a\n");
  write_bytes(folder / "b.yaml", "train.epochs: 4\nmodel: {depth: 18}\naugment:\n");
  const Settings s =
      load({"out=first", "train.batch_size=16", folder / "a.yaml", "out=last", folder / "b.yaml"});
  CHECK((s.seed == 2 && s.train.epochs == 4 && s.train.batch_size == 16 && s.model.depth == 18 &&
         s.out == "last"));
  CHECK(*s.train.lr == Approx(1e-4 * 16));  // sqrt(16 * 16)
  CHECK(*s.train.warmup_epochs == Approx(0.4));
  CHECK(*load({"train.lr=2e-3"}).train.lr == 2e-3);
  CHECK(load({"augment={rotate: 10, border: reflect}"}).augment.rotate == 10);
}

TEST_CASE("settings: every kind of value") {
  using Sources = std::vector<Settings::Source>;
  CHECK(load({"data.train=x"}).data.train == Sources{{"x", 0}});
  CHECK(load({"data.train=[x, {path: \"a b\", weight: 2.5}]"}).data.train ==
        Sources{{"x", 1}, {"a b", 2.5}});
  CHECK(load({"data.train={path: x, weight: 3}"}).data.train == Sources{{"x", 3}});
  CHECK(load({"data.train=x", "data.train=[]"}).data.train.empty());
  CHECK(load({"init_from=w", "init_from=null"}).init_from.empty());
  CHECK(load({"invert=[]"}).invert == Settings::Invert{false, false, false});
  CHECK(load({"invert=[scale, translate]"}).invert == Settings::Invert{true, false, true});
  CHECK(load({"augment.scale=[1, 1.5]"}).augment.scale == Settings::Range{1, 1.5});
  CHECK(load({"device=cuda"}).device == Settings::Device::cuda);
  CHECK(load({"precision=bf16"}).precision == Settings::Precision::bf16);
  CHECK(load({"method=simclr"}).method == Settings::Method::simclr);
  CHECK(load({"paper_exact=true"}).paper_exact);
  CHECK(load({"model.depth=152"}).model.depth == 152);
  CHECK(load({"seed=9223372036854775807"}).seed == INT64_MAX);
  CHECK(load({"out=/a=b/c"}).out == "/a=b/c");
  for (const std::string path : {"try #1", "#1", "a: b", "a - b", "*a", "&a", "!a", "%a", "a\nb"}) {
    const Settings s = load({"out=" + path, "init_from= " + path + "\t", "data.train=" + path});
    CHECK((s.out == path && s.init_from == path && s.data.train == Sources{{path, 0}}));
    const std::string yaml = settings_yaml(Command::pretrain, s);
    CHECK(settings_from_yaml(Command::pretrain, yaml, "config.yaml").out == path);
  }
  CHECK(load({"out='a #1'"}).out == "a #1");
  CHECK(load({"data.eval=x", "data.eval=~"}).data.eval.empty());
}

TEST_CASE("settings: wrong values are refused by key and expectation") {
  for (const char* bad : {"seed=-1",
                          "seed=9223372036854775808",
                          "seed=1.5",
                          "threads=1025",
                          "threads=010",
                          "threads=1_0",
                          "device=gpu",
                          "device=",
                          "precision=f16",
                          "precision=[f32]",
                          "method=PeCLR",
                          "invert=rotate",
                          "invert=[shear]",
                          "invert=[rotate, rotate]",
                          "temperature=0",
                          "temperature=-1",
                          "temperature=.nan",
                          "temperature=.inf",
                          "temperature=1e400",
                          "temperature='0.5'",
                          "paper_exact=yes",
                          "paper_exact=1",
                          "out=",
                          "out=~",
                          "out=[a]",
                          "init_from=[a]",
                          "init_from=",
                          "data.eval= ",
                          "seed=2 #a",
                          "data.train={weight: 1}",
                          "data.train={path: x, weight: 0}",
                          "data.train={path: x, heavy: 1}",
                          "data.train=[[x]]",
                          "data.train=",
                          "data.labels=0",
                          "data.labels=1.01",
                          "data.max_bad=-0.1",
                          "data.crop=joints",
                          "data.crop=true",
                          "data.first_crop=0.01",
                          "data.first_crop=1.01",
                          "data.workers=1000",
                          "data.cache_gb=-1",
                          "model.depth=20",
                          "model.depth=050",
                          "model.input=31",
                          "model.input=2000",
                          "train.epochs=0",
                          "train.epochs=2147483648",
                          "train.batch_size=0",
                          "train.batch_size=-8",
                          "train.batch_size=18446744073709551616",
                          "train.accumulate=0",
                          "train.lr=0",
                          "train.lr=11",
                          "train.lr=abc",
                          "train.lr=3,5",
                          "train.lr=1.0f",
                          "train.warmup_epochs=-1",
                          "train.weight_decay=2",
                          "train.optimizer=sgd",
                          "train.freeze=head",
                          "train.save_seconds=-1",
                          "train.keep_epochs=-1",
                          "augment.rotate=181",
                          "augment.rotate=1.5",
                          "augment.scale=1",
                          "augment.scale=[1.5, 1]",
                          "augment.scale=[1, 2, 3]",
                          "augment.scale=[0, 1]",
                          "augment.hue={a: 1}",
                          "augment.colour_jitter=true",
                          "augment.colour_drop=2",
                          "augment.border=white"}) {
    const std::string error = error_of({bad});
    const std::string key = std::string(bad).substr(0, std::string_view(bad).find('='));
    INFO(bad << " -> " << error);
    CHECK(contains(error, std::string(bad) + ": " + key + " must be "));
  }
  CHECK(contains(error_of({"paper_exact=yes"}), "not 'yes' (write true or false)"));
  CHECK(contains(error_of({"train.epochs=010"}), "leading zero"));
  CHECK(contains(error_of({"train=5"}), "train is a group of settings"));
}

TEST_CASE("settings: faults in files are named by file and line") {
  const TempFolder folder;
  const auto error = [&](std::string_view text) {
    write_bytes(folder / "c.yaml", text);
    return error_of({folder / "c.yaml"});
  };
  const std::string file = folder / "c.yaml";
  CHECK(contains(error("seed: 1\ntrain:\n  epoch: 5\n"),
                 file + ":3: unknown key 'train.epoch'; did you mean 'train.epochs'?"));
  CHECK(contains(error("\nepochs: 5\n"),
                 file + ":2: unknown key 'epochs'; did you mean 'train.epochs'?"));
  CHECK(contains(error("trian:\n  lr: 1\n"), "unknown key 'trian.lr'; did you mean 'train.lr'?"));
  CHECK(contains(error("augment:\n  color_jitter: 1\n"), "did you mean 'augment.colour_jitter'?"));
  CHECK(contains(error("seed: 1\nseed: 1\n"), file + ":2: duplicate key 'seed'"));
  CHECK(contains(error("train:\n  lr: 1\ntrain.lr: 2\n"),
                 file + ":3: duplicate key 'train.lr': it stands on line 2"));
  CHECK(contains(error("train:\n\n  epochs: many\n"),
                 file + ":3: train.epochs must be a whole number from 1 to 1000000, not 'many'"));
  CHECK(
      contains(error("train:\n  lr: [1]\n"), "must be a number above 0 and up to 10, not a list"));
  CHECK(contains(error("- seed\n"), file + ":1: needs lines of the form 'key: value', not a list"));
  CHECK(contains(error("train: 5\n"), "group"));
  CHECK(contains(error("seed: {a: 1}\n"), "not a map"));
  CHECK(contains(error("<<: {seed: 1}\n"), "unknown key"));
  CHECK(contains(error("\"se\\ned\": 1\n"), "'se\\x0Aed'"));
  CHECK(contains(error(std::string(1000, 'k') + ": 1\n"), "did you mean"));
  CHECK(contains(error_of({folder / "absent.yaml"}),
                 "no such file; settings are YAML files and key=value"));
  CHECK(contains(error_of({"train.epochs", "5"}), "write train.epochs=VALUE"));
  CHECK(contains(error_of({"train.epoch=5"}),
                 "train.epoch=5: unknown key 'train.epoch'; did you mean 'train.epochs'?"));
  CHECK(contains(error_of({"data.train=[a"}), "data.train=[a: not valid YAML"));
  CHECK(contains(error_of({"=5"}), "=5"));
}

TEST_CASE("settings: config.yaml reads back equal, for every command") {
  const Settings odd = load({"out='a: \"b\" #c'",
                             "seed=9007199254740993",
                             "threads=3",
                             "device=cpu",
                             "precision=bf16",
                             "method=simclr",
                             "invert=[scale]",
                             "temperature=0.1",
                             "paper_exact=true",
                             "init_from=null.safetensors",
                             "data.train=[x, {path: 'y, z', weight: 0.3}]",
                             "data.eval=true",
                             "data.labels=0.1",
                             "data.crop=hand",
                             "data.first_crop=0.3",
                             "model.depth=18",
                             "model.input=64",
                             "train.lr=0.30000000000000004",
                             "train.warmup_epochs=0.5",
                             "augment.scale=[0.9, 1.1]",
                             "augment.border=reflect",
                             "augment.colour_drop=0.2"});
  for (const Command command : kAllCommands) {
    const Settings defaults = load({}, command);
    CHECK(settings_from_yaml(command, settings_yaml(command, defaults), "config.yaml") == defaults);
    const std::string text = settings_yaml(command, odd);
    const Settings back = settings_from_yaml(command, text, "config.yaml");
    CHECK(settings_yaml(command, back) == text);
    CHECK(setting_differences(command, odd, back).empty());
  }
  const Settings trained =
      settings_from_yaml(Command::pretrain, settings_yaml(Command::pretrain, odd), "config.yaml");
  CHECK((trained.train == odd.train && trained.augment == odd.augment &&
         trained.data.train == odd.data.train));
  CHECK((trained.out == odd.out && trained.seed == odd.seed && trained.invert == odd.invert));
  const Settings frozen = load({"train.freeze=encoder"}, Command::finetune);
  CHECK(settings_from_yaml(Command::finetune, settings_yaml(Command::finetune, frozen), "c.yaml") ==
        frozen);
}

TEST_CASE("settings: differences on resume") {
  const Settings stored = load({"out=a", "train.epochs=5"});
  CHECK(setting_differences(Command::pretrain, stored, load({"out=b", "train.epochs=5"})).empty());
  CHECK(setting_differences(Command::pretrain, stored,
                            load({"train.epochs=5", "data.workers=3", "data.cache=none", "gpu=1"}))
            .empty());
  // The planted fault: one more epoch changes the schedule, and the automatic warm-up with it.
  const auto differences = setting_differences(Command::pretrain, stored, load({"train.epochs=6"}));
  REQUIRE(differences.size() == 2);
  CHECK((differences[0].key == "train.epochs" && differences[0].stored == "5" &&
         differences[0].given == "6"));
  CHECK(differences[1].key == "train.warmup_epochs");
  CHECK(setting_differences(Command::finetune, load({}, Command::finetune),
                            load({"temperature=1"}, Command::finetune))
            .empty());
}

TEST_CASE("settings: keys that a command does not read are told of, those of files are not") {
  const TempFolder folder;
  write_bytes(folder / "run.yaml", "temperature: 1\n");
  using Keys = std::vector<std::string>;
  const Keys args{folder / "run.yaml", "temperature=1", "data.holdout=0.1", "data.eval=x",
                  "seed=2"};
  CHECK(unused_keys(Command::pretrain, args) == Keys{"data.eval"});
  CHECK(unused_keys(Command::predict, args) == Keys{"temperature", "data.holdout", "seed"});
  CHECK(unused_keys(Command::probe, args) == Keys{"temperature"});
}

TEST_CASE("settings: keys without effect beside others are told of where they are given") {
  const auto idle = [](Command command, const std::vector<std::string>& args) {
    return idle_keys(command, args, load(args, command));
  };
  using Lines = std::vector<std::string>;
  CHECK(idle(Command::pretrain, {"method=simclr", "invert=[scale]"}) ==
        Lines{"invert: has no effect with method=simclr"});
  CHECK(idle(Command::pretrain, {"augment.border=reflect", "paper_exact=true"}) ==
        Lines{"augment.border: has no effect with paper_exact=true"});
  CHECK(idle(Command::evaluate, {"data.first_crop=0.5"}) ==
        Lines{"data.first_crop: has no effect with data.crop=picture"});
  // Fine-tuning's jitter is 0 unless it is set.
  for (const std::string key : {"hue", "saturation", "value_gain", "value_offset"}) {
    const std::string given = "augment." + key + "=[0.5, 1]";
    const Lines told{"augment." + key + ": has no effect with augment.colour_jitter=0"};
    CHECK(idle(Command::finetune, {given}) == told);
    CHECK(idle(Command::pretrain, {given, "augment.colour_jitter=0"}) == told);
    CHECK(idle(Command::finetune, {given, "augment.colour_jitter=0.5"}).empty());
    CHECK(idle(Command::pretrain, {given}).empty());
  }
  CHECK(idle(Command::pretrain, {"data.cache_gb=2", "data.cache=none"}) ==
        Lines{"data.cache_gb: has no effect with data.cache=none"});
  CHECK(idle(Command::pretrain, {"data.cache_gb=2"}).empty());
  for (const Lines& args : {Lines{"method=simclr"},
                            {"invert=[scale]"},
                            {"paper_exact=true"},
                            {"augment.border=reflect"}})
    CHECK(idle(Command::pretrain, args).empty());
  CHECK(idle(Command::predict, {"data.crop=hand", "data.first_crop=0.5"}).empty());
  // unused_keys tells of what the command does not read at all.
  CHECK(
      idle(Command::finetune, {"method=simclr", "invert=[scale]", "data.first_crop=0.5"}).empty());
  CHECK(idle(Command::evaluate, {"augment.border=reflect", "paper_exact=true"}).empty());
}

TEST_CASE("settings: sets that replace others are told of") {
  using Lines = std::vector<std::string>;
  const auto replaced = [](const Lines& args) { return replaced_sets(args); };
  // What is proposed must be a list of both.
  const auto paths = [&](const Lines& args) {
    const Lines lines = replaced(args);
    REQUIRE(lines.size() == 1);
    const std::string proposed = lines[0].substr(lines[0].find("for both: ") + 10);
    Lines found;
    for (const Settings::Source& s : load(Lines{proposed}).data.train) found.push_back(s.path);
    return found;
  };
  CHECK(replaced({"data.train=A", "seed=2", "data.train=B"}) ==
        Lines{"data.train=B replaces data.train=A; for both: data.train=[A,B]"});
  CHECK(paths({"data.train=a b", "data.train=c,d"}) == Lines{"a b", "c,d"});
  CHECK(paths({"data.train=[a, b]", "data.train={path: c, weight: 2}"}) == Lines{"a", "b", "c"});
  for (const Lines& args : {Lines{"data.train=A"},
                            {"data.train=A", "data.train=A"},
                            {"seed=1", "seed=2"},
                            {"data.train", "data.train=A"}})
    CHECK(replaced(args).empty());
}

TEST_CASE("settings: each key changes its own member and no other") {
  // For every key a value that is not its default; then exactly that key differs.
  const std::vector<std::pair<std::string, std::string>> values{{"seed", "2"},
                                                                {"threads", "2"},
                                                                {"device", "cpu"},
                                                                {"gpu", "1"},
                                                                {"precision", "bf16"},
                                                                {"method", "simclr"},
                                                                {"invert", "[scale]"},
                                                                {"temperature", "0.25"},
                                                                {"paper_exact", "true"},
                                                                {"init_from", "w"},
                                                                {"init_prefix", "module."},
                                                                {"data.train", "[d]"},
                                                                {"data.eval", "e"},
                                                                {"data.labels", "0.5"},
                                                                {"data.holdout", "0.5"},
                                                                {"data.crop", "hand"},
                                                                {"data.first_crop", "0.5"},
                                                                {"data.side", "left"},
                                                                {"data.max_bad", "0.5"},
                                                                {"data.workers", "2"},
                                                                {"data.cache", "none"},
                                                                {"data.cache_gb", "2"},
                                                                {"model.depth", "18"},
                                                                {"model.input", "64"},
                                                                {"train.epochs", "7"},
                                                                {"train.batch_size", "6"},
                                                                {"train.accumulate", "3"},
                                                                {"train.optimizer", "adam"},
                                                                {"train.freeze", "encoder"},
                                                                {"train.lr", "0.25"},
                                                                {"train.warmup_epochs", "3"},
                                                                {"train.weight_decay", "0.5"},
                                                                {"train.save_seconds", "5"},
                                                                {"train.keep_epochs", "5"},
                                                                {"augment.rotate", "5"},
                                                                {"augment.translate", "5"},
                                                                {"augment.scale", "[1, 2]"},
                                                                {"augment.colour_jitter", "0.5"},
                                                                {"augment.hue", "[1, 1]"},
                                                                {"augment.saturation", "[1, 1]"},
                                                                {"augment.value_gain", "[1, 1]"},
                                                                {"augment.value_offset", "[0, 0]"},
                                                                {"augment.colour_drop", "0.5"},
                                                                {"augment.border", "reflect"}};
  REQUIRE(values.size() + 1 == setting_fields().size());  // all but out
  const std::vector<std::string> fixed{"train.lr=0.1",
                                       "train.warmup_epochs=1"};  // or they would follow the others
  for (const auto& [key, value] : values) {
    auto args = fixed;
    args.push_back(key + "=" + value);
    const Settings before = load(fixed), after = load(args);
    for (const SettingField& field : setting_fields()) {
      INFO(key << " and " << field.key);
      CHECK((field.print(before) != field.print(after)) == (field.key == key));
      if (field.key == key) CHECK(field.print(after) == value);
    }
  }
}

TEST_CASE("settings: help names every key of the command with its default") {
  std::set<std::string> keys;
  for (const SettingField& field : setting_fields()) CHECK(keys.insert(field.key).second);
  for (const Command command : kAllCommands) {
    const std::string help = settings_help(command);
    for (const SettingField& field : setting_fields())
      CHECK(contains(help, "  " + field.key + " ") == field.matters_to(command));
  }
  CHECK(contains(settings_help(Command::pretrain), "automatic"));
}

TEST_CASE("settings: the text under a key, which must be one of the table") {
  const Settings settings = load({"augment.rotate=5", "augment.scale=[1, 2]"});
  CHECK(setting_text("augment.rotate", settings) == "5");
  CHECK(setting_text("augment.scale", settings) == "[1, 2]");
  CHECK_THROWS_AS(setting_text("augment.rotat", settings), Error);
}

TEST_CASE("settings: the shipped configurations load") {
  const std::filesystem::path configs = test::in_project("tools/configs");
  int loaded = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(configs)) {
    if (entry.path().extension() != ".yaml") continue;
    const std::string name = entry.path().filename().string();
    const Command command = contains(name, "pretrain")   ? Command::pretrain
                            : contains(name, "finetune") ? Command::finetune
                                                         : Command::probe;
    const auto error = caught([&] { load({entry.path().string()}, command); });
    CHECK(error.text == "");
    ++loaded;
  }
  CHECK(loaded >= 7);
  const Settings paper = load({(configs / "paper/rn152_pretrain.yaml").string()});
  CHECK((paper.paper_exact && paper.model.depth == 152 && paper.data.train.size() == 2));
  CHECK(*paper.train.lr == Approx(4.5254834e-3));
  CHECK(*paper.train.warmup_epochs == 10);
}

TEST_CASE("nearest: distance and choice") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("trian", "train") == 1);
  CHECK(edit_distance("same", "same") == 0);
  CHECK(nearest("batch", {"out", "train.epochs", "train.batch_size"}) == "train.batch_size");
  CHECK(nearest("batchsize", {"train.epochs", "train.batch_size"}) == "train.batch_size");
  CHECK(nearest("x", {}) == "");
}

}  // namespace
}  // namespace peclr
