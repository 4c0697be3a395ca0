// SPDX-License-Identifier: Apache-2.0
#include "tools/model_files.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "engine/error.h"
#include "engine/text.h"
#include "models/peclr.h"

namespace peclr {
namespace {

// Depth from the names of a torchvision-like file: the blocks of layer3 and whether they are
// bottlenecks.
int depth_of(const TensorFile& file) {
  std::set<std::string> blocks;
  bool bottleneck = false;
  for (const StoredTensor& t : file.tensors()) {
    const std::string name = model_name_of(t.name);
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
      return 0;
  }
}

// What a fine-tuned network saw: as its file says. The released ones say nothing and saw the hand.
Settings::Crop crop_of(const TensorFile& file) {
  using Crop = Settings::Crop;
  if (const auto it = file.metadata().find(kCropKey); it != file.metadata().end()) {
    for (const Crop crop : {Crop::picture, Crop::hand})
      if (it->second == name_of(crop)) return crop;
    fail(ErrorKind::data, "{}: peclr.crop is {}, not picture or hand; use another file",
         file.path(), shown(it->second));
  }
  const auto tensors = file.tensors();
  const bool has_refinement = std::any_of(tensors.begin(), tensors.end(), [](auto& t) {
    return model_name_of(t.name).starts_with("zroot_ref.");
  });
  return has_refinement && !file.metadata().contains(kMethodKey) ? Crop::hand : Crop::picture;
}

void tell(const char* what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < 8; ++i) text += " " + printable(names[i], 80);
  fmt::print(stderr, "  {} {}:{}{}\n", names.size(), what, text, names.size() > 8 ? " ..." : "");
}

}  // namespace

Metadata model_metadata(const Settings& settings, const std::string& pretraining) {
  return {{kDepthKey, std::to_string(settings.model.depth)},
          {kInputKey, std::to_string(settings.model.input)},
          {kMethodKey, pretraining}};
}

std::string pretraining_of(const TensorFile& file) {
  const auto it = file.metadata().find(kMethodKey);
  return it == file.metadata().end() ? "other" : it->second;
}

Start start_from(const Settings& settings, ParameterStore& store) {
  if (settings.init_from.empty()) return {};
  const TensorFile file(settings.init_from);
  if (const int depth = depth_of(file); depth != 0 && depth != settings.model.depth)
    fail(ErrorKind::data, "{}: weights of a ResNet-{}, but model.depth is {}; set model.depth={}",
         file.path(), depth, settings.model.depth, depth);
  const LoadReport report = load_weights(file, store);
  fmt::print(stderr, "weights from {}\n", printable(file.path()));
  tell("missing (they keep their first values)", report.missing);
  tell("unexpected (not used)", report.unexpected);
  const auto& missing = report.missing;
  return {pretraining_of(file),
          std::find(missing.begin(), missing.end(), "fc.bias") == missing.end()};
}

Start start_with_head(const Settings& settings, ParameterStore& store) {
  const Start start = start_from(settings, store);
  if (!start.has_head)
    fail(ErrorKind::data,
         "{}: no weights of a hand network's head (fc), so it knows no joints; use the out of a "
         "peclr finetune that starts from it",
         settings.init_from);
  return start;
}

Settings settings_for_model(Command command, const std::vector<std::string>& args,
                            Weights weights) {
  Settings settings = load_settings(command, args);
  std::string path = settings.init_from;
  if (path.empty()) {
    path = settings.out + "/model.safetensors";
    if (!std::filesystem::exists(path)) {
      if (weights == Weights::optional) return settings;
      fail(ErrorKind::usage,
           "no weights: give --init-from FILE, or an out that holds model.safetensors ({} is not "
           "there)",
           path);
    }
  }
  const TensorFile file(path);
  Settings base = default_settings(command);
  if (const int depth = depth_of(file)) base.model.depth = depth;
  if (file.metadata().contains(kInputKey))
    base.model.input = static_cast<int>(
        file.whole_at(kInputKey, Settings::Model::kMinInput, Settings::Model::kMaxInput));
  base.data.crop = crop_of(file);
  settings = load_settings(command, args, base);
  settings.init_from = path;
  return settings;
}

std::unique_ptr<Backend> make_backend(const Settings& settings) {
  return make_backend(settings.device, {.gpu = settings.gpu,
                                        .tf32 = settings.precision == Settings::Precision::tf32});
}

DType compute_type(const Settings& settings) {
  return settings.precision == Settings::Precision::bf16 ? DType::bf16 : DType::f32;
}

Inversion inversion_of(const Settings& settings) {
  if (settings.method == Settings::Method::simclr) return kSimclr;
  return {settings.invert.translate, settings.invert.rotate, settings.invert.scale};
}

OptimizerOptions optimizer_options(const Settings& settings) {
  return {settings.train.optimizer, static_cast<float>(settings.train.weight_decay)};
}

}  // namespace peclr
