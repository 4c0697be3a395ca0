// SPDX-License-Identifier: Apache-2.0
#include "models/resnet.h"

namespace peclr {
namespace {

constexpr std::array<ResNetPlan, 5> kPlans{{{18, BlockKind::basic, {2, 2, 2, 2}},
                                            {34, BlockKind::basic, {3, 4, 6, 3}},
                                            {50, BlockKind::bottleneck, {3, 4, 6, 3}},
                                            {101, BlockKind::bottleneck, {3, 4, 23, 3}},
                                            {152, BlockKind::bottleneck, {3, 8, 36, 3}}}};

constexpr NormSpec kRelu{};

}  // namespace

const ResNetPlan& resnet_plan(int depth) {
  for (const ResNetPlan& plan : kPlans)
    if (plan.depth == depth) return plan;
  fail(ErrorKind::usage, "model.depth {}: known depths are 18, 34, 50, 101 and 152", depth);
}

ResNet::ResNet(ParameterStore& store, int depth, const std::string& prefix, Encoder encoder)
    : plan_(resnet_plan(depth)),
      encoder_(encoder),
      stem_{&add_conv(store, prefix + "conv1", 64, 3, 7),
            add_norm(store, prefix + "bn1", 64),
            {2, 3}} {
  const bool bottleneck = plan_.kind == BlockKind::bottleneck;
  std::int64_t in = 64;
  for (int stage = 0; stage < 4; ++stage) {
    const std::int64_t width = 64ll << stage, out = bottleneck ? 4 * width : width;
    for (int i = 0; i < plan_.blocks[static_cast<std::size_t>(stage)]; ++i) {
      const std::string name = fmt::format("{}layer{}.{}.", prefix, stage + 1, i);
      const int stride = i == 0 && stage > 0 ? 2 : 1;
      Block block;
      auto add = [&](std::int64_t to, std::int64_t from, int kernel, int step) {
        const auto k = block.units.size() + 1;
        Parameter& conv = add_conv(store, fmt::format("{}conv{}", name, k), to, from, kernel);
        block.units.push_back(
            {&conv, add_norm(store, fmt::format("{}bn{}", name, k), to), {step, kernel / 2}});
      };
      if (bottleneck) {
        add(width, in, 1, 1);
        add(width, width, 3, stride);
        add(out, width, 1, 1);
      } else {
        add(width, in, 3, stride);
        add(width, width, 3, 1);
      }
      if (stride != 1 || in != out) {
        Parameter& conv = add_conv(store, name + "downsample.0", out, in, 1);
        block.downsample = Unit{&conv, add_norm(store, name + "downsample.1", out), {stride, 0}};
      }
      blocks_.push_back(std::move(block));
      in = out;
    }
  }
  if (encoder == Encoder::frozen) freeze();
}

void ResNet::freeze() {
  const auto freeze_unit = [](const Unit& u) {
    u.conv->frozen = u.norm.gamma->frozen = u.norm.beta->frozen = true;
  };
  freeze_unit(stem_);
  for (const Block& block : blocks_) {
    for (const Unit& unit : block.units) freeze_unit(unit);
    if (block.downsample) freeze_unit(*block.downsample);
  }
}

Variable ResNet::forward(Tape& tape, const Block& block, const Variable& x, DType compute) {
  ops::Residual skip{x};
  if (block.downsample) {
    const Unit& u = *block.downsample;
    skip = {ops::conv2d(tape, x, *u.conv, u.spec, compute), u.norm};
  }
  Variable y = x;
  for (std::size_t i = 0; i < block.units.size(); ++i) {
    const Unit& u = block.units[i];
    const bool last = i + 1 == block.units.size();
    y = ops::norm_act(tape, ops::conv2d(tape, y, *u.conv, u.spec, compute), u.norm, kRelu,
                      last ? &skip : nullptr);
  }
  return y;
}

Variable ResNet::forward(Tape& given, const Variable& images, DType compute) const {
  Tape evaluating(Mode::evaluate);
  Tape& tape = encoder_ == Encoder::frozen ? evaluating : given;
  // More channels than 3: Backend::pictures.
  check(images.value.shape().rank() == 4 && images.value.shape()[3] >= 3,
        "ResNet: pictures {} are not [N, H, W, 3 or more]", images.value.shape().text());
  Variable x = ops::norm_max_pool(tape, ops::conv2d(tape, images, *stem_.conv, stem_.spec, compute),
                                  stem_.norm, kRelu);
  for (const Block& block : blocks_) x = forward(tape, block, x, compute);
  return ops::mean_pool(tape, x);
}

}  // namespace peclr
