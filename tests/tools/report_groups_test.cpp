// SPDX-License-Identifier: Apache-2.0
// Which runs and probes `peclr report` takes together, and what it then says of them.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "tests/support/files.h"
#include "tests/support/markup.h"
#include "tests/support/program.h"
#include "tests/support/report_runs.h"
#include "tools/report/headline.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using namespace test;

TEST_CASE("report: probes of several seeds share a row, others do not", "[report]") {
  const TempFolder folder;
  std::vector<std::string> report{"report"};
  const auto probe = [&](const std::string& name, const std::string& weights, double error,
                         const std::string& more = "") {
    fs::create_directories(folder / name);
    write_bytes(folder / (name + "/probe.json"),
                fmt::format(R"({{"kind": "joints", "weights": "{}", "probe_2d_pct": {},
                    "probe_2d_mean_pct": 18.5, "train": 40, "test": 10{}}})",
                            weights, error, more));
    report.push_back(folder / name);
  };
  probe("turned_1", "peclr", 13);
  probe("turned_2", "peclr", 14);
  probe("turned_45", "simclr", 11);  // other weights
  probe("v2", "peclr", 12);          // no number of its own
  // Numbers that are no seeds: other networks, other weights.
  const std::string alike = R"(, "depth": 18, "init_from": "x/model.safetensors", "seed": )";
  probe("depth_18", "peclr", 21, alike + "1");
  probe("depth_19", "peclr", 22, alike + "2");
  probe("depth_50", "peclr", 23, R"(, "depth": 50, "init_from": "x/model.safetensors")");
  probe("tenth_1", "peclr", 41, R"(, "labels": 0.1)");
  probe("tenth_2", "peclr", 42, R"(, "labels": 1)");
  probe("held_1", "peclr", 71, R"(, "holdout": 0)");
  probe("held_2", "peclr", 72, R"(, "holdout": 0.2)");
  probe("twice_1", "peclr", 51, R"(, "seed": 1)");
  probe("twice_2", "peclr", 51, R"(, "seed": 1)");
  for (const char* epochs : {"100", "800"})
    probe(fmt::format("long_{}", epochs), "peclr", 31,
          fmt::format(R"(, "init_from": "peclr_{}.safetensors")", epochs));
  probe("foreign", "other", 61, R"(, "init_from": "x/released.pth")");
  probe("foreign_new", "other", 62, R"(, "init_from": "x", "initial_weights": "in.pth 01234567")");
  probe("half_1", "peclr", 71, R"(, "precision": "bf16")");
  probe("half_2", "peclr", 72, R"(, "precision": "f32")");
  probe("old_1", "peclr", 81);  // of a version that kept it in the run's record alone
  probe("old_2", "peclr", 82);
  write_bytes(folder / "old_1/run.json", R"({"probe": {"precision": "bf16"}})");
  write_bytes(folder / "old_2/run.json", R"({"probe": {"precision": "f32"}})");
  report.insert(report.end(), {"--out", folder / "page.html"});
  const ProgramResult result = run_peclr(report);
  INFO(described(result));
  REQUIRE(result.exit_code == 0);
  const std::string page = read_bytes(folder / "page.html");
  const auto row = [&](const std::string& name) {
    const std::size_t begin = page.find("<td class=\"word\">" + name + "</td>");
    REQUIRE(begin != std::string::npos);
    return page.substr(begin, page.find("</tr>", begin) - begin);
  };
  CHECK(contains(page, "13.50\u00A0±\u00A00.71"));
  CHECK(contains(row("v2"), ">12.00<"));
  CHECK(contains(row("foreign"), ">other weights (released.pth)<"));
  CHECK(contains(row("foreign_new"), ">other weights (in.pth 01234567)<"));
  CHECK_FALSE(contains(page, "turned_1</td>"));
  CHECK(contains(row("depth_18, depth_19"), "21.50\u00A0±\u00A00.71"));
  CHECK(contains(row("depth_50"), ">23.00<"));
  CHECK(contains(row("tenth_1"), ">41.00<"));
  CHECK(contains(row("held_1"), ">71.00<"));
  CHECK(contains(row("twice"), "2 (1 seed)"));
  CHECK(contains(row("half_1"), ">71.00<"));
  CHECK(contains(row("half_2"), ">72.00<"));
  CHECK(contains(row("old_1"), ">81.00<"));
  CHECK(contains(row("old_2"), ">82.00<"));
  CHECK(contains(row("long_100"), ">31.00<"));
  CHECK(contains(row("long_800"), ">31.00<"));
  CHECK(contains(page, ">11.00<"));
}

TEST_CASE("report: each accuracy of a probe has the deviation over its own folds", "[report]") {
  const TempFolder folder;
  write_bytes(folder / "probe.json",
              R"({"kind": "classes", "weights": "peclr", "linear_accuracy": 0.8,
                  "linear_std": 0.02, "knn5_accuracy": 0.7, "knn5_std": 0.05,
                  "chance_accuracy": 0.2, "classes": 5, "count": 100})");
  const auto cells = texts_of(page_of({folder.path().string()}), "td");
  CHECK(has(cells, "80.0\u00A0±\u00A02.0"));
  CHECK(has(cells, "70.0\u00A0±\u00A05.0"));
}

TEST_CASE("report: runs that differ in more than their seed are not taken together", "[report]") {
  const TempFolder folder;
  const std::string a = finetuned(folder / "a", {"peclr", 1}),
                    b = finetuned(folder / "b", {"peclr", 2});
  Settings settings = settings_from_yaml(Command::finetune, read_bytes(b + "/config.yaml"), b);
  settings.train.epochs = 7;
  write_bytes(b + "/config.yaml", settings_yaml(Command::finetune, settings));
  const auto cells = texts_of(page_of({a, b}), "td");
  REQUIRE(cells.size() == 2 * 8);
  CHECK(has(cells, "PeCLR, train.epochs=7"));
  CHECK(has(cells, "PeCLR, train.epochs=100"));
}

TEST_CASE("report: runs from other weights are not taken together", "[report]") {
  const TempFolder folder;
  const auto start_from = [&](const std::string& run, const std::string& weights) {
    const std::string file = run + "/config.yaml";
    Settings settings = settings_from_yaml(Command::finetune, read_bytes(file), file);
    settings.init_from = weights;
    write_bytes(file, settings_yaml(Command::finetune, settings));
    return run;
  };
  const std::string a = start_from(finetuned(folder / "a", {"other", 1}), "imagenet.pth"),
                    b = start_from(finetuned(folder / "b", {"other", 2}), "released.pth"),
                    c = start_from(finetuned(folder / "c", {"other", 3}), "released.pth");
  const auto cells = texts_of(page_of({a, b, c}), "td");
  CHECK(has(cells, "other weights (imagenet.pth)"));
  CHECK(has(cells, "other weights (released.pth)"));

  // Of pre-trainings that are there, their settings count and their place does not; what they in
  // turn started from does.
  const std::string first = pretrained(folder / "first", Settings::Method::peclr, "hands"),
                    second = pretrained(folder / "second", Settings::Method::peclr, "hands"),
                    x = start_from(finetuned(folder / "x", {"peclr", 1}),
                                   first + "/model.safetensors"),
                    y = start_from(finetuned(folder / "y", {"peclr", 2}),
                                   second + "/model.safetensors");
  CHECK(has(texts_of(page_of({x, y}), "td"), "PeCLR"));
  const std::string z =
      start_from(finetuned(folder / "z", {"peclr", 2}), first + "/epoch_0010.safetensors");
  CHECK(has(texts_of(page_of({x, z}), "td"), "PeCLR, pre-training weights=epoch_0010.safetensors"));
  Settings settings =
      settings_from_yaml(Command::pretrain, read_bytes(second + "/config.yaml"), second);
  settings.init_from = "imagenet.pth";
  write_bytes(second + "/config.yaml", settings_yaml(Command::pretrain, settings));
  CHECK(has(texts_of(page_of({x, y}), "td"), "PeCLR, pre-training init_from=imagenet.pth"));
}

TEST_CASE("report: the headline says no more than the numbers do", "[report]") {
  const TempFolder folder;
  const auto headline = [&](const std::vector<Evaluated>& evaluated) {
    std::vector<std::string> runs;
    for (const Evaluated& run : evaluated)
      runs.push_back(finetuned(folder / std::to_string(runs.size()), run));
    return headline_of(read_runs(runs));
  };
  const std::string close =
      headline({{"peclr", 1, 2.0}, {"peclr", 2, 2.4}, {"none", 1, 2.1}, {"none", 2, 2.5}});
  CHECK(contains(close,
                 "PeCLR has the lowest PA-EPE: 2.20\u00A0±\u00A00.28\u00A0cm (2 seeds) against "
                 "2.30\u00A0±\u00A00.28"));
  CHECK(contains(close, "0.10\u00A0cm is smaller than the spread over seeds (0.28\u00A0cm)"));
  const std::string clear =
      headline({{"peclr", 1, 2.0}, {"peclr", 2, 2.02}, {"none", 1, 2.5}, {"none", 2, 2.52}});
  CHECK(contains(clear, "0.50\u00A0cm is larger than the spread over seeds (0.01\u00A0cm)"));
  // Of two spreads it is the larger.
  const std::string wide =
      headline({{"peclr", 1, 2.0}, {"peclr", 2, 2.02}, {"none", 1, 2.1}, {"none", 2, 2.7}});
  CHECK(contains(wide, "0.39\u00A0cm is smaller than the spread over seeds (0.42\u00A0cm)"));
  CHECK(contains(headline({{"peclr", 1, 2.9}, {"none", 1, 2.5}}), "scratch has the lowest"));
  CHECK(contains(headline({{"peclr", 1, 2.9}, {"none", 1, 2.5}}), "one seed each cannot tell"));
  CHECK(contains(headline({{"peclr", 1, 2.9}}), "nothing here to compare it with"));
  // The same seed twice is no spread.
  CHECK(
      contains(headline({{"peclr", 1, 2.0}, {"peclr", 1, 2.0}, {"none", 1, 2.5}, {"none", 1, 2.5}}),
               "one seed each cannot tell"));
  // Nor is a seed whose error was not measured.
  CHECK(contains(
      headline({{"peclr", 1, 2.0}, {"peclr", 2, NAN}, {"none", 1, 2.5}, {"none", 2, 2.52}}),
      "a single seed cannot tell"));
  CHECK(contains(headline({{"peclr", 1, 2.9, 0.5}, {"peclr", 1, 3, 0.1}, {"none", 1, 3.5, 0.1}}),
                 "With 10\u00A0% of the labels, PeCLR"));
  // As many at either fraction: the smaller one.
  CHECK(contains(
      headline(
          {{"peclr", 1, 2, 1}, {"none", 1, 2.5, 1}, {"peclr", 1, 3, 0.1}, {"none", 1, 3.5, 0.1}}),
      "With 10\u00A0% of the labels, PeCLR"));
}

TEST_CASE("report: runs that do not know their seed count as one each", "[report]") {
  const auto counted = [](std::vector<SeedPair> seeds) { return seed_count(seeds); };
  const SeedPair first{{1, -1}}, second{{2, -1}}, pretrained{{1, 7}};
  CHECK(counted({}) == 0);
  CHECK(counted({first, first, second, pretrained}) == 3);
  CHECK(counted({std::nullopt}) == 1);
  CHECK(counted({first, std::nullopt, std::nullopt, std::nullopt}) == 4);
}

}  // namespace
}  // namespace peclr
