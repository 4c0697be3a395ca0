// SPDX-License-Identifier: Apache-2.0
#include "tools/run/model_files.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "engine/error.h"
#include "engine/files/safetensors_header.h"
#include "engine/say.h"
#include "engine/text.h"
#include "kernels/pose.h"
#include "models/contrastive_model.h"
#include "tools/settings/engine_options.h"

namespace peclr {
namespace {

constexpr int kReleasedInput = 224;  // of the official fine-tuned networks (docs/method.md)

// What the file says of it; 0: nothing.
int stored_depth(const TensorFile& file) {
  if (!file.metadata().contains(kDepthKey)) return 0;
  return static_cast<int>(file.whole_at(kDepthKey, 18, 152));
}

// Depth from the names of a torchvision-like file: the blocks of layer3 and whether they are
// bottlenecks. Where they are no network's, what the file says.
int depth_of(const TensorFile& file, const std::string& prefix) {
  std::set<std::string> blocks;
  bool bottleneck = false;
  for (const StoredTensor& t : file.tensors()) {
    const std::string name = model_name_of(t.name, prefix);
    const std::size_t at = name.find("layer3.");
    if (at == std::string::npos) continue;
    blocks.insert(name.substr(at + 7, name.find('.', at + 7) - at - 7));
    bottleneck |= name.find("conv3.weight", at) != std::string::npos;
  }
  switch (blocks.size()) {
    case 2:
      return 18;
    case 6:
      return bottleneck ? 50 : 34;
    case 23:
      return 101;
    case 36:
      return 152;
    default:
      return stored_depth(file);
  }
}

// Whether it is a fine-tuned network that the authors released: their spelling of the refinement's
// names.
bool released(const TensorFile& file) {
  return std::any_of(file.tensors().begin(), file.tensors().end(), [](const StoredTensor& t) {
    return t.name.starts_with("zroot_ref.zroot_ref.");
  });
}

// Side of the pictures that the weights were trained with, where the file says it.
std::optional<int> stored_input(const TensorFile& file) {
  if (!file.metadata().contains(kInputKey)) return std::nullopt;
  return static_cast<int>(
      file.whole_at(kInputKey, Settings::Model::kMinInput, Settings::Model::kMaxInput));
}

// The same, or `otherwise`, which is then said.
int input_of(const TensorFile& file, int otherwise) {
  if (const std::optional<int> stored = stored_input(file)) return *stored;
  const int input = released(file) ? kReleasedInput : otherwise;
  say("{}: does not say how large its pictures are; {} px are taken, model.input=N "
      "sets another size\n",
      printable(file.path()), input);
  return input;
}

// What a fine-tuned network saw, as its file says.
void take_crop(const TensorFile& file, Settings::Data& data) {
  if (const auto it = file.metadata().find(kCropKey); it != file.metadata().end()) {
    const std::optional<Settings::Crop> crop = value_of<Settings::Crop>(it->second);
    if (!crop)
      fail(ErrorKind::data, "{}: peclr.crop is {}, not picture, hand or box; use another file",
           file.path(), shown(it->second));
    data.crop = *crop;
  } else if (released(file)) {
    data.crop = Settings::Crop::box;
  }
}

// And what it saw outside of pictures; black in files from before they said it.
void take_border(const TensorFile& file, Settings::Augment& augment) {
  const auto it = file.metadata().find(kBorderKey);
  if (it == file.metadata().end()) return;
  const std::optional<Settings::Border> border = value_of<Settings::Border>(it->second);
  if (!border)
    fail(ErrorKind::data, "{}: peclr.border is {}, not black or reflect; use another file",
         file.path(), shown(it->second));
  augment.border = *border;
}

// The pixels of a head's joints are those of the pictures that it learned from.
void require_same_size(const TensorFile& file, const Settings& settings) {
  if (const std::optional<int> input = stored_input(file); input && *input != settings.model.input)
    fail(ErrorKind::usage,
         "{}: its head was trained on pictures of {} px, not {}; leave the size out",
         printable(file.path()), *input, settings.model.input);
}

// Another crop or border only costs accuracy. `otherwise`: what to do to have them as trained.
void tell_of_other_views(const TensorFile& file, const Settings& trained, const Settings& settings,
                         const char* otherwise) {
  const auto differs = [&](const char* what, const char* then, const char* now) {
    if (std::string_view(then) != now)
      say("{}: trained with {}={}, used with {}={}; {}\n", printable(file.path()), what, then, what,
          now, otherwise);
  };
  if (file.metadata().contains(kCropKey) || released(file))
    differs("data.crop", name_of(trained.data.crop), name_of(settings.data.crop));
  if (file.metadata().contains(kBorderKey))
    differs("augment.border", name_of(trained.augment.border), name_of(border_seen(settings)));
}

// init_from and init_prefix of the arguments alone: a file of settings may be the training's, and
// its weights are those that the training started from.
Settings asked_for(Command command, const std::vector<std::string>& args) {
  std::vector<std::string> overrides;
  std::copy_if(args.begin(), args.end(), std::back_inserter(overrides), is_override);
  return load_settings(command, overrides);
}

void require_all(const Settings& settings, const Start& start) {
  if (start.missing > 0)
    fail(ErrorKind::data,
         "{}: {} tensors are missing, and random numbers would answer in their place; use weights "
         "of a whole network",
         printable(settings.init_from), start.missing);
}

void tell(const char* what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < 8; ++i) text += " " + printable(names[i], 80);
  say("  {} {}:{}{}\n", names.size(), what, text, names.size() > 8 ? " ..." : "");
}

}  // namespace

Metadata model_metadata(const Settings& settings, const Start& start) {
  Metadata metadata{{kDepthKey, std::to_string(settings.model.depth)},
                    {kInputKey, std::to_string(settings.model.input)},
                    {kMethodKey, start.pretraining}};
  if (!start.initial.empty()) metadata[kInitialKey] = start.initial;
  if (settings.data.holdout > 0) metadata[kHoldoutKey] = fmt::format("{}", settings.data.holdout);
  return metadata;
}

std::string pretraining_of(const TensorFile& file) {
  const auto it = file.metadata().find(kMethodKey);
  return it == file.metadata().end() ? "other" : it->second;
}

std::string initial_weights_of(const TensorFile& file, const std::string& prefix) {
  const Metadata& metadata = file.metadata();
  if (const auto it = metadata.find(kInitialKey); it != metadata.end()) return it->second;
  if (metadata.contains(kMethodKey)) return "";
  const std::string name = std::filesystem::path(file.path()).filename().string();
  return printable(name) + " " + content_checksum(file.tensors(), metadata).substr(0, 8) +
         (prefix.empty() ? "" : " " + printable(prefix, 80));
}

bool has_head(const TensorFile& file, const std::string& prefix) {
  return std::any_of(file.tensors().begin(), file.tensors().end(), [&](const StoredTensor& t) {
    return model_name_of(t.name, prefix) == "fc.bias" &&
           t.shape == std::vector<std::int64_t>{kHeadWidth};
  });
}

Start start_of(const TensorFile& file, const std::string& prefix) {
  return {.pretraining = pretraining_of(file),
          .initial = initial_weights_of(file, prefix),
          .has_head = has_head(file, prefix),
          .head_input = stored_input(file).value_or(released(file) ? kReleasedInput : 0)};
}

Start start_from(const Settings& settings, ParameterStore& store) {
  if (settings.train.freeze == Settings::Freeze::encoder && settings.init_from.empty())
    fail(ErrorKind::usage,
         "train.freeze=encoder: without --init-from the encoder would stay as it was drawn; give "
         "its weights");
  if (settings.init_from.empty()) {
    say("no weights given: random ones (seed {})\n", settings.seed);
    return {};
  }
  const TensorFile file(settings.init_from);
  const std::string prefix = name_prefix(file, settings.init_prefix);
  if (const int depth = depth_of(file, prefix); depth != 0 && depth != settings.model.depth)
    fail(ErrorKind::data, "{}: weights of a ResNet-{}, but model.depth is {}; set model.depth={}",
         file.path(), depth, settings.model.depth, depth);
  const LoadReport report = load_weights(file, store, prefix);
  say("weights from {}\n", printable(file.path()));
  if (!prefix.empty()) say("  their names are taken from behind {}\n", printable(prefix, 80));
  tell("missing (they keep their first values)", report.missing);
  tell("unexpected (not used)", report.unexpected);
  Start start = start_of(file, prefix);
  start.missing = report.missing.size();
  return start;
}

Start start_whole(const Settings& settings, ParameterStore& store) {
  const Start start = start_from(settings, store);
  require_all(settings, start);
  return start;
}

Start resume(const TensorFile& stored, ParameterStore& store, Optimizer& optimizer) {
  load_training(stored, store, optimizer);
  return start_of(stored, "");
}

void tell_of_other_views(const Settings& settings) {
  const TensorFile file(settings.init_from);
  Settings trained = settings;
  take_crop(file, trained.data);
  take_border(file, trained.augment);
  tell_of_other_views(file, trained, settings, "give the first to go on as trained");
}

Start start_with_head(const Settings& settings, ParameterStore& store) {
  const Start start = start_from(settings, store);
  if (!start.has_head)
    fail(ErrorKind::data,
         "{}: no weights of a hand network's head (fc), so it knows no joints; use the out of a "
         "peclr finetune that starts from it",
         settings.init_from);
  require_all(settings, start);
  return start;
}

void require_unseen(const Settings& settings) {
  if (settings.data.holdout == 0) return;
  const TensorFile file(settings.init_from);
  if (!file.metadata().contains(kMethodKey)) return;  // a foreign file says nothing of it
  const auto it = file.metadata().find(kHoldoutKey);
  const std::string trained = it == file.metadata().end() ? "0" : it->second;
  if (trained != fmt::format("{}", settings.data.holdout))
    fail(ErrorKind::usage,
         "{}: trained with data.holdout={}, so it may have seen what data.holdout={} holds out; "
         "give both the same",
         printable(file.path()), printable(trained), settings.data.holdout);
}

Settings settings_for_model(Command command, const std::vector<std::string>& args,
                            Weights weights) {
  Settings settings = load_settings(command, args);
  const std::string own = settings.out + "/model.safetensors";
  const Settings asked = asked_for(command, args);
  std::string path = asked.init_from, prefix = asked.init_prefix;
  if (path.empty() && std::filesystem::exists(own)) {
    path = own;
  } else if (path.empty()) {
    path = settings.init_from;
    prefix = settings.init_prefix;
  }
  if (path.empty()) {
    if (weights == Weights::optional) return settings;
    fail(ErrorKind::usage,
         "no weights: give --init-from FILE, or an out that holds model.safetensors ({} is not "
         "there)",
         printable(own));
  }
  const TensorFile file(path);
  Settings base = default_settings(command);
  prefix = name_prefix(file, prefix);
  if (const int depth = depth_of(file, prefix)) base.model.depth = depth;
  const int usual = std::exchange(base.model.input, 0);  // 0: no setting says it
  take_crop(file, base.data);
  take_border(file, base.augment);
  settings = load_settings(args, base);
  if (settings.model.input == 0) settings.model.input = input_of(file, usual);
  if (command != Command::probe && has_head(file, prefix)) {
    require_same_size(file, settings);
    tell_of_other_views(file, base, settings, "leave it out to use it as trained");
  }
  tell_of_idle_keys(command, args, settings);
  settings.init_from = path;
  settings.init_prefix = prefix;
  return settings;
}

}  // namespace peclr
