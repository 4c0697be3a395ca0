// SPDX-License-Identifier: Apache-2.0
#include "tools/run/run_folder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/files/folder.h"
#include "engine/say.h"
#include "engine/text.h"
#include "tools/run/json_lines.h"
#include "tools/settings/engine_options.h"

namespace peclr {
namespace {

constexpr const char* kLast = "last.safetensors";
constexpr const char* kStep = "peclr.step";
constexpr const char* kCommand = "peclr.command";
constexpr const char* kDevice = "peclr.device";  // what device=auto stood for
constexpr const char* kSettings = "peclr.settings";
constexpr const char* kPictures = "peclr.pictures";
constexpr const char* kMark = "peclr.data";
constexpr std::int64_t kMaxSteps = 1'000'000'000'000;

Settings stored_settings(const TensorFile& file, Command command) {
  const std::string& yaml = file.metadata_at(kSettings);
  try {
    return settings_from_yaml(command, yaml, "settings");
  } catch (const Error& e) {
    fail(ErrorKind::data,
         "{}: another version of peclr wrote it ({}); go on with that version, or choose another "
         "out",
         printable(file.path()), e.what());
  }
}

// The weights of epochs that a run kept.
std::vector<std::string> kept_epochs(const std::string& out) {
  std::vector<std::string> names;
  std::error_code not_there;
  for (const auto& entry : std::filesystem::directory_iterator(out, not_there)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("epoch_") && name.ends_with(".safetensors")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// What commands wrote of a model that is not there any more.
std::vector<std::string> results_in(const std::string& out) {
  std::vector<std::string> names;
  for (const char* name :
       {"scores.json", "scores.txt", "errors.json", "probe.json", "predictions.json", "pred.json"})
    if (std::filesystem::exists(out + "/" + name)) names.emplace_back(name);
  return names;
}

}  // namespace

void require_room(const std::string& out, const CommandLine& line) {
  const std::string model = out + "/model.safetensors";
  if (std::filesystem::exists(out + "/" + kLast)) {
    if (!line.resume)
      fail(ErrorKind::usage,
           "{}: the folder holds a run; add --resume to go on with it, or choose another out",
           printable(out));
    return;
  }
  if (std::filesystem::exists(model))
    fail(ErrorKind::usage,
         "{}: would be overwritten; it is a finished run's, without the last.safetensors to go on "
         "from: choose another out, or move it away",
         printable(model));
  std::vector<std::string> left = results_in(out);
  // A run that was killed before its first checkpoint may have kept an epoch; it is asked to go on.
  if (!line.resume)
    for (std::string& name : kept_epochs(out)) left.push_back(std::move(name));
  if (!left.empty())
    fail(ErrorKind::usage,
         "{}: the folder holds what an earlier model left ({}), which would pass for the new "
         "one's; choose another out, or move it away",
         printable(out), printable(joined(left, ", ")));
}

RunFolder::RunFolder(Command command, const CommandLine& line)
    : command_(command), words_(line.words), settings_(load_settings(command, line.settings)) {
  make_writable_folder(settings_.out);
  lock_.emplace(settings_.out);
  require_room(settings_.out, line);
  if (std::filesystem::exists(path(kLast)))
    take_stored(line.settings);
  else if (line.resume)
    say("--resume: no {}, starting afresh\n", printable(path(kLast)));
  tell_of_idle_keys(command, line.settings, settings_);
  settings_ = with_threads(settings_);
  take_device();
}

void RunFolder::take_stored(std::span<const std::string> args) {
  const std::string last = path(kLast);
  stored_.emplace(last);
  if (!stored_->metadata().contains(kCommand))
    fail(ErrorKind::data,
         "{}: not a checkpoint that a run can go on from; move it away, or choose another out",
         last);
  if (stored_->metadata_at(kCommand) != name_of(command_))
    fail(ErrorKind::usage, "{}: a checkpoint of peclr {}, not of peclr {}; choose another out",
         printable(last), printable(stored_->metadata_at(kCommand)), name_of(command_));
  const Settings stored = stored_settings(*stored_, command_);
  const std::string out = settings_.out;
  settings_ = load_settings(args, stored);
  settings_.out = out;
  if (settings_.threads == 0) settings_.threads = stored.threads;
  std::string differing;
  for (const SettingDifference& d : setting_differences(command_, stored, settings_))
    differing += fmt::format("{}{} is {} there and {} here", differing.empty() ? "" : ", ", d.key,
                             d.stored, d.given);
  if (!differing.empty())
    fail(ErrorKind::usage, "--resume: {}: {}; give the same settings, or choose another out", last,
         differing);
  first_step_ = stored_->whole_at(kStep, 0, kMaxSteps);
}

void RunFolder::take_device() {
  asked_device_ = settings_.device;
  settings_.device = chosen_device(asked_device_);
  if (!stored_ || !stored_->metadata().contains(kDevice)) return;
  const std::string& before = stored_->metadata_at(kDevice);
  if (before != name_of(settings_.device))
    fail(ErrorKind::usage,
         "--resume: {}: the run was on device {}, this would be {}, whose sums differ; go on "
         "where it was, or choose another out",
         printable(path(kLast)), printable(before), name_of(settings_.device));
}

RunRecorder RunFolder::begin(const std::string& device, std::int64_t pictures) const {
  if (first_step_ > 0) {
    cut_json_lines(path("metrics.jsonl"), first_step_);
  } else {
    remove_file(path("metrics.jsonl"));
    remove_file(path(kRunFile));  // of commands that used an earlier model
  }
  write_file_atomically(path("config.yaml"), asked_yaml());
  const auto start = first_step_ > 0 ? RunRecorder::Start::resumed : RunRecorder::Start::fresh;
  RunRecorder record(settings_.out, name_of(command_), words_,
                     {device, settings_.precision, pictures, start});
  // A resume that gets nowhere must leave the folder as it was.
  if (start == RunRecorder::Start::fresh) record.save();
  return record;
}

std::string RunFolder::asked_yaml() const {
  Settings asked = settings_;
  asked.device = asked_device_;
  return settings_yaml(command_, asked);
}

Metadata RunFolder::training_metadata(std::int64_t step, const RunData& data) const {
  return {{kCommand, name_of(command_)},
          {kStep, std::to_string(step)},
          {kPictures, std::to_string(data.pictures)},
          {kMark, data.mark},
          {kDevice, name_of(settings_.device)},
          {kSettings, asked_yaml()}};
}

void RunFolder::check_data(const RunData& data) const {
  if (!stored_) return;
  if (stored_->metadata_at(kPictures) != std::to_string(data.pictures))
    fail(ErrorKind::data,
         "--resume: {}: the run had {} pictures an epoch, data.train has {} now; give it the same "
         "pictures, or choose another out",
         printable(path(kLast)), printable(stored_->metadata_at(kPictures)), data.pictures);
  const auto mark = stored_->metadata().find(kMark);  // a checkpoint of before has none
  if (mark != stored_->metadata().end() && mark->second != data.mark)
    fail(ErrorKind::data,
         "--resume: {}: the run had pictures of other names, or other labels, than data.train has "
         "now; give it the same, or choose another out",
         printable(path(kLast)));
}

}  // namespace peclr
