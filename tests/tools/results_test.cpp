// SPDX-License-Identifier: Apache-2.0
// `peclr results`: what it prints in each format, and which folders it takes.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "data/synthetic.h"
#include "tests/support/files.h"
#include "tests/support/program.h"
#include "tests/support/report_runs.h"
#include "tools/report/score_tables.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace test;

std::string printed(const std::vector<std::string>& args) {
  const ProgramResult result = run_peclr(args);
  INFO(described(result));
  REQUIRE(result.exit_code == 0);
  CHECK(result.err.empty());
  return result.out;
}

std::vector<std::string> results_of(const std::vector<std::string>& runs,
                                    const std::string& format) {
  std::vector<std::string> args{"results"};
  args.insert(args.end(), runs.begin(), runs.end());
  args.insert(args.end(), {"--format", format});
  return args;
}

// A folder of scores alone, as an evaluation of `weights` into a folder of its own leaves it.
std::string evaluated(const std::string& folder, const std::string& weights, double pa_epe_cm) {
  fs::create_directories(folder);
  json scores = scores_of({"peclr", 1, pa_epe_cm});
  if (!weights.empty()) scores["init_from"] = weights;
  write_bytes(folder + "/scores.json", scores.dump());
  return folder;
}

TEST_CASE("results: each format's text", "[report]") {
  const TempFolder folder;
  std::vector<std::string> runs{finetuned(folder / "a", {"peclr", 1, 2.0}),
                                finetuned(folder / "b", {"peclr", 2, 2.5}),
                                finetuned(folder / "c,\"d\"", {"none", 1, 3.0, 1})};
  const char* text =
      "method       labels  seed    EPE cm     AUC  PA-EPE cm  PA-AUC  rigid PA-EPE    2D px  run\n"
      "peclr           10%     1     20.00   0.100       2.00   0.500           nan     22.0  a\n"
      "peclr           10%     2     25.00   0.100       2.50   0.450           nan     22.5  b\n"
      "scratch        100%     1     30.00   0.100       3.00   0.400           nan     23.0  "
      "c,\"d\"\n";
  CHECK(printed({"results", runs[0], runs[1], runs[2]}) == text);
  CHECK(printed(results_of(runs, "text")) == text);
  CHECK(printed(results_of(runs, "markdown")) ==
        "| method | labels | n | PA-EPE (cm) | PA-AUC | EPE (cm) | AUC | 2D (px) |\n"
        "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| PeCLR | 10 % | 2 | 2.25 ± 0.35 | 0.475 ± 0.035 | 22.50 ± 3.54 | 0.100 ± 0.000 | 22.2 ± "
        "0.4 |\n"
        "| scratch | 100 % | 1 | 3.00 | 0.400 | 30.00 | 0.100 | 23.0 |\n");
  CHECK(printed(results_of(runs, "latex")) ==
        "\\begin{tabular}{lrrrrrrr}\n"
        "\\toprule\n"
        "method & labels & n & PA-EPE (cm) & PA-AUC & EPE (cm) & AUC & 2D (px) \\\\\n"
        "\\midrule\n"
        "PeCLR & 10~\\% & 2 & 2.25 $\\pm$ 0.35 & 0.475 $\\pm$ 0.035 & 22.50 $\\pm$ 3.54 & 0.100 "
        "$\\pm$ 0.000 & 22.2 $\\pm$ 0.4 \\\\\n"
        "scratch & 100~\\% & 1 & 3.00 & 0.400 & 30.00 & 0.100 & 23.0 \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n");
  CHECK(printed(results_of(runs, "csv")) ==
        "run,method,initial_weights,label_fraction,seed,epe_cm,epe_median_cm,auc,pa_epe_cm,pa_epe_"
        "median_cm,pa_auc,"
        "pa_rigid_epe_cm,root_epe_cm,root_auc,scale_trans_epe_cm,epe_2d_px,mesh_epe_cm,mesh_auc,"
        "mesh_pa_epe_cm,mesh_pa_auc,f_5mm,pa_f_5mm,f_15mm,pa_f_15mm,count,set,holdout\n"
        "a,peclr,,0.1,1,20,,0.1,2,,0.49999999999999994,,,,,22,,,,,,,,,3,,0\n"
        "b,peclr,,0.1,2,25,,0.1,2.5,,0.44999999999999996,,,,,22.5,,,,,,,,,3,,0\n"
        "\"c,\"\"d\"\"\",scratch,,1,1,30,,0.1,3,,0.3999999999999999,,,,,23,,,,,,,,,3,,0\n");
  CHECK(run_peclr(results_of(runs, "word")).refuses(2, {"--format", "word", "latex"}));
}

TEST_CASE("results: what peclr score wrote is a row, with meshes in a table of their own",
          "[report]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 10, 1);
  const json truth = json::parse(read_bytes(folder / "hands/evaluation_xyz.json"));
  write_bytes(folder / "pred.json", json::array({truth, json::array()}).dump());
  const ProgramResult scored =
      run_peclr({"score", folder / "pred.json", folder / "hands", "--out", folder / "score"});
  INFO(described(scored));
  REQUIRE(scored.exit_code == 0);
  const std::string run = finetuned(folder / "a", {"peclr", 1, 2.0});
  const std::string method = read_run(folder / "score").method;
  CHECK(contains(printed({"results", run, folder / "score"}),
                 fmt::format("\n{:<10}        -     - ", method)));
  const std::string csv = printed(results_of({run, folder / "score"}, "csv"));
  CHECK(contains(csv, fmt::format("\nscore,{},,,,0,0,0.99", method)));
  const std::string markdown = printed(results_of({run, folder / "score"}, "markdown"));
  CHECK(contains(markdown, "| root EPE (cm) | root AUC |"));
  CHECK(contains(markdown, "|  | 1 | 0.00 | 0.995 | 0.00 | 1.000 | 0.00 | 1.000 | 0.0 |\n"));
  CHECK(contains(markdown, "| PeCLR | 10 % | 1 | 2.00 | 0.500 | 20.00 | 0.100 |  |  | 22.0 |\n"));
  printed({"results", folder / "score", "--out", folder / "results.json"});
  const json row = json::parse(read_bytes(folder / "results.json")).at(0);
  CHECK(row["label_fraction"].is_null());
  CHECK(row["seed"].is_null());
  CHECK(row["root_auc"].get<double>() == Approx(1));

  json scores = scores_of({});
  for (const char* key : {"mesh_epe_cm", "mesh_auc", "mesh_pa_epe_cm", "mesh_pa_auc", "f_5mm",
                          "pa_f_5mm", "f_15mm", "pa_f_15mm"})
    scores[key] = 0.25;
  write_bytes(run + "/scores.json", scores.dump());
  CHECK(
      contains(printed(results_of({run, folder / "score"}, "latex")),
               "\\end{tabular}\n\n\\begin{tabular}{lrrrrrrrrrr}\n\\toprule\nmethod & labels & n & "
               "PA error (cm) & PA-AUC & PA-F@5 mm & PA-F@15 mm & error (cm) & AUC & F@5 mm & "
               "F@15 mm \\\\\n\\midrule\nPeCLR & 10~\\% & 1 & 0.25 & 0.250 & 0.250 & 0.250 & 0.25 "
               "& 0.250 & 0.250 & 0.250 \\\\\n\\bottomrule\n"));
}

TEST_CASE("results: an evaluation elsewhere has its network's seed and labels", "[report]") {
  const TempFolder folder;
  const std::string first = finetuned(folder / "a", {"peclr", 3}) + "/",
                    second = finetuned(folder / "b", {"peclr", 4}) + "/";
  const std::vector<std::string> runs{evaluated(folder / "x", first + "model.safetensors", 4),
                                      evaluated(folder / "y", second + "model.safetensors", 5)};
  CHECK(contains(printed(results_of(runs, "csv")), "\nx,peclr,,0.1,3,40,"));
  CHECK(contains(printed(results_of(runs, "markdown")), "| PeCLR | 10 % | 2 | 4.50 ± 0.71 |"));
  // Another file of the same run, a network whose run is gone, one that nobody knows: not averaged.
  const auto apart = [&](const std::string& weights, const std::string& name) {
    evaluated(folder / "y", weights, 5);
    const std::string table = printed(results_of(runs, "markdown"));
    INFO(table);
    CHECK(contains(table, "| 1 | 4.00 |"));
    CHECK(contains(table, "| 1 | 5.00 |"));
    CHECK(contains(table, name));
  };
  apart(first + "epoch_0010.safetensors", "weights=epoch\\_0010.safetensors");
  apart("gone/model.safetensors", "| PeCLR |  | 1 | 5.00");
  apart("", "| PeCLR |  | 1 | 5.00");
  evaluated(folder / "x", "", 4);
  apart("", "run=y");
}

TEST_CASE("results: what is not the run's own model has a row of its own", "[report]") {
  const TempFolder folder;
  const std::string a = finetuned(folder / "a", {"peclr", 1, 2}),
                    b = finetuned(folder / "b", {"peclr", 2, 3});
  const auto rows = [&](const std::string& weights) {
    json scores = scores_of({"peclr", 2, 3});
    scores["init_from"] = weights;
    write_bytes(b + "/scores.json", scores.dump());
    return printed(results_of({a, b}, "markdown"));
  };
  const char* together = "| PeCLR | 10 % | 2 | 2.50 ± 0.71 |";
  CHECK(contains(rows(b + "/model.safetensors"), together));
  CHECK(contains(rows(folder / "a/../b/model.safetensors"), together));
  CHECK(contains(rows(b + "/epoch_0001.safetensors"),
                 "| PeCLR, weights=epoch\\_0001.safetensors | 10 % | 1 | 3.00 |"));
  CHECK(contains(rows("c/model.safetensors"),
                 "| PeCLR, init\\_from=c/model.safetensors | 10 % | 1 | 3.00 |"));
  // A run that was moved still says where it lay.
  rows(b + "/model.safetensors");
  fs::rename(b, folder / "moved");
  CHECK(contains(printed(results_of({a, folder / "moved"}, "markdown")), together));
}

TEST_CASE("results: a network asked in another way has a row of its own", "[report]") {
  const TempFolder folder;
  const std::string a = finetuned(folder / "a", {"peclr", 1, 2}),
                    b = finetuned(folder / "b", {"peclr", 2, 3});
  const auto rows = [&](const json& asked) {
    json scores = scores_of({"peclr", 2, 3});
    scores.update(asked);
    write_bytes(b + "/scores.json", scores.dump());
    return printed(results_of({a, b}, "markdown"));
  };
  // The first has a file of an older version.
  CHECK(contains(rows({{"data.crop", "picture"},
                       {"data.side", "right"},
                       {"augment.border", "black"},
                       {"precision", "f32"}}),
                 "| PeCLR | 10 % | 2 | 2.50 ± 0.71 |"));
  for (const auto& [key, value] : std::map<std::string, std::string>{{"data.crop", "hand"},
                                                                     {"data.first\\_crop", "0.5"},
                                                                     {"data.side", "left"},
                                                                     {"augment.border", "reflect"},
                                                                     {"precision", "bf16"}}) {
    std::string plain = key;
    std::erase(plain, '\\');
    const std::string table = rows({{plain, value}});
    INFO(table);
    CHECK(contains(table, "| PeCLR, scored with " + key + "=" + value + " | 10 % | 1 | 3.00 |"));
    CHECK(contains(table, "| PeCLR | 10 % | 1 | 2.00 |"));
  }
}

TEST_CASE("results: other programs' weights are named", "[report]") {
  const TempFolder folder;
  const auto other = [&](const std::string& name, int seed, double error,
                         const std::string& start) {
    const std::string run = finetuned(folder / name, {"other", seed, error});
    json scores = scores_of({"other", seed, error});
    if (!start.empty()) scores["initial_weights"] = start;
    write_bytes(run + "/scores.json", scores.dump());
    return run;
  };
  const std::vector<std::string> runs{
      other("a", 1, 2, "in_50.pth 0123abcd"), other("b", 2, 3, "in_50.pth 0123abcd"),
      other("c", 3, 4, "released.pth 4567cdef"), finetuned(folder / "d", {"none", 1, 5})};
  CHECK(contains(printed(results_of(runs, "text")),
                 "\nother weights (in_50.pth 0123abcd)         10%     1     20.00"));
  CHECK(contains(printed(results_of(runs, "text")),
                 "\nscratch                                    10%     1     50.00"));
  CHECK(contains(printed(results_of(runs, "csv")), "\nc,other,released.pth 4567cdef,0.1,3,40,"));
  const std::string latex = printed(results_of(runs, "latex"));
  CHECK(contains(latex, "other weights (in\\_50.pth 0123abcd) & 10~\\% & 2 & 2.50 $"));
  CHECK(contains(latex, "other weights (released.pth 4567cdef) & 10~\\% & 1 & 4.00 "));
  printed({"results", runs[0], runs[3], "--out", folder / "results.json"});
  const json rows = json::parse(read_bytes(folder / "results.json"));
  CHECK(rows[0]["initial_weights"] == "in_50.pth 0123abcd");
  CHECK_FALSE(rows[1].contains("initial_weights"));
  // A run of an older version has the name alone, from its settings.
  CHECK(contains(printed(results_of({other("e", 1, 2, "")}, "markdown")),
                 "| other weights (model.safetensors) | 10 % | 1 |"));
}

// Two seeds of a fine-tuning that say they began from here/FILE and there/FILE, of the same
// content.
std::vector<std::string> from_two_places(const TempFolder& folder, const char* method,
                                         const std::string& file) {
  std::vector<std::string> runs;
  for (const char* place : {"here", "there"}) {
    const std::string run = finetuned(folder / place, {method, std::int64_t(runs.size()), 2});
    Settings settings =
        settings_from_yaml(Command::finetune, read_bytes(run + "/config.yaml"), run);
    settings.init_from = std::string(place) + "/" + file;
    write_bytes(run + "/config.yaml", settings_yaml(Command::finetune, settings));
    json scores = scores_of({method});
    scores["initial_weights"] = file + " 0123abcd";
    write_bytes(run + "/scores.json", scores.dump());
    runs.push_back(run);
  }
  return runs;
}

TEST_CASE("results: one file's runs are taken together from wherever it lay", "[report]") {
  const TempFolder folder;
  const std::vector<std::string> runs = from_two_places(folder, "other", "in.pth");
  CHECK(contains(printed(results_of(runs, "markdown")),
                 "| other weights (in.pth 0123abcd) | 10 % | 2 | 2.00 ± 0.00 |"));
  json scores = scores_of({"other"});
  scores["initial_weights"] = "in.pth 89abcdef";
  write_bytes(runs[1] + "/scores.json", scores.dump());
  const std::string apart = printed(results_of(runs, "markdown"));
  CHECK(contains(apart, "| other weights (in.pth 0123abcd) | 10 % | 1 |"));
  CHECK(contains(apart, "| other weights (in.pth 89abcdef) | 10 % | 1 |"));
}

TEST_CASE("results: a foreign network is one, by whatever path it was scored", "[report]") {
  const TempFolder folder;
  std::vector<std::string> runs;
  const auto score = [&](const std::string& name, const std::string& weights, double error,
                         const std::string& initial) {
    json scores = scores_of({"other", 1, error});
    scores["init_from"] = weights;
    scores["initial_weights"] = initial;
    fs::create_directories(folder / name);
    write_bytes(folder / (name + "/scores.json"), scores.dump());
    runs.push_back(folder / name);
  };
  score("x", "near/net.pth", 4, "net.pth 0123abcd");
  score("y", "/far/net.pth", 5, "net.pth 0123abcd");
  CHECK(contains(printed(results_of(runs, "markdown")),
                 "| other weights (net.pth 0123abcd) |  | 2 | 4.50 ± 0.71 |"));
  // Two networks of ours that both began from that file, and whose runs are gone.
  runs.clear();
  score("x", "1/model.safetensors", 4, "net.pth 0123abcd");
  score("y", "2/model.safetensors", 5, "net.pth 0123abcd");
  CHECK(contains(printed(results_of(runs, "markdown")), " |  | 1 | 4.00 |"));
}

TEST_CASE("results: a foreign start's name alone does not make our pre-trainings one", "[report]") {
  const TempFolder folder;
  const std::vector<std::string> runs = from_two_places(folder, "peclr", "model.safetensors");
  const std::string table = printed(results_of(runs, "markdown"));
  CHECK(contains(table, "| PeCLR, init\\_from=here/model.safetensors | 10 % | 1 |"));
  CHECK(contains(table, "| PeCLR, init\\_from=there/model.safetensors | 10 % | 1 |"));
}

TEST_CASE("tables: what Markdown and LaTeX would take for their own is escaped", "[report]") {
  const Table table{{{"a_b"}, {"n", true}}, {{"x|y*<z>\\", "1\u00A0±\u00A02"}, {"{$&#%~^}", ""}}};
  CHECK(markdown_of(table) ==
        "| a\\_b | n |\n| :--- | ---: |\n| x\\|y\\*&lt;z>\\\\ | 1 ± 2 |\n| {$&#%~^} |  |\n");
  CHECK(latex_of(table) ==
        "\\begin{tabular}{lr}\n\\toprule\na\\_b & n \\\\\n\\midrule\n"
        "x|y*<z>\\textbackslash{} & 1 $\\pm$ 2 \\\\\n"
        "\\{\\$\\&\\#\\%\\textasciitilde{}\\textasciicircum{}\\} &  \\\\\n"
        "\\bottomrule\n\\end{tabular}\n");
}

TEST_CASE("results: the same reading, one row a run", "[report]") {
  const TempFolder folder;
  const std::string run = finetuned(folder / "run", {"none", 4, 2.25});
  const ProgramResult result = run_peclr({"results", run, "--out", folder / "results.json"});
  INFO(described(result));
  REQUIRE(result.exit_code == 0);
  const json row = json::parse(read_bytes(folder / "results.json")).at(0);
  CHECK(row["method"] == "scratch");
  CHECK(row["seed"] == 4);
  CHECK(row["pa_epe_cm"] == 2.25);
  CHECK(row["epe_median_cm"].is_null());
  CHECK(row["count"] == 3);
  fs::remove(run + "/scores.json");
  CHECK(run_peclr({"results", run}).refuses(3, {"scores.json", "evaluate"}));
}

}  // namespace
}  // namespace peclr
