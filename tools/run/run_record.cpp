// SPDX-License-Identifier: Apache-2.0
#include "tools/run/run_record.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/text.h"
#include "tools/version.h"

namespace peclr {
namespace {

using Json = nlohmann::ordered_json;

std::string now_utc() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name"))
      if (const auto colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "";
}

std::string quoted_for_shell(const std::string& word) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("_-./=:,+@%").find(char(c)) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

RunRecord record_of(const Json& json) {
  const auto text = [&](const char* key) {
    return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
  };
  RunRecord record{text("command"),   text("version"), text("device"),  text("cpu"),
                   text("precision"), text("started"), text("finished")};
  if (json.contains("seconds") && json["seconds"].is_number()) record.seconds = json["seconds"];
  if (json.contains("starts") && json["starts"].is_number_integer()) record.starts = json["starts"];
  if (json.contains("pictures") && json["pictures"].is_number_integer())
    record.pictures = json["pictures"];
  return record;
}

}  // namespace

RunRecords read_run_records(const std::string& folder) {
  const std::string path = folder + "/" + kRunFile;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  const Json json = Json::parse(read_text_file(path, ErrorKind::data, 1 << 20), nullptr, false);
  if (!json.is_object())
    fail(ErrorKind::data, "{}: not a JSON object; move it away", printable(path));
  RunRecords records;
  for (const auto& [command, entry] : json.items())
    if (entry.is_object()) records[command] = record_of(entry);
  return records;
}

RunRecorder::RunRecorder(std::string folder, std::string command,
                         const std::vector<std::string>& words, const What& what)
    : folder_(std::move(folder)), command_(std::move(command)) {
  try {
    records_ = read_run_records(folder_);
  } catch (const Error&) {
    // A record is no reason to stop a run.
  }
  std::vector<std::string> quoted;
  for (const std::string& word : words) quoted.push_back(quoted_for_shell(word));
  const bool known = what.start == Start::resumed && records_.contains(command_);
  RunRecord& record = records_[command_];
  const RunRecord before = record;
  record = {joined(quoted, " "),     version_text(), what.device, cpu_model(),
            name_of(what.precision), now_utc(),      ""};
  record.pictures = what.pictures;
  if (known) {
    record.command = before.command;
    record.started = before.started;
    earlier_ = before.seconds;
    record.starts = before.starts + 1;
  }
}

void RunRecorder::end(End how) {
  if (how == End::finished) records_[command_].finished = now_utc();
  save();
}

void RunRecorder::save() {
  const auto now = std::chrono::steady_clock::now();
  records_[command_].seconds = earlier_ + std::chrono::duration<double>(now - begun_).count();
  Json json = Json::object();
  for (const auto& [command, r] : records_)
    json[command] = {{"command", r.command},
                     {"version", r.version},
                     {"device", r.device},
                     {"cpu", r.cpu},
                     {"precision", r.precision},
                     {"started", r.started},
                     {"finished", r.finished.empty() ? Json() : Json(r.finished)},
                     {"seconds", std::round(10 * r.seconds) / 10},
                     {"starts", r.starts},
                     {"pictures", r.pictures}};
  write_file_atomically(folder_ + "/" + kRunFile,
                        json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace peclr
