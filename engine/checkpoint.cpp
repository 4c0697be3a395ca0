// SPDX-License-Identifier: Apache-2.0
#include "engine/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <iterator>
#include <map>
#include <string_view>

#include "engine/files/pth.h"
#include "engine/text.h"
#include "engine/weight_layout.h"

namespace peclr {
namespace {

constexpr const char* kFirstMoment = "optimizer.first_moment";
constexpr const char* kSecondMoment = "optimizer.second_moment";

std::vector<std::int64_t> stored_shape(const Shape& s) {
  if (s.rank() == 4) return {s[0], s[3], s[1], s[2]};
  std::vector<std::int64_t> dims;
  for (int i = 0; i < s.rank(); ++i) dims.push_back(s[i]);
  return dims;
}

// Entries of a file and the host copies that they point to.
struct Contents {
  std::deque<std::vector<float>> values;
  std::vector<StoredTensor> entries;

  void add(const std::string& name, std::vector<std::int64_t> shape, std::vector<float> data) {
    values.push_back(std::move(data));
    entries.push_back({name, StoredType::f32, std::move(shape),
                       std::as_bytes(std::span<const float>(values.back()))});
  }
};

Contents weights_of(ParameterStore& store) {
  Contents contents;
  for (const Parameter& p : store.parameters()) {
    std::vector<float> values = p.value.to_host();
    contents.add(p.name, stored_shape(p.shape),
                 p.shape.rank() == 4 ? oihw_from_ohwi(values, p.shape) : std::move(values));
  }
  for (const StateBuffer& b : store.buffers())
    contents.add(b.name, {b.value.count()}, b.value.to_host());
  for (const StateCounter& c : store.counters())
    contents.entries.push_back(
        {c.name, StoredType::i64, {}, std::as_bytes(std::span<const std::int64_t>(&c.value, 1))});
  return contents;
}

void put(const Parameter& p, const std::vector<float>& file_values) {
  p.value.copy_from_host(p.shape.rank() == 4 ? ohwi_from_oihw(file_values, p.shape) : file_values);
}

std::vector<float> finite_values(const TensorFile& file, const StoredTensor& tensor) {
  std::vector<float> values = file.values<float>(tensor.name);
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    fail(ErrorKind::data, "{}: tensor {} holds values that are not finite; use another checkpoint",
         printable(file.path()), shown(tensor.name));
  return values;
}

std::int64_t counter_value(const TensorFile& file, const std::string& name) {
  std::int64_t value = 0;
  file.copy<std::int64_t>(name, std::span(&value, 1));
  return value;
}

// torchvision's children of a ResNet in order, as torch.nn.Sequential counts them; those without
// weights left out.
constexpr std::pair<std::string_view, std::string_view> kNumbered[] = {
    {"0.", "conv1."},  {"1.", "bn1."},    {"4.", "layer1."},
    {"5.", "layer2."}, {"6.", "layer3."}, {"7.", "layer4."}};

// Some of each part of an encoder.
constexpr std::string_view kLandmarks[] = {"conv1.weight",          "bn1.weight",
                                           "layer1.0.conv1.weight", "layer2.0.conv1.weight",
                                           "layer3.0.conv1.weight", "layer4.0.conv1.weight"};

bool holds_encoder(const TensorFile& file, const std::string& prefix) {
  return std::all_of(std::begin(kLandmarks), std::end(kLandmarks), [&](std::string_view name) {
    return file.find(prefix + std::string(name)) != nullptr;
  });
}

bool of_encoder(std::string_view name) {
  return name.starts_with("conv1.") || name.starts_with("bn1.") || name.starts_with("layer");
}

// By the model's name, which several may have.
using TensorsByName = std::multimap<std::string, const StoredTensor*>;

// Of several, the one that fits if it is alone in that, else the one that needs no translation.
TensorsByName::iterator find_tensor(TensorsByName& tensors, const std::string& name,
                                    const std::vector<std::int64_t>& shape,
                                    const TensorFile& file) {
  const auto [begin, end] = tensors.equal_range(name);
  if (begin == end) return tensors.end();
  if (std::next(begin) == end) return begin;
  const auto fits = [&](const auto& t) { return t.second->shape == shape; };
  if (std::count_if(begin, end, fits) == 1) return std::find_if(begin, end, fits);
  const auto own = std::find_if(begin, end, [&](const auto& t) { return t.second->name == name; });
  if (own == end)
    fail(ErrorKind::data, "{}: tensors {} and {} would both be the model's {}; remove one",
         printable(file.path()), shown(begin->second->name), shown(std::next(begin)->second->name),
         name);
  return own;
}

}  // namespace

std::string model_name_of(std::string_view name, std::string_view prefix) {
  if (!prefix.empty())
    return name.starts_with(prefix) ? model_name_of(name.substr(prefix.size())) : "";
  constexpr std::string_view kFeatures = "encoder.features.", kRefinement = "zroot_ref.";
  if (name.starts_with(kFeatures)) {
    const std::string_view rest = name.substr(kFeatures.size());
    for (const auto& [number, word] : kNumbered)
      if (rest.starts_with(number)) return fmt::format("{}{}", word, rest.substr(number.size()));
  }
  for (std::string_view theirs : {"backend_model.", "encoder."})
    if (name.starts_with(theirs)) return std::string(name.substr(theirs.size()));
  const bool doubled =
      name.starts_with(kRefinement) && name.substr(kRefinement.size()).starts_with(kRefinement);
  return std::string(name.substr(doubled ? kRefinement.size() : 0));  // ours keeps one of the two
}

std::string name_prefix(const TensorFile& file, const std::string& asked) {
  const auto knows_encoder = [&](const std::string& prefix) {
    return std::any_of(file.tensors().begin(), file.tensors().end(), [&](const StoredTensor& t) {
      return model_name_of(t.name, prefix) == kLandmarks[0];
    });
  };
  if (!asked.empty() && !knows_encoder(asked))
    fail(ErrorKind::usage,
         "{}: no tensor is named {}conv1.weight, as init_prefix has it; peclr info lists the names",
         printable(file.path()), printable(asked, 80));
  if (!asked.empty() || knows_encoder("")) return asked;
  std::vector<std::string> found;
  for (const StoredTensor& t : file.tensors()) {
    if (!t.name.ends_with(kLandmarks[0])) continue;
    const std::string prefix = t.name.substr(0, t.name.size() - kLandmarks[0].size());
    if (prefix.ends_with('.') && holds_encoder(file, prefix)) found.push_back(prefix);
  }
  if (found.size() > 1)
    fail(ErrorKind::usage,
         "{}: encoders stand behind {} and {}; choose one with init_prefix=PREFIX",
         printable(file.path()), printable(found[0], 80), printable(found[1], 80));
  return found.empty() ? "" : found[0];
}

void save_weights(const std::string& path, ParameterStore& store, const Metadata& metadata) {
  write_safetensors(path, weights_of(store).entries, metadata);
}

void save_pth(const std::string& path, ParameterStore& store) {
  write_pth(path, weights_of(store).entries);
}

void save_training(const std::string& path, ParameterStore& store, const Optimizer& optimizer,
                   const Metadata& metadata) {
  Contents contents = weights_of(store);
  contents.add(kFirstMoment, {store.total()}, optimizer.first_moment().to_host());
  contents.add(kSecondMoment, {store.total()}, optimizer.second_moment().to_host());
  write_safetensors(path, contents.entries, metadata);
}

void load_training(const TensorFile& file, ParameterStore& store, const Optimizer& optimizer) {
  for (const Parameter& p : store.parameters()) {
    file.at(p.name, stored_shape(p.shape));
    put(p, file.values<float>(p.name));
  }
  for (const StateBuffer& b : store.buffers()) {
    file.at(b.name, std::vector<std::int64_t>{b.value.count()});
    b.value.copy_from_host(file.values<float>(b.name));
  }
  for (StateCounter& c : store.counters()) c.value = counter_value(file, c.name);
  file.at(kFirstMoment, std::vector<std::int64_t>{store.total()});
  optimizer.first_moment().copy_from_host(file.values<float>(kFirstMoment));
  file.at(kSecondMoment, std::vector<std::int64_t>{store.total()});
  optimizer.second_moment().copy_from_host(file.values<float>(kSecondMoment));
  store.values_changed();
}

LoadReport load_weights(const TensorFile& file, ParameterStore& store, const std::string& prefix) {
  TensorsByName theirs;
  for (const StoredTensor& t : file.tensors()) theirs.emplace(model_name_of(t.name, prefix), &t);
  LoadReport report;
  int taken = 0;
  const auto take = [&](const std::string& name,
                        const std::vector<std::int64_t>& shape) -> const StoredTensor* {
    const auto it = find_tensor(theirs, name, shape, file);
    if (it == theirs.end()) {
      report.missing.push_back(name);
      return nullptr;
    }
    const StoredTensor* tensor = it->second;
    theirs.erase(it);
    if (tensor->shape == shape) return ++taken, tensor;
    if (name.rfind("fc.", 0) != 0)
      fail(ErrorKind::data, "{}: tensor {} is {}, the model wants {}; check model.depth",
           printable(file.path()), shown(tensor->name), text_of(tensor->shape), text_of(shape));
    report.missing.push_back(name);
    return nullptr;
  };
  for (const Parameter& p : store.parameters())
    if (const StoredTensor* t = take(p.name, stored_shape(p.shape)))
      put(p, finite_values(file, *t));
  for (const StateBuffer& b : store.buffers())
    if (const StoredTensor* t = take(b.name, {b.value.count()}))
      b.value.copy_from_host(finite_values(file, *t));
  for (StateCounter& c : store.counters()) {
    const auto it = find_tensor(theirs, c.name, {}, file);
    if (it == theirs.end()) continue;
    c.value = counter_value(file, it->second->name);
    theirs.erase(it);
  }
  if (taken == 0)
    fail(ErrorKind::data,
         "{}: no tensor has a name that the model knows; give a file with torchvision's or "
         "PeCLR's names",
         printable(file.path()));
  const auto lacking = std::find_if(report.missing.begin(), report.missing.end(), of_encoder);
  if (!prefix.empty() && lacking != report.missing.end())
    fail(ErrorKind::data,
         "{}: no tensor is named {}{}, as the rest of an encoder is; use a whole one",
         printable(file.path()), printable(prefix, 80), *lacking);
  for (const auto& [name, tensor] : theirs) report.unexpected.push_back(tensor->name);
  store.values_changed();
  return report;
}

}  // namespace peclr
