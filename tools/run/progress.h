// SPDX-License-Identifier: Apache-2.0
// How far a run is, on stderr: one line redrawn in place on a terminal, plain lines now and then in
// a log file.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace peclr {

enum class ProgressStyle { plain, redrawn, redrawn_in_colour };

// `term` and `no_color` are the values of TERM and NO_COLOR, nullptr if they are not set.
ProgressStyle choose_progress_style(bool is_terminal, const char* term, const char* no_color);
ProgressStyle progress_style_of_stderr();

// "0:07", "38:10", "1:02:03", "2d 3:04:05".
std::string format_duration(double seconds);
// Three significant digits: "9.64", "96.4", "964", "9.64k".
std::string format_rate(double per_second);

// Units of work a second, over about the last `seconds`: old work fades away exponentially.
class SpeedMeter {
 public:
  explicit SpeedMeter(double seconds = 15) : memory_(seconds) {}
  void add(double work, double seconds);
  double per_second() const { return seconds_ > 0 ? work_ / seconds_ : 0; }

 private:
  double memory_, work_ = 0, seconds_ = 0;
};

struct ProgressState {
  std::int64_t step = 0, steps = 0;    // done, and in all
  std::int64_t epoch = 0, epochs = 0;  // epochs 0: not shown
  double loss = 0;
  bool has_loss = true;
  double images_per_s = 0;
  double eta_seconds = -1;  // below 0: not known yet
};
// "pretrain  step 120/10800  epoch 2/100  loss 5.312  212 img/s  ETA 38:10"
std::string progress_text(std::string_view label, const ProgressState& state);

struct ProgressOptions {
  std::string label;       // of the line: "pretrain"
  std::int64_t steps = 0;  // of the whole run
  std::int64_t first = 0;  // steps that were done before (a resumed run)
  std::int64_t epochs = 0;
  ProgressStyle style = ProgressStyle::plain;
  int columns = 0;                                   // of the terminal; 0: ask stderr
  std::function<double()> now = {};                  // seconds; the steady clock if empty
  std::function<void(std::string_view)> write = {};  // stderr if empty
};

class Progress {
 public:
  explicit Progress(ProgressOptions options);
  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  struct Step {
    std::int64_t step = 0;  // steps done, this one included
    std::int64_t epoch = 0;
    double loss = 0;
    std::int64_t images = 0;  // of this step
  };
  void update(const Step& step);                              // with a loss
  void update_count(std::int64_t step, std::int64_t images);  // without
  void update_count(std::int64_t step);                       // where a step is an image
  // A line of its own that does not tear the redrawn one.
  void note(std::string_view line);
  // Leaves the last state on a line of its own. Called by the destructor.
  void finish();

 private:
  void advance(std::int64_t step, std::int64_t images);
  void draw(bool last);

  ProgressOptions options_;
  ProgressState state_;
  SpeedMeter images_, steps_;
  double last_time_, last_draw_ = 0;
  bool drawn_once_ = false, drawn_state_ = true, finished_ = false, line_open_ = false;
};

}  // namespace peclr
