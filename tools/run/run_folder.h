// SPDX-License-Identifier: Apache-2.0
// The folder of a training run: its settings, metrics and checkpoints, and whether it goes on from
// an earlier start.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/files/safetensors.h"
#include "tools/command_line.h"
#include "tools/run/folder_lock.h"
#include "tools/run/run_record.h"
#include "tools/settings/settings.h"

namespace peclr {

// That a run in `out` overwrites nothing, and that nothing there would pass for its own: no run to
// go on with that was not asked for, no finished model, no results or kept epochs of an earlier
// one. Writes nothing. Throws Error(usage).
void require_room(const std::string& out, const CommandLine& line);

// What a run learns from.
struct RunData {
  std::int64_t pictures = 0;  // an epoch
  std::string mark;           // mark_of its sets
};

class RunFolder {
 public:
  // Reads the settings and opens `out`. With --resume, what out/last.safetensors stores is the
  // default for everything that is not given; without such a file the run starts afresh and says
  // so. Throws Error(usage): a setting or device that differs from the stored one, a folder that
  // require_room() refuses; Error(failure): a folder that cannot be written, or in which another
  // run is at work; Error(data): a checkpoint that cannot be read.
  RunFolder(Command command, const CommandLine& line);

  // Called once nothing can be refused any more: cuts metrics.jsonl back to the first step, in a
  // fresh run removes run.json, and writes config.yaml. Returns the keeper of the run's entry in
  // run.json, which says the device and the pictures of an epoch.
  [[nodiscard]] RunRecorder begin(const std::string& device, std::int64_t pictures) const;

  const Settings& settings() const { return settings_; }  // threads and device resolved
  Command command() const { return command_; }
  std::string path(const char* file) const { return settings_.out + "/" + file; }

  // The checkpoint to go on from, until forget_stored().
  const TensorFile* stored() const { return stored_ ? &*stored_ : nullptr; }
  void forget_stored() { stored_.reset(); }
  std::int64_t first_step() const { return first_step_; }  // steps done before

  // Metadata of last.safetensors after `step` steps.
  Metadata training_metadata(std::int64_t step, const RunData& data) const;
  // Throws Error(data) if the stored run had another number of pictures, other names of them or
  // other labels.
  void check_data(const RunData& data) const;

 private:
  // What out/last.safetensors stores, where `args` do not say otherwise.
  void take_stored(std::span<const std::string> args);
  void take_device();
  std::string asked_yaml() const;  // with device: auto where that was asked for

  Command command_;
  std::vector<std::string> words_;
  Settings settings_;
  Settings::Device asked_device_ = Settings::Device::automatic;
  std::optional<FolderLock> lock_;
  std::optional<TensorFile> stored_;
  std::int64_t first_step_ = 0;
};

}  // namespace peclr
