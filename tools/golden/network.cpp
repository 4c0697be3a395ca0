// SPDX-License-Identifier: Apache-2.0
// Both networks, with weights and pictures made from a seed and their names.
#include <algorithm>
#include <cmath>

#include "engine/weight_layout.h"
#include "models/hand_network.h"
#include "models/resnet.h"
#include "tools/golden/golden.h"
#include "tools/settings/settings.h"

namespace peclr::golden {
namespace {

constexpr std::int64_t kMaxBatch = 1024;

// The norm before a block's addition: bn3 of a bottleneck, bn2 where there is no bn3.
bool last_norm_of_block(ParameterStore& store, const std::string& name) {
  if (name.ends_with("bn3.weight")) return true;
  if (!name.ends_with("bn2.weight")) return false;
  std::string third = name;
  third.replace(third.size() - 10, 10, "bn3.weight");
  return std::none_of(store.parameters().begin(), store.parameters().end(),
                      [&](const Parameter& p) { return p.name == third; });
}

// u = uniform(name), in files' order, becomes, rounded to f32:
//   a convolution's weights    sqrt(6 / (in kH kW)) u
//   a matrix                   sqrt(3 / in) u, a tenth of that for backend_model.fc.weight
//   a norm's weights           1 + 0.1 u, a quarter of that for a block's last norm
//   other vectors              0.1 u
void fill_weights(ParameterStore& store, const std::string& seed) {
  for (Parameter& p : store.parameters()) {
    std::vector<double> values = uniform(seed, p.name, static_cast<std::size_t>(p.shape.count()));
    double scale = 0.1, offset = 0;
    if (p.shape.rank() == 4) {
      scale = std::sqrt(6.0 / static_cast<double>(p.shape[1] * p.shape[2] * p.shape[3]));
    } else if (p.shape.rank() == 2) {
      scale = std::sqrt(3.0 / static_cast<double>(p.shape[1])) *
              (p.name.ends_with("backend_model.fc.weight") ? 0.1 : 1);
    } else if (p.init == Init::one) {
      const double size = last_norm_of_block(store, p.name) ? 0.25 : 1;
      scale = 0.1 * size, offset = size;
    }
    std::vector<float> rounded(values.size());
    std::transform(values.begin(), values.end(), rounded.begin(),
                   [&](double u) { return static_cast<float>(offset + scale * u); });
    p.value.copy_from_host(p.shape.rank() == 4 ? ohwi_from_oihw(rounded, p.shape) : rounded);
  }
  store.values_changed();
}

// uniform("input") of [N, 3, S, S] as [N, S, S, 3].
Tensor network_input(Backend& backend, const std::string& seed, std::int64_t batch,
                     std::int64_t size) {
  const std::vector<double> nchw =
      uniform(seed, "input", static_cast<std::size_t>(batch * 3 * size * size));
  std::vector<float> nhwc(nchw.size());
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t c = 0; c < 3; ++c)
      for (std::int64_t p = 0; p < size * size; ++p)
        nhwc[static_cast<std::size_t>((n * size * size + p) * 3 + c)] =
            static_cast<float>(nchw[static_cast<std::size_t>((n * 3 + c) * size * size + p)]);
  return Tensor::from_host(backend, {batch, size, size, 3}, nhwc);
}

// Euclidean norms of the gradients, and their first 8 values in OIHW order, in the order of the
// file's `parameters`.
struct Gradients {
  std::vector<double> norms, heads;
};
Gradients gradients(ParameterStore& store, const TensorFile& file) {
  Gradients out;
  std::string names = file.metadata_at("parameters") + ",";
  for (std::size_t at = 0, comma; (comma = names.find(',', at)) != std::string::npos;
       at = comma + 1) {
    const std::string name = names.substr(at, comma - at);
    const auto it = std::find_if(store.parameters().begin(), store.parameters().end(),
                                 [&](const Parameter& p) { return p.name == name; });
    if (it == store.parameters().end())
      fail(ErrorKind::data, "{}: unknown parameter {}", file.path(), name);
    std::vector<float> g = it->grad.to_host();
    if (it->shape.rank() == 4) g = oihw_from_ohwi(g, it->shape);
    double sum = 0;
    for (float v : g) sum += static_cast<double>(v) * v;
    out.norms.push_back(std::sqrt(sum));
    for (std::size_t i = 0; i < 8; ++i) out.heads.push_back(i < g.size() ? g[i] : 0);
  }
  return out;
}

}  // namespace

// Loss = mean(features * uniform("target")): one training pass, its gradients and running
// statistics, one evaluation pass.
Results run_resnet(const TensorFile& file, Backend& backend) {
  const std::string& seed = file.metadata_at("seed");
  const std::int64_t batch = file.whole_at("batch", 1, kMaxBatch),
                     size = file.whole_at("size", Settings::Model::kMinInput,
                                          Settings::Model::kMaxInput);
  ParameterStore store;
  const ResNet net(store, std::stoi(file.metadata_at("depth")));
  store.allocate(backend, 0);
  fill_weights(store, seed);
  const Variable images{network_input(backend, seed, batch, size), -1};

  Tape tape(Mode::train);
  const Variable features = net.forward(tape, images, DType::f32);
  const std::vector<float> got = features.value.to_host();
  const std::vector<double> target = uniform(seed, "target", got.size());
  std::vector<float> dfeatures(got.size());
  double loss = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    loss += got[i] * target[i] / static_cast<double>(got.size());
    dfeatures[i] = static_cast<float>(target[i] / static_cast<double>(got.size()));
  }
  tape.backward_from(features, Tensor::from_host(backend, features.value.shape(), dfeatures));

  const Gradients g = gradients(store, file);
  std::vector<double> running;
  for (const StateBuffer& b : store.buffers()) {
    double sum = 0;
    for (float v : b.value.to_host()) sum += static_cast<double>(v) * v;
    running.push_back(std::sqrt(sum));
  }
  Tape evaluation(Mode::evaluate);
  const std::vector<float> evaluated = net.forward(evaluation, images, DType::f32).value.to_host();
  return {compare(file, "features_train", got, {Measure::rel_l2, 1e-4}),
          compare(file, "loss", std::span<const double>(&loss, 1), {Measure::rel_l2, 1e-3}),
          compare(file, "grad_norm", g.norms, {Measure::rel_l2, 5e-3}),
          compare(file, "grad_head", g.heads, {Measure::rel_l2, 5e-2}),
          compare(file, "running_stats_norm", running, {Measure::rel_l2, 1e-4}),
          compare(file, "features_eval", evaluated, {Measure::rel_l2, 1e-4})};
}

// The head's bias: pixels uv = size / 2 + 0.15 size uniform("uv"), depths z = 0.2 uniform("z").
// Where a loss is expected it is mean |xyz - uniform("target")|, of a training pass.
Results run_handnet(const TensorFile& file, Backend& backend) {
  const std::string& seed = file.metadata_at("seed");
  const std::int64_t batch = file.whole_at("batch", 1, kMaxBatch),
                     size = file.whole_at("size", Settings::Model::kMinInput,
                                          Settings::Model::kMaxInput);
  ParameterStore store;
  const HandNetwork net(store, std::stoi(file.metadata_at("depth")), Encoder::learned,
                        "backend_model.", "zroot_ref.zroot_ref.");
  store.allocate(backend, 0);
  fill_weights(store, seed);
  const std::vector<double> uv = uniform(seed, "uv", 2 * kJoints), z = uniform(seed, "z", kJoints);
  std::vector<float> bias = net.head().bias->value.to_host();
  for (std::size_t j = 0; j < kJoints; ++j) {
    for (std::size_t k = 0; k < 2; ++k)
      bias[3 * j + k] = static_cast<float>(uv[2 * j + k] * 0.15 * static_cast<double>(size) +
                                           static_cast<double>(size) / 2);
    bias[3 * j + 2] = static_cast<float>(0.2 * z[j]);
  }
  net.head().bias->value.copy_from_host(bias);
  store.values_changed();

  const bool train = file.find("expected.loss") != nullptr;
  Tape tape(train ? Mode::train : Mode::evaluate);
  const Variable images{network_input(backend, seed, batch, size), -1};
  const Tensor cameras = Tensor::from_host(backend, {batch, 9}, floats(file, "K", {batch, 3, 3}));
  const HandNetwork::Output out = net.forward(tape, images, cameras, DType::f32);
  const Variable xyz = net.recover(tape, out);
  constexpr Limit kLimit{Measure::rel_l2, 1e-4};
  Results results{compare(file, "uv", out.lifted.uv.value.to_host(), kLimit),
                  compare(file, "z_rel", out.lifted.z_rel.value.to_host(), kLimit),
                  compare(file, "root_depth", out.lifted.root_depth.to_host(), kLimit),
                  compare(file, "root_depth_refined", out.root.value.to_host(), kLimit),
                  compare(file, "xyz", xyz.value.to_host(), kLimit)};
  if (!train) return results;
  const std::vector<double> target =
      uniform(seed, "target", static_cast<std::size_t>(xyz.value.count()));
  const Variable loss =
      ops::mean_absolute_loss(tape, xyz,
                              Tensor::from_host(backend, xyz.value.shape(),
                                                std::vector<float>(target.begin(), target.end())));
  results.push_back(compare(file, "loss", loss.value.to_host(), {Measure::rel_l2, 1e-2}));
  tape.backward(loss);
  results.push_back(
      compare(file, "grad_norm", gradients(store, file).norms, {Measure::rel_l2, 1e-2}));
  return results;
}

}  // namespace peclr::golden
