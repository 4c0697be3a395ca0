// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>

#include "engine/error.h"
#include "engine/files/yaml.h"
#include "engine/say.h"
#include "engine/text.h"
#include "models/onnx_networks.h"
#include "tools/commands.h"
#include "tools/run/model_files.h"
#include "tools/settings/engine_options.h"

namespace peclr {
namespace {

// As the weights' file says it, or where it does not, as `predict` would take it.
Settings settings_of(const CommandLine& line) {
  std::vector<std::string> args{"init_from=" + yaml_quoted(line.paths[0]), "device=cpu"};
  if (!line.init_prefix.empty()) args.push_back("init_prefix=" + yaml_quoted(line.init_prefix));
  if (line.input != 0) args.push_back(fmt::format("model.input={}", line.input));
  return settings_for_model(Command::predict, args);
}

// What whoever feeds the graph has to know (docs/deploying.md).
Metadata metadata_of(const Settings& settings, const TensorFile& weights, bool hand) {
  Metadata metadata = model_metadata(settings, start_of(weights, settings.init_prefix));
  metadata["peclr.images"] = "RGB, levels 0..255, [batch, 3, input, input]";
  if (const auto it = weights.metadata().find(kHoldoutKey); it != weights.metadata().end())
    metadata.insert(*it);
  if (!hand) return metadata;
  metadata["peclr.camera"] = "K of the images, [batch, 3, 3]";
  metadata["peclr.xyz"] = "FreiHAND's joint order, camera space, lengths of the bone 9-10";
  metadata["peclr.uv"] = "FreiHAND's joint order, pixels of the images";
  metadata["peclr.hands"] = "right; mirror left ones";
  metadata[kCropKey] = name_of(settings.data.crop);
  metadata[kBorderKey] = name_of(settings.augment.border);
  return metadata;
}

// The old weights would be gone.
void require_another_file(const std::string& weights, const std::string& out) {
  std::error_code not_there;
  if (std::filesystem::equivalent(weights, out, not_there))
    fail(ErrorKind::usage, "{}: --out would overwrite the weights; name another file",
         printable(out));
}

int write_pytorch(const std::string& out, ParameterStore& store, const char* what, int depth) {
  save_pth(out, store);
  say("{}: {}, ResNet-{}: a state_dict with torchvision's names\n", printable(out), what, depth);
  return 0;
}

}  // namespace

int run_export(const CommandLine& line) {
  require_another_file(line.paths[0], line.out);
  const bool pytorch = line.out.ends_with(".pth");
  const Settings settings = settings_of(line);
  const TensorFile weights(settings.init_from);
  const int depth = settings.model.depth, input = settings.model.input;
  const std::unique_ptr<Backend> backend = make_backend(settings);
  const bool hand = has_head(weights, settings.init_prefix);
  ParameterStore store;
  const auto load = [&] {
    store.allocate(*backend, 0);
    start_whole(settings, store);
  };
  const auto write = [&](const OnnxGraph& graph) {
    graph.write(line.out, metadata_of(settings, weights, hand));
  };
  if (hand) {
    const HandNetwork network(store, depth);
    load();
    if (pytorch) return write_pytorch(line.out, store, "hand network", depth);
    write(onnx_hand_network(network, input));
    say("{}: hand network, ResNet-{}: images [batch, 3, {}, {}], camera -> xyz, uv; crop: "
        "{}, border: {}\n",
        printable(line.out), depth, input, input, name_of(settings.data.crop),
        name_of(settings.augment.border));
  } else {
    const ResNet encoder(store, depth);
    load();
    if (pytorch) return write_pytorch(line.out, store, "encoder", depth);
    write(onnx_encoder(encoder, input));
    say("{}: encoder, ResNet-{}: images [batch, 3, {}, {}] -> features [batch, {}]\n",
        printable(line.out), depth, input, input, encoder.plan().features());
  }
  return 0;
}

}  // namespace peclr
