// SPDX-License-Identifier: Apache-2.0
#include "tools/report/identity.h"

#include <fmt/format.h>

#include <filesystem>

#include "engine/text.h"
#include "tools/settings/settings_fields.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;

// What stands in a column of its own, or says where and how a run was made.
const std::set<std::string> kPassedOver{"seed",   "threads",     "device",   "init_from",
                                        "method", "data.labels", "data.eval"};

void add_entries(Entries& entries, Command command, const Settings& settings,
                 const std::string& prefix) {
  for (const SettingField& field : setting_fields())
    if (field.matters_to(command) && decides_result(field.key) && !kPassedOver.contains(field.key))
      entries.insert(prefix + field.key + "=" + field.print(settings));
}

// Which of a run's files, where it is not the finished model: weights of an epoch, say.
void add_file(Entries& entries, const std::string& file, const std::string& prefix) {
  const std::string name = fs::path(file).filename().string();
  if (name != "model.safetensors") entries.insert(prefix + "weights=" + name);
}

// A file that weights came from: another program's by its content, where that is known, so that its
// place does not count. The name alone does not say whose it is: ours may have it, too.
std::string start_of(const Run& run, const std::string& path) {
  const std::string name = printable(fs::path(path).filename().string());
  const bool known = run.method == "other" && !path.empty();
  return known && run.initial_weights.starts_with(name + " ") ? run.initial_weights : path;
}

// What tells a network apart that was scored into a folder of its own: the fine-tuning beside it
// and which of that folder's files it is, or its path, or else the scores' own place.
void add_network(Identity& identity, const Run& run) {
  const std::string& file = run.scores->init_from;
  if (!run.network) {
    identity.start.insert(file.empty() ? "run=" + run.name : "init_from=" + start_of(run, file));
    return;
  }
  add_entries(identity.training, Command::finetune, run.network->settings, "");
  add_start(identity.start, run.network->settings.init_from, run.network->origin);
  add_file(identity.start, file, "");
}

bool same_folder(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::weakly_canonical(fs::absolute(a), ignored) ==
         fs::weakly_canonical(fs::absolute(b), ignored);
}

// What tells a network apart that was scored into the folder of a fine-tuning, where it is not the
// model that this left. A run that was moved still says where it lay.
void add_other_model(Entries& entries, const Run& run) {
  const fs::path file = run.scores->init_from;
  if (file.empty()) return;
  const fs::path folder = fs::absolute(file).parent_path();
  if (same_folder(folder, run.folder) || same_folder(folder, run.settings.out))
    add_file(entries, file.string(), "");
  else
    entries.insert("init_from=" + start_of(run, file.string()));
}

// How the network was asked, where that is not what evaluate does unless told otherwise.
void add_asked(Entries& entries, const Run& run) {
  Settings usual = default_settings(Command::evaluate);
  if (const std::optional<FinetuningRecord> finetuning = finetuning_of(run)) {
    usual.data.crop = finetuning->settings.data.crop;
    usual.augment.border = finetuning->settings.augment.border;
  }
  // The first look that goes with the crop which was asked for.
  Settings::Data asked = usual.data;
  if (const auto it = run.scores->settings.find("data.crop"); it != run.scores->settings.end())
    asked.crop =
        it->second == name_of(Settings::Crop::box) ? Settings::Crop::box : Settings::Crop::hand;
  usual.data.first_crop = asked.first_share();
  for (const SettingField& field : setting_fields())
    if (const auto it = run.scores->settings.find(field.key);
        it != run.scores->settings.end() && it->second != field.print(usual))
      entries.insert("scored with " + field.key + "=" + it->second);
}

}  // namespace

bool is_pretraining(const Run& run) { return run.training == Command::pretrain; }
bool is_finetuning(const Run& run) { return run.training == Command::finetune; }
bool is_scored(const Run& run) { return run.scores.has_value(); }

void add_start(Entries& entries, const std::string& weights, const std::optional<Origin>& origin) {
  if (!origin) {
    if (!weights.empty()) entries.insert("init_from=" + weights);
    return;
  }
  const bool pretrained = origin->command == Command::pretrain;
  const std::string prefix = pretrained ? "pre-training " : "fine-tuning ";
  const Settings& settings = origin->settings;
  add_entries(entries, origin->command, settings, prefix);
  add_file(entries, weights, prefix);
  if (!pretrained)
    entries.insert(fmt::format("{}data.labels={}", prefix, settings.data.labels));
  else if (!settings.init_from.empty())
    entries.insert(prefix + "init_from=" + settings.init_from);
}

std::optional<FinetuningRecord> finetuning_of(const Run& run) {
  if (is_finetuning(run)) return FinetuningRecord{run.settings, run.origin};
  if (run.network) return FinetuningRecord{run.network->settings, run.network->origin};
  return std::nullopt;
}

Identity identity_of(const Run& run) {
  Identity identity;
  if (run.training)
    add_entries(is_finetuning(run) ? identity.training : identity.start, *run.training,
                run.settings, "");
  add_start(identity.start, start_of(run, run.settings.init_from), run.origin);
  if (!run.scores) return identity;
  if (!run.training) add_network(identity, run);
  if (is_finetuning(run)) add_other_model(identity.start, run);
  add_asked(identity.scoring, run);
  if (!run.scores->set.empty())
    identity.scoring.insert(
        "data.eval=" + (fs::path(run.scores->set) / "").lexically_normal().parent_path().string());
  if (run.scores->holdout > 0)
    identity.scoring.insert(fmt::format("scored on data.holdout={}", run.scores->holdout));
  return identity;
}

}  // namespace peclr
