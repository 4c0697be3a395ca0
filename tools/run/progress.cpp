// SPDX-License-Identifier: Apache-2.0
#include "tools/run/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>

namespace peclr {
namespace {

constexpr double kRedrawSeconds = 0.1, kPlainSeconds = 10;  // between two lines
constexpr const char* kClearLine = "\r\x1b[K";

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Progress is a courtesy: a terminal that went away must not stop the run.
void write_to_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

int columns_of_stderr() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

ProgressStyle choose_progress_style(bool is_terminal, const char* term, const char* no_color) {
  if (!is_terminal || !term || !*term || std::string_view(term) == "dumb")
    return ProgressStyle::plain;
  return no_color && *no_color ? ProgressStyle::redrawn : ProgressStyle::redrawn_in_colour;
}

ProgressStyle progress_style_of_stderr() {
  return choose_progress_style(::isatty(STDERR_FILENO), std::getenv("TERM"),
                               std::getenv("NO_COLOR"));
}

std::string format_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  const auto s = static_cast<std::int64_t>(std::llround(seconds));
  const std::int64_t days = s / 86400, hours = s / 3600 % 24, minutes = s / 60 % 60;
  if (days) return fmt::format("{}d {}:{:02}:{:02}", days, hours, minutes, s % 60);
  if (hours) return fmt::format("{}:{:02}:{:02}", hours, minutes, s % 60);
  return fmt::format("{}:{:02}", minutes, s % 60);
}

std::string format_rate(double per_second) {
  if (!std::isfinite(per_second)) return "?";
  if (per_second < 9.995) return fmt::format("{:.2f}", per_second);
  if (per_second < 99.95) return fmt::format("{:.1f}", per_second);
  if (per_second < 999.5) return fmt::format("{:.0f}", per_second);
  return format_rate(per_second / 1000) + "k";
}

void SpeedMeter::add(double work, double seconds) {
  const double fade = std::exp(-std::max(0.0, seconds) / memory_);
  work_ = work_ * fade + work;
  seconds_ = seconds_ * fade + seconds;
}

std::string progress_text(std::string_view label, const ProgressState& state) {
  std::string text = fmt::format("{}  step {}/{}", label, state.step, state.steps);
  if (state.epochs) text += fmt::format("  epoch {}/{}", state.epoch, state.epochs);
  if (state.has_loss) text += fmt::format("  loss {:.4g}", state.loss);
  if (state.images_per_s > 0) text += fmt::format("  {} img/s", format_rate(state.images_per_s));
  if (state.eta_seconds >= 0) text += fmt::format("  ETA {}", format_duration(state.eta_seconds));
  return text;
}

Progress::Progress(ProgressOptions options) : options_(std::move(options)) {
  if (!options_.now) options_.now = steady_seconds;
  if (!options_.write) options_.write = write_to_stderr;
  state_ = {.step = options_.first, .steps = options_.steps, .epoch = 0, .epochs = options_.epochs};
  last_time_ = options_.now();
}

void Progress::update(const Step& step) {
  state_.epoch = step.epoch;
  state_.loss = step.loss;
  state_.has_loss = true;
  advance(step.step, step.images);
}

void Progress::update_count(std::int64_t step, std::int64_t images) {
  state_.has_loss = false;
  advance(step, images);
}

void Progress::update_count(std::int64_t step) { update_count(step, step - state_.step); }

void Progress::advance(std::int64_t step, std::int64_t images) {
  const double now = options_.now(), seconds = now - last_time_;
  last_time_ = now;
  images_.add(static_cast<double>(images), seconds);
  steps_.add(static_cast<double>(step - state_.step), seconds);
  state_.step = step;
  state_.images_per_s = images_.per_second();
  const double speed = steps_.per_second();
  state_.eta_seconds = speed > 0 ? static_cast<double>(state_.steps - state_.step) / speed : -1;
  drawn_state_ = false;
  const double pause = options_.style == ProgressStyle::plain ? kPlainSeconds : kRedrawSeconds;
  if (!drawn_once_ || now - last_draw_ >= pause) draw(false);
}

void Progress::note(std::string_view line) {
  std::string text = line_open_ ? kClearLine : "";
  text.append(line).append("\n");
  options_.write(text);
  line_open_ = false;
  if (options_.style != ProgressStyle::plain && drawn_once_ && !finished_) draw(false);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (drawn_once_ && (!drawn_state_ || line_open_)) draw(true);
}

void Progress::draw(bool last) {
  std::string text = progress_text(options_.label, state_);
  if (options_.style == ProgressStyle::plain) {
    text += "\n";
  } else {
    // A line that wraps could not be taken back.
    const int columns = options_.columns > 0 ? options_.columns : columns_of_stderr();
    text = text.substr(0, static_cast<std::size_t>(std::max(columns - 1, 1)));
    const std::size_t label = std::min(options_.label.size(), text.size());
    if (options_.style == ProgressStyle::redrawn_in_colour)
      text = "\x1b[1m" + text.substr(0, label) + "\x1b[0m" + text.substr(label);
    text = kClearLine + text + (last ? "\n" : "");
    line_open_ = !last;
  }
  options_.write(text);
  drawn_once_ = drawn_state_ = true;
  last_draw_ = last_time_;
}

}  // namespace peclr
