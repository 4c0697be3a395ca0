// SPDX-License-Identifier: Apache-2.0
#include "tools/golden/network.h"

#include <algorithm>
#include <cmath>

#include "engine/weight_layout.h"
#include "models/resnet.h"

namespace peclr::golden {
namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The norm before a block's addition: bn3 of a bottleneck, bn2 where there is no bn3.
bool last_norm_of_block(ParameterStore& store, const std::string& name) {
  if (ends_with(name, "bn3.weight")) return true;
  if (!ends_with(name, "bn2.weight")) return false;
  std::string third = name;
  third.replace(third.size() - 10, 10, "bn3.weight");
  return std::none_of(store.parameters().begin(), store.parameters().end(),
                      [&](const Parameter& p) { return p.name == third; });
}

}  // namespace

void fill_weights(ParameterStore& store, const std::string& seed) {
  for (Parameter& p : store.parameters()) {
    std::vector<double> values = uniform(seed, p.name, static_cast<std::size_t>(p.shape.count()));
    double scale = 0.1, offset = 0;
    if (p.shape.rank() == 4) {
      scale = std::sqrt(6.0 / static_cast<double>(p.shape[1] * p.shape[2] * p.shape[3]));
    } else if (p.shape.rank() == 2) {
      scale = std::sqrt(3.0 / static_cast<double>(p.shape[1])) *
              (ends_with(p.name, "backend_model.fc.weight") ? 0.1 : 1);
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

}  // namespace peclr::golden
