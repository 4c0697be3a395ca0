// SPDX-License-Identifier: Apache-2.0
// Names, shapes and counts of the networks against torchvision's and the reference's, and their
// topology against He et al. 2016 (with the stride on the 3x3 convolution) computed in double.
#include "models/resnet.h"

#include <catch2/catch.hpp>
#include <map>

#include "models/contrastive_model.h"
#include "models/hand_network.h"
#include "tests/support/compare.h"
#include "tests/support/files.h"
#include "tests/support/values.h"

namespace peclr {
namespace {

using namespace test;

struct Entry {
  std::string name;
  std::vector<std::int64_t> shape;  // as in files: convolutions OIHW
  bool operator==(const Entry&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Entry& e) { return out << e.name; }
using Entries = std::vector<Entry>;

const std::map<int, std::array<int, 4>> kBlocks{{18, {2, 2, 2, 2}},
                                                {34, {3, 4, 6, 3}},
                                                {50, {3, 4, 6, 3}},
                                                {101, {3, 4, 23, 3}},
                                                {152, {3, 8, 36, 3}}};

// Table 1 of He et al.: a stage's width, what leaves its blocks, what enters block `i`.
struct Stage {
  int depth, number;  // 1..4
  std::int64_t width() const { return std::int64_t{32} << number; }
  std::int64_t out() const { return depth < 50 ? width() : 4 * width(); }
  std::int64_t in(int i) const {
    if (i > 0) return out();
    return number == 1 ? 64 : Stage{depth, number - 1}.out();
  }
  std::int64_t stride(int i) const { return i == 0 && number > 1 ? 2 : 1; }
  bool projects(int i) const { return stride(i) != 1 || in(i) != out(); }
};

void expect_norm(Entries& all, const std::string& name, std::int64_t channels) {
  for (const char* part : {"weight", "bias", "running_mean", "running_var"})
    all.push_back({name + "." + part, {channels}});
  all.push_back({name + ".num_batches_tracked", {}});
}

// torchvision's state dict without fc, in its order.
Entries expected_resnet(int depth) {
  Entries all{{"conv1.weight", {64, 3, 7, 7}}};
  expect_norm(all, "bn1", 64);
  for (int s = 1; s <= 4; ++s) {
    const Stage stage{depth, s};
    const std::int64_t w = stage.width(), out = stage.out();
    for (int i = 0; i < kBlocks.at(depth)[static_cast<std::size_t>(s - 1)]; ++i) {
      const std::string block = "layer" + std::to_string(s) + "." + std::to_string(i);
      const std::vector<std::vector<std::int64_t>> convolutions =
          depth < 50 ? std::vector<std::vector<std::int64_t>>{{w, stage.in(i), 3, 3}, {w, w, 3, 3}}
                     : std::vector<std::vector<std::int64_t>>{
                           {w, stage.in(i), 1, 1}, {w, w, 3, 3}, {out, w, 1, 1}};
      for (std::size_t k = 0; k < convolutions.size(); ++k) {
        const std::string number = std::to_string(k + 1);
        all.push_back({block + ".conv" + number + ".weight", convolutions[k]});
        expect_norm(all, block + ".bn" + number, convolutions[k][0]);
      }
      if (!stage.projects(i)) continue;
      all.push_back({block + ".downsample.0.weight", {out, stage.in(i), 1, 1}});
      expect_norm(all, block + ".downsample.1", out);
    }
  }
  return all;
}

void expect_linear(Entries& all, const std::string& name, std::int64_t out, std::int64_t in) {
  all.push_back({name + ".weight", {out, in}});
  all.push_back({name + ".bias", {out}});
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// What a store declares must be these entries in this order, parameters, buffers and counters each
// by themselves. Buffers have a size only once they are allocated.
enum class Buffers { declared, allocated };
void check_entries(ParameterStore& store, const Entries& expected, Buffers buffers) {
  Entries parameters, statistics, want_parameters, want_statistics;
  std::vector<std::string> counters, want_counters;
  for (const Entry& e : expected) {
    if (ends_with(e.name, ".num_batches_tracked"))
      want_counters.push_back(e.name);
    else if (ends_with(e.name, ".running_mean") || ends_with(e.name, ".running_var"))
      want_statistics.push_back(buffers == Buffers::allocated ? e : Entry{e.name, {}});
    else
      want_parameters.push_back(e);
  }
  for (const Parameter& p : store.parameters()) {
    const Shape& s = p.shape;
    Entry e{p.name, {}};
    for (int i = 0; i < s.rank(); ++i) e.shape.push_back(s[i]);
    if (s.rank() == 4) e.shape = {s[0], s[3], s[1], s[2]};
    parameters.push_back(e);
  }
  for (const StateBuffer& b : store.buffers())
    statistics.push_back({b.name, buffers == Buffers::allocated
                                      ? std::vector<std::int64_t>{b.value.count()}
                                      : std::vector<std::int64_t>{}});
  for (const StateCounter& c : store.counters()) counters.push_back(c.name);
  CHECK(parameters == want_parameters);
  CHECK(statistics == want_statistics);
  CHECK(counters == want_counters);
}

TEST_CASE("resnet: names, shapes and counts are torchvision's", "[resnet]") {
  // Known of torchvision's models: parameters without fc, batch normalisations, entries without fc.
  const struct {
    int depth;
    std::int64_t parameters;
    std::size_t norms, entries;
  } known[] = {{18, 11'176'512, 20, 120},
               {34, 21'284'672, 36, 216},
               {50, 23'508'032, 53, 318},
               {101, 42'500'160, 104, 624},
               {152, 58'143'808, 155, 930}};
  for (const auto& k : known) {
    CAPTURE(k.depth);
    ParameterStore store;
    const ResNet net(store, k.depth);
    const Entries expected = expected_resnet(k.depth);
    check_entries(store, expected, Buffers::declared);
    std::int64_t parameters = 0;
    for (const Parameter& p : store.parameters()) parameters += p.shape.count();
    CHECK(parameters == k.parameters);
    CHECK(store.counters().size() == k.norms);
    CHECK(store.buffers().size() == 2 * k.norms);
    CHECK(expected.size() == k.entries);
    CHECK(net.plan().features() == (k.depth < 50 ? 512 : 2048));
  }
}

TEST_CASE("resnet: an unknown depth is an error of usage", "[resnet]") {
  for (const int depth : {0, 19, -50, 1000}) {
    ParameterStore store;
    const Caught error = caught([&] { ResNet(store, depth); });
    CHECK(error.kind == static_cast<int>(ErrorKind::usage));
    CHECK(error.names("model.depth"));
    CHECK(error.names(std::to_string(depth)));
    CHECK(error.one_line());
  }
}

TEST_CASE("models: the heads have the reference's names", "[resnet]") {
  for (const int depth : {18, 50}) {
    ParameterStore store;
    const ContrastiveModel model(store, {.depth = depth});
    Entries expected = expected_resnet(depth);
    expect_linear(expected, "projection_head.0", 512, depth == 18 ? 512 : 2048);
    expect_norm(expected, "projection_head.1", 512);
    expected.push_back({"projection_head.3.weight", {128, 512}});
    check_entries(store, expected, Buffers::declared);
  }
  {
    const auto backend = new_device();
    ParameterStore store;
    const HandNetwork model(store, 18);
    store.allocate(*backend, 1);
    Entries expected = expected_resnet(18);
    expect_linear(expected, "fc", 64, 512);
    expect_linear(expected, "zroot_ref.0", 128, 64);
    expect_norm(expected, "zroot_ref.1", 128);
    expect_linear(expected, "zroot_ref.3", 128, 128);
    expect_norm(expected, "zroot_ref.4", 128);
    expect_linear(expected, "zroot_ref.6", 1, 128);
    check_entries(store, expected, Buffers::allocated);
  }
  // The released files' names, by prefixes: 336 entries for ResNet-50.
  ParameterStore store;
  const HandNetwork model(store, 50, Encoder::learned, "backend_model.", "zroot_ref.zroot_ref.");
  CHECK(store.parameters().size() + store.buffers().size() + store.counters().size() == 336);
  CHECK(store.parameters().front().name == "backend_model.conv1.weight");
  CHECK(store.parameters().back().name == "zroot_ref.zroot_ref.6.bias");
}

// The network once more, by name, from table 1.
struct Reference {
  int depth;
  Mode mode;
  std::int64_t images, side;     // of x
  bool stride_on_first = false;  // the original topology instead of torchvision's v1.5
  std::map<std::string, Doubles> values{};

  Doubles norm(const std::string& name, std::int64_t channels, double slope, const Doubles& x,
               const Doubles& residual) const {
    const NormCase c{images * side * side, channels, slope};
    const NormAffine affine{values.at(name + ".weight"), values.at(name + ".bias")};
    const Moments moments = mode == Mode::train ? batch_moments(c, x)
                                                : Moments{values.at(name + ".running_mean"),
                                                          values.at(name + ".running_var")};
    return reference_leaky_relu(reference_norm_linear(c, moments, affine, x, residual), slope);
  }

  // Shrinks `side` by the stride.
  Doubles conv(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel,
               std::int64_t stride, const Doubles& x) {
    const ConvCase c{images, side, side, in, out, kernel, stride, kernel / 2};
    side = c.out_height();
    return reference_conv(c, x, values.at(name + ".weight"));
  }

  Doubles block(const Stage& stage, int i, const Doubles& x) {
    const std::string name = "layer" + std::to_string(stage.number) + "." + std::to_string(i) + ".";
    const std::int64_t in = stage.in(i), out = stage.out(), w = stage.width();
    const std::int64_t stride = stage.stride(i), before = side;
    Doubles skip = x;
    if (stage.projects(i)) {
      skip = conv(name + "downsample.0", in, out, 1, stride, x);
      skip = norm(name + "downsample.1", out, 1, skip, {});
    }
    side = before;
    if (depth < 50) {
      Doubles y = conv(name + "conv1", in, w, 3, stride, x);
      y = norm(name + "bn1", w, 0, y, {});
      y = conv(name + "conv2", w, w, 3, 1, y);
      return norm(name + "bn2", w, 0, y, skip);
    }
    Doubles y = conv(name + "conv1", in, w, 1, stride_on_first ? stride : 1, x);
    y = norm(name + "bn1", w, 0, y, {});
    y = conv(name + "conv2", w, w, 3, stride_on_first ? 1 : stride, y);
    y = norm(name + "bn2", w, 0, y, {});
    y = conv(name + "conv3", w, out, 1, 1, y);
    return norm(name + "bn3", out, 0, y, skip);
  }

  Doubles features(const Doubles& pictures) {
    Doubles x = norm("bn1", 64, 0, conv("conv1", 3, 64, 7, 2, pictures), {});
    x = reference_max_pool({images, side, side, 64}, x);
    side = (side + 1) / 2;
    for (int s = 1; s <= 4; ++s)
      for (int i = 0; i < kBlocks.at(depth)[static_cast<std::size_t>(s - 1)]; ++i)
        x = block({depth, s}, i, x);
    return reference_mean_pool({images, side, side, Stage{depth, 4}.out()}, x);
  }
};

struct NetworkRun {
  int depth;
  Mode mode;
  std::int64_t images, side;
  bool wrong = false;  // planted fault: a reference of another topology
};

// Features of the engine in f32 and, if there, bf16 against the reference: relative L2.
void check_features(const NetworkRun& run) {
  CAPTURE(run.depth, run.mode == Mode::train);
  const auto backend = new_device();
  ParameterStore store;
  const ResNet net(store, run.depth);
  store.allocate(*backend, 3);
  Reference reference{run.depth, run.mode, run.images, run.side, run.wrong};
  std::uint64_t seed = 10;
  for (Parameter& p : store.parameters()) {
    // Norms away from 1 and 0; convolutions as they are drawn.
    if (p.shape.rank() == 1) {
      const bool bias = ends_with(p.name, ".bias");
      set_values(store, p,
                 random_values(p.shape.count(), ++seed, bias ? -0.3f : 0.5f, bias ? 0.3f : 1.f));
    }
    reference.values[p.name] = host(p.value);
  }
  for (StateBuffer& b : store.buffers()) {
    const bool mean = ends_with(b.name, ".running_mean");
    const Doubles values =
        random_values(b.value.count(), ++seed, mean ? -0.2f : 0.5f, mean ? 0.2f : 2.f);
    b.value.copy_from_host(floats(values));
    reference.values[b.name] = values;
  }
  const Shape shape{run.images, run.side, run.side, 3};
  const Doubles pictures = random_values(shape.count(), 1, -2, 2);
  const Doubles want = reference.features(pictures);
  const auto distance = [&](DType compute) {
    Tape tape(run.mode);
    const Doubles got = host(net.forward(tape, {plain(*backend, shape, pictures)}, compute).value);
    REQUIRE(got.size() == want.size());
    return relative_l2(got.data(), want.data(), want.size());
  };
  if (run.wrong) {
    CHECK(distance(DType::f32) > 0.05);
    return;
  }
  CHECK(distance(DType::f32) < 1e-5);
  if (has_bf16(*backend)) CHECK(distance(DType::bf16) < 0.05);
}

TEST_CASE("resnet: features equal those computed in double from the paper's table", "[resnet]") {
  check_features({50, Mode::evaluate, 1, 32});
  check_features({50, Mode::evaluate, 1, 32, true});
  check_features({18, Mode::evaluate, 1, 45});  // odd sides all the way
  check_features({18, Mode::train, 2, 64});
}

TEST_CASE("resnet: pictures of another kind are refused", "[resnet]") {
  const auto backend = new_device();
  ParameterStore store;
  const ResNet net(store, 18);
  Tape tape(Mode::evaluate);
  const Caught error = caught([&] {
    net.forward(tape, {Tensor(*backend, {1, 32, 32, 2}, DType::f32)}, DType::f32);
  });
  CHECK(error.kind == static_cast<int>(ErrorKind::failure));
  CHECK(error.names("[1, 32, 32, 2]"));
}

TEST_CASE("resnet: pictures as the device has them give the features of plain ones", "[resnet]") {
  constexpr std::int64_t kCount = 2, kSide = 33;
  const auto backend = new_device();
  ParameterStore store;
  const ResNet net(store, 18);
  store.allocate(*backend, 1);
  const Doubles values = random_values(kCount * kSide * kSide * 3, 1);
  const Tensor images = backend->pictures(kCount, kSide, DType::f32);
  const auto channels = static_cast<std::size_t>(images.shape()[3]);
  std::vector<float> padded(static_cast<std::size_t>(images.count()));
  for (std::size_t i = 0; i < values.size(); ++i)
    padded[i / 3 * channels + i % 3] = static_cast<float>(values[i]);
  images.copy_from_host(padded);
  const auto weight_gradient = [&](const Tensor& x) {
    store.zero_grads();
    Tape tape(Mode::train);
    const Variable y = net.forward(tape, {x}, DType::f32);
    backward_from(tape, *backend,
                  {{y, plain(*backend, y.value.shape(), random_values(2 * 512, 2))}});
    return host(store.parameters().front().grad);
  };
  const Doubles want = weight_gradient(plain(*backend, {kCount, kSide, kSide, 3}, values));
  const Doubles got = weight_gradient(images);
  REQUIRE(got.size() == want.size());
  CHECK(relative_l2(got.data(), want.data(), want.size()) < 1e-5);
}

}  // namespace
}  // namespace peclr
