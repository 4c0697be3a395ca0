// SPDX-License-Identifier: Apache-2.0
// Tensors, their layouts on the way to the host, shares of storage, and the parameters' arenas.
#include "engine/tensor.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "kernels/bf16.h"
#include "models/layers.h"
#include "tests/support/files.h"
#include "tests/support/values.h"

namespace peclr {
namespace {

using namespace test;

constexpr int kFailure = static_cast<int>(ErrorKind::failure);

TEST_CASE("shape: counts, comparison, text", "[tensor]") {
  const Shape s{2, 3, 4, 5};
  CHECK(s.count() == 120);
  CHECK(s.rank() == 4);
  CHECK(s.last() == 5);
  CHECK(s.text() == "[2, 3, 4, 5]");
  CHECK(Shape{}.count() == 1);
  CHECK(Shape{}.text() == "[]");
  CHECK(Shape{0, 7}.count() == 0);
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK_FALSE(Shape{2, 3} == Shape{3, 2});
  CHECK_FALSE(Shape{2} == Shape{2, 1});
  CHECK(caught([] { Shape{1, 2, 3, 4, 5}; }).kind == kFailure);
}

TEST_CASE("tensor: values come back from every layout in logical order", "[tensor]") {
  const auto backend = cpu();
  for (const int block : {8, 16}) {
    const Shape shape{2, 3, 4, 48};
    const Tensor t = Tensor::blocked(*backend, shape, DType::f32, block);
    CHECK_FALSE(t.plain());
    CHECK(t.channel_block() == block);
    // Value = place in memory; element (n, h, w, c) lies in block c / block of image n.
    for (std::int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] = static_cast<float>(i);
    const Doubles values = host(t);
    std::size_t at = 0;
    for (std::int64_t n = 0; n < 2; ++n)
      for (std::int64_t p = 0; p < 12; ++p)
        for (std::int64_t c = 0; c < 48; ++c, ++at)
          if (values[at] !=
              static_cast<double>(((n * (48 / block) + c / block) * 12 + p) * block + c % block))
            FAIL("element " << at << " of block " << block);
  }
  CHECK(Tensor::blocked(*backend, {1, 2, 2, 16}, DType::f32, 16).plain());  // one block is plain
  CHECK(caught([&] { Tensor::blocked(*backend, {1, 2, 2, 24}, DType::f32, 16); }).kind == kFailure);
  CHECK(caught([&] { Tensor::blocked(*backend, {2, 16}, DType::f32, 16); }).kind == kFailure);
}

TEST_CASE("tensor: activations take values and give them back, in both types", "[tensor]") {
  const auto backend = cpu();
  for (const DType type : {DType::f32, DType::bf16}) {
    if (type == DType::bf16 && !has_bf16(*backend)) {
      WARN("this processor has no bf16 arithmetic");
      continue;
    }
    for (const std::int64_t channels : {1, 3, 8, 12, 16, 24, 64}) {
      const Shape shape{2, 3, 5, channels};
      const Doubles values = rounded_to(type, random_values(shape.count(), 1));
      const Tensor t = activation(*backend, shape, values, type);
      CHECK(host(t) == values);
      CHECK(t.bytes() == static_cast<std::size_t>(shape.count()) * size_of(type));
    }
  }
}

TEST_CASE("tensor: rounding to bf16 is to nearest, ties to even", "[tensor]") {
  const auto rounded = [](float x) {
    bf16 half;
    store(half, x);
    return to_float(half);
  };
  for (const double x : random_values(20000, 3, -1000, 1000)) {
    const auto value = static_cast<float>(x);
    if (static_cast<double>(rounded(value)) != round_to_bf16(value)) FAIL(value);
  }
  CHECK(rounded(1 + 0x1p-8f) == 1);                    // a tie goes to the even mantissa
  CHECK(rounded(1 + 3 * 0x1p-8f) == 1 + 4 * 0x1p-8f);  // up as well as down
  CHECK(rounded(-1 - 0x1p-8f - 0x1p-20f) == -1 - 0x1p-7f);
  CHECK(std::isinf(rounded(3.4e38f)));
  CHECK(std::isinf(rounded(std::numeric_limits<float>::infinity())));
  CHECK(std::isnan(rounded(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(rounded(std::bit_cast<float>(0x7F800001u))));  // whose high half is infinity's
  CHECK(std::signbit(rounded(-0.f)));
}

TEST_CASE("tensor: shares of storage", "[tensor]") {
  const auto backend = cpu();
  const Tensor all = plain(*backend, {4, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const Tensor rows = all.slice(3, {2, 3});
  CHECK(host(rows) == Doubles{3, 4, 5, 6, 7, 8});
  CHECK(host(rows.slice(2, {2})) == Doubles{5, 6});
  CHECK(host(all.reshaped({2, 2, 3}).slice(6, {1})) == Doubles{6});
  rows.data<float>()[0] = 30;
  CHECK(host(all)[3] == 30);
  CHECK(&rows.storage() == &all.storage());

  for (const Caught& error :
       {caught([&] { all.slice(-1, {2}); }), caught([&] { all.slice(11, {2}); }), caught([&] {
          all.reshaped({5, 2});
        }),
        caught([&] { all.data<bf16>(); }),
        caught([&] { all.copy_from_host(std::vector<float>(11)); }),
        caught([&] { Tensor::from_host(*backend, {2}, std::vector<float>(3)); }), caught([&] {
          Tensor::blocked(*backend, {1, 2, 2, 32}, DType::f32, 16).reshaped({128});
        })}) {
    CHECK(error.kind == kFailure);
    CHECK(error.one_line());
  }
}

TEST_CASE("tensor: memory goes back with the last share", "[tensor]") {
  const auto backend = cpu();
  const auto in_use = [&] { return backend->memory().bytes_in_use; };
  const std::int64_t before = in_use();
  Tensor part;
  CHECK_FALSE(part.defined());
  {
    const Tensor all(*backend, {1024}, DType::f32);
    CHECK(in_use() == before + 4096);
    part = all.slice(1000, {8});
  }
  CHECK(in_use() == before + 4096);
  part = {};
  CHECK(in_use() == before);
}

TEST_CASE("devices: the processor is there, a missing GPU is an error", "[tensor]") {
  CHECK(make_backend(DeviceKind::automatic)->description().size() > 10);
  const std::vector<std::string> devices = describe_devices();
  CHECK(devices.size() >= 2);
  if (devices.back().find("simt") != 0) {
    const Caught none = caught([] { make_backend(DeviceKind::simt); });
    CHECK(none.kind == static_cast<int>(ErrorKind::device));
    CHECK(none.names("device=simt"));
    CHECK(none.one_line());
  }
  CHECK(caught([] { device_named("gpu", "--device"); }).names("--device gpu: known are"));
  if (devices[1].find("not in this build") == std::string::npos) return;
  const Caught error = caught([] { make_backend(DeviceKind::cuda); });
  CHECK(error.kind == static_cast<int>(ErrorKind::device));
  CHECK(error.names("device=cuda"));
  CHECK(error.one_line());
}

TEST_CASE("parameters: arenas are aligned, apart, and zero in between", "[tensor]") {
  const auto backend = cpu();
  ParameterStore store;
  Parameter& a = store.add("a", {3, 5}, Init::one);
  Parameter& b = store.add("b", {17}, Init::one);
  store.add_buffer("mean", 4, 0.5f);
  StateCounter& counter = store.add_counter("count");
  store.allocate(*backend, 1);
  CHECK(a.begin == 0);
  CHECK(b.begin == 16);
  CHECK(store.total() == 48);
  CHECK(reinterpret_cast<std::uintptr_t>(b.value.raw()) % 64 == 0);
  const Doubles values = host(store.values());
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(values[i] == (i < 15 || (i >= 16 && i < 33) ? 1 : 0));
  CHECK(host(store.buffers()[0].value) == Doubles(4, 0.5));
  CHECK(counter.value == 0);

  CHECK(a.next_write() == Write::overwrite);
  CHECK(a.next_write() == Write::accumulate);
  store.grads().copy_from_host(std::vector<float>(48, 2.f));
  store.zero_grads();
  CHECK(a.next_write() == Write::overwrite);
  CHECK(host(store.grads()) == Doubles(48, 0));
}

TEST_CASE("parameters: initial values are torchvision's, by seed and name alone", "[tensor]") {
  const auto backend = cpu();
  ParameterStore one, other, third;
  const Parameter& conv = add_conv(one, "conv", 64, 32, 3);
  const LinearLayer fc = add_linear(one, "fc", 128, 64, Bias::learned);
  const ops::NormLayer norm = add_norm(one, "bn", 8);
  add_linear(other, "first", 3, 3, Bias::none);
  const LinearLayer fc_later = add_linear(other, "fc", 128, 64, Bias::learned);
  add_conv(third, "conv", 64, 32, 3);
  one.allocate(*backend, 11);
  other.allocate(*backend, 11);
  third.allocate(*backend, 12);
  CHECK(host(fc.weight->value) == host(fc_later.weight->value));
  CHECK(host(fc.bias->value) == host(fc_later.bias->value));
  CHECK(host(conv.value) != host(third.parameters()[0].value));

  // He et al. 2015, fan_out = 64 * 3 * 3: normal with deviation sqrt(2 / 576).
  const double deviation = std::sqrt(2.0 / 576);
  const Doubles w = host(conv.value);
  double sum = 0, square = 0, fourth = 0;
  for (const double v : w) {
    sum += v, square += v * v, fourth += v * v * v * v;
    CHECK(std::abs(v) < 6 * deviation);
  }
  const double n = static_cast<double>(w.size());  // 18,432: four standard errors below
  CHECK(std::abs(sum / n) < 4 * deviation / std::sqrt(n));
  CHECK(std::sqrt(square / n) == Approx(deviation).epsilon(4 / std::sqrt(2 * n)));
  CHECK(fourth / n == Approx(3 * std::pow(square / n, 2)).epsilon(4 * std::sqrt(96 / n) / 3));
  double largest = 0;
  for (const double v : host(fc.weight->value)) largest = std::max(largest, std::abs(v));
  CHECK(largest <= 1 / 8.0);  // U(-1 / sqrt(64), 1 / sqrt(64))
  CHECK(largest > 0.99 / 8);
  for (const double v : host(fc.bias->value)) CHECK(std::abs(v) <= 1 / 8.0);
  CHECK(host(norm.gamma->value) == Doubles(8, 1));
  CHECK(host(norm.beta->value) == Doubles(8, 0));
  CHECK(host(norm.running_mean->value) == Doubles(8, 0));
  CHECK(host(norm.running_variance->value) == Doubles(8, 1));
}

}  // namespace
}  // namespace peclr
