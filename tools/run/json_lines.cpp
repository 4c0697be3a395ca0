// SPDX-License-Identifier: Apache-2.0
#include "tools/run/json_lines.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/text.h"

namespace peclr {
namespace {

std::optional<std::int64_t> step_of(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto step = json.find("step");
  if (step == json.end() || !step->is_number_integer()) return std::nullopt;
  return step->get<std::int64_t>();
}

std::string json_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

}  // namespace

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

JsonLine& JsonLine::add(std::string_view key, float value) {
  return add_raw(key, std::isfinite(value) ? fmt::format("{}", value) : "null");
}

JsonLine& JsonLine::add(std::string_view key, double value) {
  return add_raw(key, json_number(value));
}

JsonLine& JsonLine::add(std::string_view key, std::span<const double> values) {
  std::string list;
  for (const double value : values)
    list += fmt::format("{}{}", list.empty() ? "" : ", ", json_number(value));
  return add_raw(key, "[" + list + "]");
}

JsonLine& JsonLine::add(std::string_view key, std::string_view value) {
  return add_raw(key, json_string(value));
}

JsonLine& JsonLine::add_raw(std::string_view key, std::string_view json) {
  text_ += fmt::format("{}{}: {}", text_.size() > 1 ? ", " : "", json_string(key), json);
  return *this;
}

JsonLines::JsonLines(std::string path) : path_(std::move(path)) {
  fd_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (fd_.get() < 0) fail_writing(path_, "cannot write", errno);
}

void JsonLines::write(const JsonLine& line) {
  const std::string text = line.text() + "\n";
  struct stat before {};
  if (::fstat(fd_.get(), &before) != 0) before.st_size = -1;
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd_.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int error = n < 0 ? errno : EIO;
      // Best effort: half a line would be dropped by the next resume anyway.
      if (before.st_size >= 0 && ::ftruncate(fd_.get(), before.st_size) != 0) errno = error;
      fail_writing(path_, "cannot write", error);
    }
    done += static_cast<std::size_t>(n);
  }
}

void cut_json_lines(const std::string& path, std::int64_t last_step) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return;
  const std::string text = read_text_file(path, ErrorKind::failure, std::uint64_t{4} << 30);
  std::string kept;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const bool complete = end != std::string::npos;
    const std::string_view line =
        std::string_view(text).substr(begin, complete ? end - begin : end);
    const auto step = complete ? step_of(line) : std::nullopt;
    if (step && *step <= last_step) kept.append(line).append("\n");
    begin = complete ? end + 1 : text.size();
  }
  if (kept != text) write_file_atomically(path, kept);
}

}  // namespace peclr
