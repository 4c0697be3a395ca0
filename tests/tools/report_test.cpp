// SPDX-License-Identifier: Apache-2.0
// `peclr report`: pages that are well-formed and fetch nothing, numbers that are those of the
// files, views that are those of the run, and what goes wrong for people.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/synthetic.h"
#include "tests/support/files.h"
#include "tests/support/markup.h"
#include "tests/support/program.h"
#include "tests/support/report_runs.h"
#include "tools/report/axis.h"
#include "tools/report/headline.h"
#include "tools/report/html.h"
#include "tools/report/overlays.h"
#include "tools/report/page.h"
#include "tools/report/picture.h"
#include "tools/report/series.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace test;

// ---- The checker itself.

TEST_CASE("markup: planted faults are found", "[report]") {
  const auto page = [](const std::string& body) {
    return "<!DOCTYPE html>\n<html><body>" + body + "</body></html>\n";
  };
  for (const char* good : {"", "<p class=\"a\">x &amp; y &lt;</p>", "<img src=\"data:,\"/>",
                           "<svg viewBox=\"0 0 1 1\"><line x1=\"0\"/></svg>"}) {
    CAPTURE(good, faults_of_page(page(good)));
    CHECK(faults_of_page(page(good)).empty());
  }
  for (const char* bad :
       {"<p>", "</p>", "<b><i></b></i>", "a<b>&c", "x & y", "1 < 2", "<p class=a></p>",
        "<p class=\"a\"b\"></p>", "<img src=\"x.png\"/>", "<a href=\"https://x.org\">x</a>",
        "<script></script>", "<p onload=\"x\"></p>", "see http://x.org", "<p style=\"url(x)\"></p>",
        "<link rel=\"x\"/>", "<p title=\"<\"></p>", "&nbsp;"}) {
    CAPTURE(bad);
    CHECK_FALSE(faults_of_page(page(bad)).empty());
  }
  CHECK_FALSE(faults_of_page("<html></html>").empty());
  CHECK(texts_of("<td class=\"x\">a &lt;&amp;lt;</td><td><b>b</b></td>", "td") ==
        std::vector<std::string>{"a <&lt;"});
}

// ---- The parts.

TEST_CASE("report: text is escaped", "[report]") {
  CHECK(escaped("a<b>&\"c\"'") == "a&lt;b&gt;&amp;&quot;c&quot;&#39;");
  CHECK(escaped("two\n\tlines ±") == "two\n\tlines ±");
  CHECK(escaped(std::string("\0\x01\xFF", 3)) == "\\x00\\x01\\xFF");
  CHECK(escaped("") == "");
}

TEST_CASE("report: an element is closed even where its content fails", "[report]") {
  Html html;
  CHECK_THROWS(html.in("p", {}, [&] { html.in("b", {}, [] { fail(ErrorKind::data, "gone"); }); }));
  CHECK(html.page() == "<p><b></b></p>");
}

TEST_CASE("report: base64 as RFC 4648 has it", "[report]") {
  const auto of = [](std::string_view text) { return base64({text.begin(), text.end()}); };
  CHECK(of("") == "");
  CHECK(of("f") == "Zg==");
  CHECK(of("fo") == "Zm8=");
  CHECK(of("foo") == "Zm9v");
  CHECK(of("foob") == "Zm9vYg==");
  CHECK(of("fooba") == "Zm9vYmE=");
  CHECK(of("foobar") == "Zm9vYmFy");
  CHECK(of("\xFB\xFF\xBF") == "+/+/");
}

TEST_CASE("report: ticks, smoothing, thinning, means", "[report]") {
  CHECK(ticks_of({0, 100}, 5) == std::vector<double>{0, 20, 40, 60, 80, 100});
  CHECK(ticks_of({3.2, 4.9}, 5).front() == Approx(3.2));
  CHECK(ticks_of({1, 1}, 5).empty());
  for (const double tick : ticks_of({-0.31, 0.84}, 6))
    CHECK_FALSE((tick == 0 && std::signbit(tick)));

  std::vector<Point> line;
  for (int i = 0; i < 50; ++i) line.push_back({double(i), 2.0 * i});
  const std::vector<Point> smooth = smoothed(line, 9);
  REQUIRE(smooth.size() == 50);
  for (int i = 0; i + 4 < 50; ++i) CHECK(smooth[std::size_t(i)].y == Approx(2.0 * i));  // no lag
  CHECK(smooth[49].y == Approx(2 * 47));
  const std::vector<Point> few = thinned(line, 7);
  CHECK(few.size() == 7);
  CHECK(few.front().x == 0);
  CHECK(few.back().x == 49);
  const std::vector<Point> mean =
      mean_of(std::vector<std::vector<Point>>{{{1, 2}, {2, 4}}, {{1, 4}}});
  REQUIRE(mean.size() == 1);
  CHECK(mean[0].y == 3);
}

TEST_CASE("report: the best, the median and the worst pictures", "[report]") {
  std::vector<PictureError> pictures(9);
  const double errors[] = {5, 1, 9, 3, 7, 2, 8, 4, 6};
  for (std::size_t i = 0; i < 9; ++i) pictures[i].pa_epe_mm = errors[i];
  const auto chosen = best_median_worst(pictures, 2);
  const auto values = [&](std::size_t rank) {
    std::vector<double> out;
    for (const std::size_t i : chosen[rank]) out.push_back(pictures[i].pa_epe_mm);
    return out;
  };
  CHECK(values(0) == std::vector<double>{1, 2});
  CHECK(values(1) == std::vector<double>{4, 5});
  CHECK(values(2) == std::vector<double>{8, 9});
  for (std::size_t n = 0; n < 9; ++n) {
    pictures.resize(n);
    std::vector<std::size_t> all;
    for (const auto& part : best_median_worst(pictures, 2))
      all.insert(all.end(), part.begin(), part.end());
    std::sort(all.begin(), all.end());
    CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
    CHECK(all.size() == std::min<std::size_t>(n, n < 3 ? n : 3 * std::min<std::size_t>(2, n / 3)));
  }
}

// ---- Whole pages.

TEST_CASE("report: a page of everything is well-formed and fetches nothing", "[report]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 8, 1);
  const std::string hands = folder / "hands";
  const std::vector<std::string> runs{
      pretrained(folder / "pre <b>&\"x'", Settings::Method::peclr, hands),
      pretrained(folder / "pre_simclr", Settings::Method::simclr, hands),
      finetuned(folder / "fine & <i>", {"peclr", 1, 2.0}),
      finetuned(folder / "fine_scratch", {"none", 1, 2.5}), folder / "probe"};
  fs::create_directories(folder / "probe");
  write_bytes(folder / "probe/probe.json",
              R"({"kind": "joints", "weights": "peclr", "probe_2d_pct": 13.37,
                  "probe_2d_mean_pct": 18.3, "train": 40, "test": 10})");
  json errors{{"set", hands}, {"pictures", json::array()}};
  for (int i = 0; i < 6; ++i) {
    json joints = json::array();
    for (int j = 0; j < 21; ++j) joints.push_back({100 + 4 * j, 60 + 6 * j});
    errors["pictures"].push_back({{"file", fmt::format("training/rgb/{:08}.jpg", i)},
                                  {"epe_mm", 100 + i},
                                  {"pa_epe_mm", 20.25 + i},
                                  {"uv", joints},
                                  {"uv_true", joints}});
  }
  write_bytes(runs[2] + "/errors.json", errors.dump());
  write_bytes(runs[2] + "/run.json",
              R"({"finetune": {"command": "peclr finetune 'a<b>&c'", "version": "peclr 0 <x>",
                  "device": "cpu, 2 threads", "cpu": "A & B", "started": "2021-06-10T12:00:00Z",
                  "finished": "2021-06-10T12:01:05Z", "seconds": 65, "starts": 2}})");
  fs::create_directories(runs[3] + "/skeletons");
  write_bytes(runs[3] + "/predictions.json", "[]");
  fs::copy_file(hands + "/training/rgb/00000000.jpg", runs[3] + "/skeletons/<0>.jpg");

  const ProgramResult result = run_peclr(
      {"report", runs[0], runs[1], runs[2], runs[3], runs[4], "--out", folder / "page.html"});
  INFO(described(result));
  REQUIRE(result.exit_code == 0);
  const std::string page = read_bytes(folder / "page.html");
  const auto faults = faults_of_page(page);
  CAPTURE(faults);
  CHECK(faults.empty());
  // The same name, not escaped, is what the checker must catch.
  std::string broken = page;
  const std::string name = "pre &lt;b&gt;&amp;&quot;x&#39;";
  REQUIRE(contains(broken, name));
  broken.replace(broken.find(name), name.size(), "pre <b>&\"x'");
  CHECK_FALSE(faults_of_page(broken).empty());

  for (const char* head :
       {"Results", "Probes of frozen features", "Pairs of views, and their inversion",
        "Predictions beside the truth", "Pre-training", "Fine-tuning", "Machine", "The same again",
        "Settings"}) {
    CAPTURE(head);
    CHECK(has(texts_of(page, "h2"), head));
  }
  const auto cells = texts_of(page, "td");
  for (const char* cell : {"13.37", "18.30", "A & B", "1:05, 2 starts", "100", "2.00", "2.50"}) {
    CAPTURE(cell);
    CHECK(has(cells, cell));
  }
  CHECK(has(texts_of(page, "b"), "20.2 mm"));  // best
  CHECK(has(texts_of(page, "b"), "25.2 mm"));  // worst
  CHECK(contains(page, "peclr finetune &#39;a&lt;b&gt;&amp;c&#39;"));
  CHECK(contains(page, "2021-06-10 to 20"));
  CHECK(contains(page, "batch_size: 128"));  // config.yaml
  // 6 pairs of 5 pictures (SimCLR's are the same), 6 overlays of 2, 1 drawn hand.
  std::size_t pictures = 0;
  for (std::size_t at = 0; (at = page.find("=\"data:image/", at)) != std::string::npos; ++at)
    ++pictures;
  CHECK(pictures == 6 * 5 + 6 * 2 + 1);

  write_bytes(runs[3] + "/skeletons/a.png", "not a picture");
  fs::remove_all(hands);
  const std::string without = page_of(runs);
  CHECK(faults_of_page(without).empty());
  CHECK(contains(without, "The pictures of this run cannot be shown: "));
  CHECK(contains(without, " are not there any more."));
}

TEST_CASE("report: the table's numbers are those of the files", "[report]") {
  const TempFolder folder;
  std::vector<std::string> runs;
  const double errors[2][3] = {{2.11, 2.35, 2.02}, {2.43, 2.29, 2.61}};
  for (int m = 0; m < 2; ++m)
    for (int seed = 1; seed <= 3; ++seed)
      runs.push_back(finetuned(folder / fmt::format("run{}{}", m, seed),
                               {m ? "none" : "peclr", seed, errors[m][seed - 1]}));
  runs.push_back(finetuned(folder / "half", {"peclr", 1, 1.5, 0.5}));
  const auto cells = texts_of(page_of(runs), "td");

  const auto mean_and_deviation = [&](std::size_t first, const char* key, int digits) {
    double sum = 0, squares = 0;
    for (std::size_t i = first; i < first + 3; ++i)
      sum += json::parse(read_bytes(runs[i] + "/scores.json"))[key].get<double>();
    for (std::size_t i = first; i < first + 3; ++i)
      squares += std::pow(
          json::parse(read_bytes(runs[i] + "/scores.json"))[key].get<double>() - sum / 3, 2);
    return fmt::format("{:.{}f}\u00A0±\u00A0{:.{}f}", sum / 3, digits, std::sqrt(squares / 2),
                       digits);
  };
  // scratch 10 %, PeCLR 10 %, PeCLR 50 %; method, labels, n, then the scores.
  REQUIRE(cells.size() == 3 * 8);
  const struct {
    std::size_t row, first;
    const char* method;
  } rows[] = {{0, 3, "scratch"}, {1, 0, "PeCLR"}};
  for (const auto& [row, first, method] : rows) {
    const std::vector<std::string> got(cells.begin() + std::ptrdiff_t(8 * row),
                                       cells.begin() + std::ptrdiff_t(8 * row + 8));
    CHECK(got == std::vector<std::string>{
                     method, "10\u00A0%", "3", mean_and_deviation(first, "pa_epe_cm", 2),
                     mean_and_deviation(first, "pa_auc", 3), mean_and_deviation(first, "epe_cm", 2),
                     mean_and_deviation(first, "auc", 3),
                     mean_and_deviation(first, "epe_2d_px", 1)});
  }
  CHECK(cells[16] == "PeCLR");
  CHECK(cells[17] == "50\u00A0%");
  CHECK(cells[18] == "1");
  CHECK(cells[19] == "1.50");

  json scores = scores_of({});
  scores.erase("auc");
  scores["pa_auc"] = nullptr;
  write_bytes(runs[6] + "/scores.json", scores.dump());
  const auto emptier = texts_of(page_of({runs[6]}), "td");
  CHECK(emptier[4].empty());
  CHECK(emptier[6].empty());
  CHECK(emptier[3] == "2.00");
}

TEST_CASE("report: a killed run's last line is passed over, other damage is not", "[report]") {
  const TempFolder folder;
  const std::string run = finetuned(folder / "run", {});
  const std::string whole = read_bytes(run + "/metrics.jsonl");
  const std::size_t lines = read_run(run).metrics.at("loss").size();
  for (const std::size_t cut : {1u, 2u, 30u}) {
    write_bytes(run + "/metrics.jsonl", whole.substr(0, whole.size() - cut));
    const Run killed = read_run(run);
    CHECK(killed.metrics.at("loss").size() == (cut == 1 ? lines : lines - 1));
    CHECK(faults_of_page(report_page({killed})).empty());
  }
  write_bytes(run + "/metrics.jsonl", "");
  CHECK(faults_of_page(page_of({run})).empty());
  write_bytes(run + "/metrics.jsonl", "{\"step\": 1, \"lo\n" + whole);
  const auto error = caught([&] { read_run(run); });
  CHECK(error.kind == 3);
  CHECK(error.names("metrics.jsonl:1"));
  CHECK(error.one_line());
  write_bytes(run + "/metrics.jsonl",
              "{\"step\": 1, \"loss\": null}\n{\"step\": 2, \"loss\": 5}\n");
  CHECK(faults_of_page(page_of({run})).empty());
}

TEST_CASE("report: bad input gets one line and its exit code", "[report]") {
  const TempFolder folder;
  const auto refused = [&](const std::string& run, int code,
                           const std::vector<std::string>& parts) {
    const std::string out = folder / "page.html";
    const ProgramResult result = run_peclr({"report", run, "--out", out});
    INFO(described(result));
    CHECK(result.refuses(code, parts));
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK_FALSE(fs::exists(out));
  };
  refused(folder / "nowhere", 3, {"nowhere", "no run's folder"});
  fs::create_directories(folder / "empty");
  refused(folder / "empty", 3, {"empty", "config.yaml"});
  const auto damaged = [&](const char* file, const char* text,
                           const std::vector<std::string>& parts) {
    const std::string run = finetuned(folder / "run", {});
    write_bytes(run + "/" + file, text);
    refused(run, 3, parts);
    fs::remove_all(run);
  };
  damaged("scores.json", "{\"epe_cm\": 1", {"scores.json", "not a JSON object"});
  damaged("scores.json", "[1]", {"scores.json", "not a JSON object"});
  damaged("errors.json", "{\"set\": \"x\", \"pictures\": [{}]}", {"errors.json"});
  damaged("errors.json", "{", {"errors.json"});
  damaged("probe.json", "", {"probe.json"});
  damaged("run.json", "no", {"run.json"});
  damaged("config.yaml", "seed: [\n", {"config.yaml"});
  damaged("config.yaml", "sead: 1\n", {"config.yaml", "'sead'"});

  const std::string good = finetuned(folder / "run", {});
  CHECK(
      run_peclr({"report", good, "--out", folder / "no/folder.html"}).refuses(1, {"folder.html"}));
  CHECK(run_peclr({"report", good, "--out", folder.path().string()}).refuses(1, {"cannot write"}));
  CHECK(run_peclr({"report", good}).refuses(2, {"--out"}));
}

}  // namespace
}  // namespace peclr
