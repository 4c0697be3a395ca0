// SPDX-License-Identifier: Apache-2.0
#include "engine/parameters.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/random.h"

namespace peclr {
namespace {

constexpr std::int64_t kAlign = 16;  // elements: every parameter starts on a cache line

std::uint64_t hash_of(const std::string& text) {  // FNV-1a
  std::uint64_t h = 0xCBF29CE484222325ull;
  for (unsigned char c : text) h = (h ^ c) * 0x100000001B3ull;
  return h;
}

std::vector<float> initial_values(const Parameter& p, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(p.shape.count()));
  Rng rng = Rng::of(seed, hash_of("initial weights"), hash_of(p.name));
  switch (p.init) {
    case Init::one:
      std::fill(values.begin(), values.end(), 1.f);
      break;
    case Init::zero:
      break;
    case Init::uniform_fan_in: {
      const float bound = 1.f / std::sqrt(static_cast<float>(p.fan_in));
      for (float& v : values) v = rng.uniform(-bound, bound);
      break;
    }
    case Init::kaiming_normal: {
      const double fan_out = static_cast<double>(p.shape[0] * p.shape[1] * p.shape[2]);
      const double deviation = std::sqrt(2 / fan_out);
      for (float& v : values) {  // Box & Muller 1958
        const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(rng.uniform())));
        v = static_cast<float>(deviation * radius * std::cos(2 * std::numbers::pi * rng.uniform()));
      }
      break;
    }
  }
  return values;
}

}  // namespace

Parameter& ParameterStore::add(std::string name, Shape shape, Init init, std::int64_t fan_in) {
  parameters_.push_back(
      {.name = std::move(name), .shape = shape, .init = init, .fan_in = fan_in, .begin = total_});
  total_ += (shape.count() + kAlign - 1) / kAlign * kAlign;
  return parameters_.back();
}

StateBuffer& ParameterStore::add_buffer(std::string name, std::int64_t count, float value) {
  buffers_.push_back({std::move(name), {}});
  buffer_sizes_.push_back({count, value});
  return buffers_.back();
}

StateCounter& ParameterStore::add_counter(std::string name) {
  counters_.push_back({std::move(name)});
  return counters_.back();
}

ParameterStore& ParameterStore::place(Backend& backend) {
  values_ = Tensor(backend, {total_}, DType::f32);
  grads_ = Tensor(backend, {total_}, DType::f32);
  backend.zero(values_);
  backend.zero(grads_);
  for (Parameter& p : parameters_) {
    p.value = values_.slice(p.begin, p.shape);
    p.grad = grads_.slice(p.begin, p.shape);
  }
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const auto [count, value] = buffer_sizes_[i];
    buffers_[i].value = Tensor::from_host(
        backend, {count}, std::vector<float>(static_cast<std::size_t>(count), value));
  }
  return *this;
}

void ParameterStore::draw(std::uint64_t seed) {
  for (const Parameter& p : parameters_) p.value.copy_from_host(initial_values(p, seed));
  values_changed();
}

void ParameterStore::zero_grads() {
  for (Parameter& p : parameters_) p.has_grad = false;
  grads_.backend().zero(grads_);
}

void ParameterStore::values_changed() { values_.storage().touch(); }

}  // namespace peclr
