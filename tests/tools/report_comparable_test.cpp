// SPDX-License-Identifier: Apache-2.0
// What `peclr results` and `peclr report` compare: networks that were scored alike, and by names
// that tell them apart.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/files.h"
#include "tests/support/markup.h"
#include "tests/support/program.h"
#include "tests/support/report_runs.h"
#include "tools/report/headline.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace test;

// A fine-tuning whose scores say this of themselves, too.
std::string scored(const std::string& folder, const Evaluated& run, const json& how) {
  finetuned(folder, run);
  json scores = scores_of(run);
  scores.update(how);
  write_bytes(folder + "/scores.json", scores.dump());
  return folder;
}

std::string set_otherwise(const std::string& run, const std::function<void(Settings&)>& change) {
  const std::string file = run + "/config.yaml";
  Settings settings = settings_from_yaml(Command::finetune, read_bytes(file), file);
  change(settings);
  write_bytes(file, settings_yaml(Command::finetune, settings));
  return run;
}

TEST_CASE("report: methods that were scored on other sets, or otherwise, are not compared",
          "[report]") {
  const TempFolder folder;
  const struct {
    json peclr, simclr;
    const char *of_peclr, *of_simclr;
  } cases[] = {{{{"set", "A"}}, {{"set", "B"}}, "PeCLR, data.eval=A", "SimCLR, data.eval=B"},
               {{{"set", "A"}, {"holdout", 0.1}},
                {{"set", "A"}},
                "PeCLR, scored on data.holdout=0.1",
                "SimCLR"},
               {{{"precision", "bf16"}},
                {{"precision", "f32"}},
                "PeCLR, scored with precision=bf16",
                "SimCLR"}};
  for (const auto& [peclr, simclr, of_peclr, of_simclr] : cases) {
    const std::vector<std::string> runs{scored(folder / "p", {"peclr", 1, 3}, peclr),
                                        scored(folder / "s", {"simclr", 1, 2}, simclr)};
    const std::string page = page_of(runs);
    CAPTURE(of_peclr);
    CHECK(has(texts_of(page, "td"), of_peclr));
    CHECK(has(texts_of(page, "td"), of_simclr));
    CHECK_FALSE(contains(page, "has the lowest"));
    CHECK(contains(headline_of(read_runs(runs)), "nothing here to compare it with"));
  }
  // A set is one, however its folder is spelt.
  const std::vector<std::string> alike{scored(folder / "p", {"peclr", 1, 3}, {{"set", "x/A"}}),
                                       scored(folder / "s", {"simclr", 1, 2}, {{"set", "x/./A/"}})};
  CHECK(contains(headline_of(read_runs(alike)), "With 10\u00A0% of the labels, SimCLR has the "));
  CHECK(has(texts_of(page_of(alike), "td"), "SimCLR"));
}

TEST_CASE("report: of several sets the headline speaks of one", "[report]") {
  const TempFolder folder;
  const std::vector<std::string> runs{scored(folder / "pa", {"peclr", 1, 3}, {{"set", "A"}}),
                                      scored(folder / "pb", {"peclr", 1, 1}, {{"set", "B"}}),
                                      scored(folder / "sa", {"simclr", 1, 4}, {{"set", "A"}}),
                                      scored(folder / "sb", {"simclr", 1, 2}, {{"set", "B"}}),
                                      scored(folder / "na", {"none", 1, 6}, {{"set", "A"}}),
                                      scored(folder / "nb", {"none", 1, 6}, {{"set", "B"}}),
                                      scored(folder / "hb", {"hand", 1, 7}, {{"set", "B"}})};
  CHECK(contains(headline_of(read_runs(runs)),
                 "Of the rows with data.eval=B, with 10\u00A0% of the labels, PeCLR has the lowest "
                 "PA-EPE: 1.00\u00A0cm (one seed) against 2.00\u00A0cm for SimCLR (one seed)."));
  std::set<int> colours;
  const std::vector<Run> read = read_runs(runs);
  for (const Group& group : group_runs(read, is_scored)) colours.insert(group.colour);
  CHECK(colours.size() == runs.size());
}

TEST_CASE("report: fine-tunings that differ between methods are named", "[report]") {
  const TempFolder folder;
  const auto longer = [](Settings& settings) { settings.train.epochs = 7; };
  const std::string a = set_otherwise(finetuned(folder / "a", {"peclr", 1, 2}), longer),
                    b = finetuned(folder / "b", {"simclr", 1, 3}),
                    c = set_otherwise(finetuned(folder / "c", {"none", 1, 4, 1}), longer);
  const auto cells = texts_of(page_of({a, b, c}), "td");
  CHECK(has(cells, "PeCLR, train.epochs=7"));
  CHECK(has(cells, "SimCLR, train.epochs=100"));
  CHECK(has(cells, "scratch"));  // of other labels, whose column says so
}

TEST_CASE("report: no two rows and lines have the same name", "[report]") {
  const TempFolder folder;
  std::vector<std::string> runs{finetuned(folder / "usual", {"peclr", 1, 2})};
  for (const double decay : {0.1, 0.2, 0.3})
    runs.push_back(set_otherwise(finetuned(folder / fmt::format("{}", decay), {"peclr", 1, 3}),
                                 [&](Settings& settings) {
                                   settings.train.batch_size = 8;
                                   settings.train.epochs = 7;
                                   settings.train.lr = 0.5;
                                   settings.train.save_seconds = 9;
                                   settings.train.weight_decay = decay;
                                 }));
  std::set<std::string> names;
  std::set<int> colours;
  const std::vector<Run> read = read_runs(runs);
  for (const Group& group : group_runs(read, is_scored)) {
    CAPTURE(group.label());
    CHECK(names.insert(group.label()).second);
    CHECK(colours.insert(group.colour).second);
    CHECK(group.differing.size() == 4);  // room for three, and "..."
    CHECK(group.differing.back() == "...");
  }
  CHECK(names.size() == 4);
}

TEST_CASE("results: a run that is given twice counts once", "[report]") {
  const TempFolder folder;
  const std::string a = finetuned(folder / "a", {"peclr", 1, 2});
  fs::create_directory_symlink(a, folder / "link");
  const ProgramResult result =
      run_peclr({"results", a, a + "/", folder / "./a", folder / "link", "--format", "markdown"});
  INFO(described(result));
  CHECK(result.exit_code == 0);
  CHECK(contains(result.out, "| PeCLR | 10 % | 1 | 2.00 |"));
  CHECK(contains(result.err, folder / "link: given twice, counted once\n"));
}

TEST_CASE("results: run, set and holdout are told where they differ", "[report]") {
  const TempFolder folder;
  const std::string a = scored(folder / "a", {"peclr", 1, 2}, {{"set", "here"}}),
                    b = scored(folder / "b", {"peclr", 1, 2}, {{"set", "there"}, {"holdout", 0.1}});
  const ProgramResult both = run_peclr({"results", a, b, "--out", folder / "results.json"});
  INFO(described(both));
  CHECK(contains(both.out, "   2D px  run  set    holdout\n"));
  CHECK(contains(both.out, "    22.0  a    here   0\n"));
  CHECK(contains(both.out, "    22.0  b    there  0.1\n"));
  const json rows = json::parse(read_bytes(folder / "results.json"));
  CHECK(rows[1].value("run", "") == "b");
  CHECK(rows[1]["set"] == "there");
  CHECK(rows[1]["holdout"] == 0.1);
  CHECK(contains(run_peclr({"results", a, b, "--format", "csv"}).out, ",3,there,0.1\n"));
  CHECK(contains(run_peclr({"results", a}).out, "   2D px\n"));
}

TEST_CASE("report: where a run started is found beside it, too", "[report]") {
  const TempFolder folder;
  const std::string weights = "out_of_this_test/pre/model.safetensors",
                    network = "out_of_this_test/fine/model.safetensors";
  pretrained(folder / "out_of_this_test/pre", Settings::Method::peclr, "hands");
  const std::string fine = set_otherwise(finetuned(folder / "out_of_this_test/fine", {"peclr", 5}),
                                         [&](Settings& settings) { settings.init_from = weights; });
  const std::string elsewhere = folder / "out_of_this_test/scores/A";
  fs::create_directories(elsewhere);
  json scores = scores_of({"peclr", 5});
  scores["init_from"] = network;
  write_bytes(elsewhere + "/scores.json", scores.dump());
  // Not taken for there on its settings' word alone.
  CHECK_FALSE(read_run(fine).origin);
  CHECK_FALSE(read_run(elsewhere).network);
  write_bytes(folder / weights, "");
  write_bytes(folder / network, "");
  REQUIRE(read_run(fine).origin);
  CHECK(read_run(fine).origin->command == Command::pretrain);
  REQUIRE(read_run(elsewhere).network);
  CHECK(read_run(elsewhere).network->settings.seed == 5);
  CHECK(read_run(elsewhere).network->origin);
}

}  // namespace
}  // namespace peclr
