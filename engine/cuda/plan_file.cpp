// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/plan_file.h"

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/cuda/conv_shape.h"
#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/files/file.h"
#include "engine/files/file_error.h"
#include "engine/say.h"
#include "engine/text.h"

namespace peclr::cuda {
namespace {

constexpr int kFormat = 1;
constexpr std::uint64_t kMaxBytes = 64 << 20;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// Letters, digits, dots and dashes; anything else would be awkward in a file's name.
std::string as_file_name(std::string text) {
  for (char& c : text)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '_';
  return text;
}

// The library would take fractions, too, and hold those that fit no whole number for any.
std::int64_t whole(const nlohmann::json& value) {
  if (!value.is_number_integer()) fail(ErrorKind::data, "a number that should be whole");
  return value.get<std::int64_t>();
}

KnownPlans read_plans(const std::string& path) {
  const std::string text = read_text_file(path, ErrorKind::data, kMaxBytes);
  try {
    return parse_plans(text);
  } catch (const Error& e) {
    fail(ErrorKind::data, "{}: {}", printable(path), e.what());
  }
}

}  // namespace

std::string text_of(ConvPass pass, const ConvShape& s) {
  const char* name = pass == ConvPass::forward         ? "forward"
                     : pass == ConvPass::backward_data ? "backward data"
                                                       : "backward weights";
  return fmt::format("{} {} {}x{}x{}x{} to {}, window {}, stride {}, padding {}", name,
                     name_of(s.type), s.images, s.height, s.width, s.in, s.out, s.kernel, s.stride,
                     s.padding);
}

std::string text_of(const KnownPlans& plans) {
  nlohmann::json rows = nlohmann::json::object();
  for (const auto& [key, plan] : plans) {
    rows[key] = nullptr;
    if (plan)
      rows[key] = {
          {"engine", plan->engine}, {"knobs", plan->knobs}, {"microseconds", plan->microseconds}};
  }
  return nlohmann::json{{"format", kFormat}, {"plans", rows}}.dump(1) + "\n";
}

KnownPlans parse_plans(const std::string& text) {
  KnownPlans plans;
  try {
    const nlohmann::json file = nlohmann::json::parse(text);
    if (const std::int64_t format = whole(file.at("format")); format != kFormat)
      fail(ErrorKind::data, "format {}, not {}", format, kFormat);
    for (const auto& [key, row] : file.at("plans").items()) {
      KnownPlan& plan = plans[key];
      if (row.is_null()) continue;
      plan = {whole(row.at("engine")), {}, row.at("microseconds").get<double>()};
      for (const nlohmann::json& knob : row.at("knobs"))
        plan->knobs.emplace_back(whole(knob.at(0)), whole(knob.at(1)));
    }
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::data, "{}", printable(e.what(), 200));
  }
  return plans;
}

std::string plan_file_path(const std::string& card, std::size_t cudnn_version) {
  std::filesystem::path folder = variable("XDG_CACHE_HOME");
  if (folder.empty() && !variable("HOME").empty())
    folder = std::filesystem::path(variable("HOME")) / ".cache";
  if (folder.empty()) return "";
  return folder / "peclr" / fmt::format("{}-cudnn{}.json", as_file_name(card), cudnn_version);
}

PlanFile::PlanFile(std::string path) : path_(std::move(path)) {
  std::error_code ignored;
  if (path_.empty() || !std::filesystem::exists(path_, ignored)) return;
  try {
    plans_ = read_plans(path_);
  } catch (const Error& e) {
    say("{}; convolutions are timed anew\n", e.what());
  }
}

PlanFile::~PlanFile() {
  if (unsaved_) save();
}

const KnownPlan* PlanFile::find(const std::string& key) const {
  const auto it = plans_.find(key);
  return it == plans_.end() ? nullptr : &it->second;
}

void PlanFile::store(const std::string& key, const KnownPlan& plan) {
  plans_[key] = plan;
  unsaved_ = !path_.empty();
  if (unsaved_) save();
}

void PlanFile::save() {
  try {
    write();
    unsaved_ = false;
  } catch (const BeingWritten&) {  // by another run's store(), which takes no time
  } catch (const std::exception& e) {
    if (!std::exchange(told_, true))
      say("{}; the fastest plans of convolutions are not kept\n", e.what());
  }
}

void PlanFile::write() {
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail_writing(folder, "cannot make the folder", error.value());
  AtomicFile file(path_);  // from here on nobody else changes what we read
  if (std::filesystem::exists(path_)) {
    try {
      plans_.merge(read_plans(path_));  // ours where both have one
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::data) throw;  // a damaged file is written over, as its reader said
    }
  }
  const std::string text = text_of(plans_);
  file.write(text.data(), text.size());
  file.commit();
}

}  // namespace peclr::cuda
