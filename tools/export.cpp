// SPDX-License-Identifier: Apache-2.0
#include "engine/error.h"
#include "engine/text.h"
#include "models/onnx_networks.h"
#include "tools/commands.h"
#include "tools/model_files.h"

namespace peclr {
namespace {

// What whoever feeds the graph has to know.
Metadata metadata_of(const Settings& settings, const TensorFile& weights) {
  Metadata metadata = model_metadata(settings, pretraining_of(weights));
  metadata["peclr.images"] = "RGB, levels 0..255, [batch, 3, input, input]";
  if (!has_head(weights)) return metadata;
  metadata["peclr.camera"] = "K of the images, [batch, 3, 3]";
  metadata["peclr.xyz"] = "FreiHAND's joint order, camera space, lengths of the bone 9-10";
  metadata["peclr.uv"] = "FreiHAND's joint order, pixels of the images";
  metadata[kCropKey] = name_of(settings.data.crop);
  metadata[kBorderKey] = name_of(settings.augment.border);
  if (settings.data.crop == Settings::Crop::hand)
    metadata["peclr.first_crop"] = fmt::format("{}", settings.data.first_crop);
  return metadata;
}

}  // namespace

int run_export(const CommandLine& line) {
  Settings settings = settings_for_model(Command::predict, line.settings);
  settings.device = Settings::Device::cpu;
  const TensorFile weights(settings.init_from);
  const std::unique_ptr<Backend> backend = make_backend(settings);
  ParameterStore store;
  const int depth = settings.model.depth, input = settings.model.input;
  const bool hand = has_head(weights);
  const auto written = [&](const OnnxGraph& graph) {
    graph.write(line.out, metadata_of(settings, weights));
  };
  const auto load = [&] {
    store.allocate(*backend, 0);
    start_from(settings, store);
  };
  if (hand) {
    const HandNetwork network(store, depth);
    load();
    written(onnx_hand_network(network, input));
  } else {
    const ResNet encoder(store, depth);
    load();
    written(onnx_encoder(encoder, input));
  }
  fmt::print(stderr, "{}: {} ResNet-{} for pictures of {} px: {}\n", printable(line.out),
             hand ? "a hand network," : "an encoder,", depth, input,
             hand ? "images, camera -> xyz, uv" : "images -> features");
  return 0;
}

}  // namespace peclr
