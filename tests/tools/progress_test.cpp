// SPDX-License-Identifier: Apache-2.0
// Progress: when it redraws, when it prints lines, and what stands in them; the clock and the
// terminal are ours.
#include "tools/run/progress.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

namespace peclr {
namespace {

struct Recorder {
  double clock = 100;
  std::string text;

  ProgressOptions options(ProgressStyle style) {
    return {.label = "pretrain",
            .steps = 1000,
            .epochs = 4,
            .style = style,
            .columns = 200,
            .now = [this] { return clock; },
            .write = [this](std::string_view part) { text += part; }};
  }
};

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST_CASE("progress: style follows the terminal, TERM and NO_COLOR") {
  CHECK(choose_progress_style(true, "xterm", nullptr) == ProgressStyle::redrawn_in_colour);
  CHECK(choose_progress_style(true, "xterm", "") == ProgressStyle::redrawn_in_colour);
  CHECK(choose_progress_style(true, "xterm", "1") == ProgressStyle::redrawn);
  CHECK(choose_progress_style(true, "dumb", nullptr) == ProgressStyle::plain);
  CHECK(choose_progress_style(true, nullptr, nullptr) == ProgressStyle::plain);
  CHECK(choose_progress_style(false, "xterm", nullptr) == ProgressStyle::plain);
}

TEST_CASE("progress: durations and rates") {
  CHECK(format_duration(0) == "0:00");
  CHECK(format_duration(59.6) == "1:00");
  CHECK(format_duration(38 * 60 + 10) == "38:10");
  CHECK(format_duration(3723) == "1:02:03");
  CHECK(format_duration(2 * 86400 + 3 * 3600 + 245) == "2d 3:04:05");
  CHECK(format_duration(-1) == "?");
  CHECK(format_duration(std::nan("")) == "?");
  CHECK(format_duration(INFINITY) == "?");
  CHECK(format_rate(0) == "0.00");
  CHECK(format_rate(9.994) == "9.99");
  CHECK(format_rate(9.996) == "10.0");
  CHECK(format_rate(212.3) == "212");
  CHECK(format_rate(999.6) == "1.00k");
  CHECK(format_rate(9640) == "9.64k");
  CHECK(format_rate(INFINITY) == "?");
}

TEST_CASE("progress: text") {
  const ProgressState state{.step = 120,
                            .steps = 10800,
                            .epoch = 2,
                            .epochs = 100,
                            .loss = 5.31234,
                            .images_per_s = 212,
                            .eta_seconds = 2290};
  CHECK(progress_text("pretrain", state) ==
        "pretrain  step 120/10800  epoch 2/100  loss 5.312  212 img/s  ETA 38:10");
  CHECK(progress_text("scan", {.step = 1, .steps = 2, .has_loss = false}) == "scan  step 1/2");
  CHECK(progress_text("x", {.step = 1, .steps = 2, .loss = std::nan("")}) ==
        "x  step 1/2  loss nan");
}

TEST_CASE("progress: the meter forgets") {
  SpeedMeter meter(10);
  CHECK(meter.per_second() == 0);
  for (int i = 0; i < 100; ++i) meter.add(5, 1);
  CHECK(meter.per_second() == Approx(5));
  for (int i = 0; i < 100; ++i) meter.add(50, 1);
  CHECK(meter.per_second() == Approx(50).epsilon(0.01));
  meter.add(0, 0);
  CHECK(meter.per_second() == Approx(50).epsilon(0.01));
}

TEST_CASE(
    "progress: a log file gets the first line, some between, and the last, without control "
    "characters") {
  Recorder recorder;
  {
    Progress progress(recorder.options(ProgressStyle::plain));
    for (int step = 1; step <= 1000; ++step) {
      recorder.clock += 0.1;
      progress.update({.step = step, .epoch = 1 + step / 251, .loss = 2, .images = 64});
    }
  }
  // 100 seconds: the first, one each 10 seconds, the last.
  CHECK(count(recorder.text, "\n") == 11);
  CHECK(recorder.text.find('\r') == std::string::npos);
  CHECK(recorder.text.find('\x1b') == std::string::npos);
  CHECK(recorder.text.find("step 1/1000") == recorder.text.find("step "));
  CHECK(count(recorder.text, "step 1000/1000") == 1);
  CHECK(count(recorder.text, "640 img/s") == 11);
  CHECK(count(recorder.text, "step 102/1000  epoch 1/4  loss 2  640 img/s  ETA 1:30") == 1);
}

TEST_CASE(
    "progress: a terminal gets one line, redrawn at most ten times a second, whole at the end") {
  Recorder recorder;
  auto options = recorder.options(ProgressStyle::redrawn);
  Progress progress(options);
  for (int step = 1; step <= 1000; ++step) {
    recorder.clock += 0.001;
    progress.update({.step = step, .epoch = 1, .loss = 2, .images = 64});
  }
  CHECK(count(recorder.text, "\r") <= 12);
  CHECK(count(recorder.text, "\n") == 0);
  CHECK(count(recorder.text, "\x1b[1m") == 0);
  progress.note("warning: a picture was skipped");
  CHECK(count(recorder.text, "\r\x1b[Kwarning: a picture was skipped\n") == 1);
  progress.finish();
  progress.finish();
  CHECK(count(recorder.text, "\n") == 2);
  CHECK(recorder.text.ends_with("\n"));
  CHECK(recorder.text.rfind("step 1000/1000") > recorder.text.find("warning"));
}

TEST_CASE("progress: colour, narrow terminals, resumed runs") {
  Recorder recorder;
  auto options = recorder.options(ProgressStyle::redrawn_in_colour);
  options.columns = 20;
  options.first = 500;
  {
    Progress progress(options);
    recorder.clock += 1;
    progress.update({.step = 501, .epoch = 1, .loss = 2, .images = 64});
  }
  CHECK(recorder.text.find("\x1b[1mpretrain\x1b[0m  step 501/") != std::string::npos);
  CHECK(recorder.text.find("loss") ==
        std::string::npos);  // column 20 stays free, or the terminal would wrap
  recorder.text.clear();
  options.columns = 200;
  Progress progress(options);
  recorder.clock += 2;
  progress.update_count(502, 10);
  CHECK(recorder.text.find("5.00 img/s  ETA 8:18") !=
        std::string::npos);  // 498 steps at 1 a second: not 502 in 2 seconds
}

}  // namespace
}  // namespace peclr
