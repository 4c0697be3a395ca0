// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/cases.h"
#include "benchmarks/gpu/random_tensor.h"
#include "engine/gpu/elementwise.h"

namespace peclr::bench {
namespace {

Case add(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Shape block{s.images, s.block_side, s.block_side, s.block_channels};
  const Tensor x = random_tensor(backend, block, DType::bf16),
               into = random_tensor(backend, block, DType::bf16);
  return {[=, &backend] { backend.add(x, into); }};
}

// By 1, so that many runs change nothing.
Case scale(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Tensor x = random_tensor(backend, {s.parameters}),
               factor = Tensor::from_host(backend, {1}, std::vector<float>{1});
  return {[=, &backend] { backend.scale(x, factor); }};
}

Case cast(Machine& m, const Sizes& s) {
  const Tensor weights = random_tensor(m.backend(), {s.parameters}),
               narrow(m.backend(), weights.shape(), DType::bf16);
  return {[=, stream = m.stream()] { gpu::cast(stream, weights, narrow); }};
}

Case pad_channels(Machine& m, const Sizes& s) {
  const Tensor views = random_tensor(m.backend(), {2 * s.pictures, s.view, s.view, 3}),
               padded(m.backend(), {2 * s.pictures, s.view, s.view, 8}, DType::bf16);
  return {[=, stream = m.stream()] { gpu::pad_channels(stream, views, padded); }};
}

Case bias_gradient(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Tensor dy = random_tensor(backend, {s.rows, s.last_channels}),
               db(backend, {s.last_channels}, DType::f32);
  const auto tickets = std::make_shared<gpu::Tickets>();
  return {[=, &backend, stream = m.stream()] {
    gpu::bias_gradient(backend, stream, *tickets, dy, db, Write::overwrite);
  }};
}

}  // namespace

std::vector<CaseEntry> elementwise_cases() {
  return {{"add", add},
          {"scale", scale},
          {"cast", cast},
          {"pad_channels", pad_channels},
          {"bias_gradient", bias_gradient}};
}

}  // namespace peclr::bench
