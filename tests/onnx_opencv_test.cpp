// SPDX-License-Identifier: Apache-2.0
// Exported networks in a runtime that is not ours: OpenCV reads the file and computes what the
// engine computes.
#include <catch2/catch.hpp>
#include <opencv2/dnn.hpp>

#include "kernels/augment.h"
#include "kernels/pose25d.h"
#include "models/onnx_networks.h"
#include "tests/support/activations.h"
#include "tests/support/compare.h"
#include "tests/support/device.h"
#include "tests/support/files.h"

namespace peclr {
namespace {

using namespace test;

constexpr int kInput = 64, kImages = 3;

// Running statistics as a training leaves them, so that folding them in is seen.
void draw_statistics(ParameterStore& store) {
  std::uint64_t seed = 100;
  for (StateBuffer& b : store.buffers()) {
    const bool variance = b.name.ends_with("running_var");
    const auto values = random_values(static_cast<std::size_t>(b.value.count()), ++seed,
                                      variance ? 0.5f : -0.3f, variance ? 2.f : 0.3f);
    b.value.copy_from_host(std::vector<float>(values.begin(), values.end()));
  }
}

struct Pictures {
  cv::Mat levels;     // [N, 3, S, S]
  Tensor normalised;  // [N, S, S, 3]
};

Pictures draw_pictures(Backend& backend) {
  const int sizes[] = {kImages, 3, kInput, kInput};
  Pictures out{cv::Mat(4, sizes, CV_32F), {}};
  const auto drawn = random_values(out.levels.total(), 7, 0, 255);
  std::vector<float> values(out.levels.total());
  auto* levels = out.levels.ptr<float>();
  const std::size_t area = kInput * kInput;
  for (std::size_t n = 0; n < kImages; ++n)
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t p = 0; p < area; ++p) {
        const auto level = static_cast<float>(std::floor(drawn[(n * 3 + c) * area + p]));
        levels[(n * 3 + c) * area + p] = level;
        const int channel = static_cast<int>(c);
        values[(n * area + p) * 3 + c] =
            (level / 255 - imagenet_mean(channel)) / imagenet_deviation(channel);
      }
  out.normalised = Tensor::from_host(backend, {kImages, kInput, kInput, 3}, values);
  return out;
}

double difference(const cv::Mat& got, const std::vector<float>& want) {
  REQUIRE(got.total() == want.size());
  return relative_l2(got.ptr<float>(), want.data(), want.size());
}

TEST_CASE("onnx: OpenCV computes an encoder's features") {
  Backend& backend = device();
  const TempFolder folder;
  const Pictures pictures = draw_pictures(backend);
  for (const int depth : {18, 50}) {
    ParameterStore store;
    const ResNet encoder(store, depth);
    store.allocate(backend, 3);
    draw_statistics(store);
    onnx_encoder(encoder, kInput).write(folder / "e.onnx", {});
    cv::dnn::Net net = cv::dnn::readNetFromONNX(folder / "e.onnx");
    net.setInput(pictures.levels, "images");
    const cv::Mat got = net.forward("features");
    const auto features = [&] {
      Tape tape(Mode::evaluate);
      return encoder.forward(tape, {pictures.normalised, -1}, DType::f32).value.to_host();
    };
    INFO("ResNet-" << depth);
    CHECK(difference(got, features()) < 1e-4);
    store.buffers().front().value.copy_from_host(std::vector<float>(64, 0.5f));
    CHECK(difference(got, features()) > 1e-3);  // one norm's means away
  }
}

// A head that answers with a hand about ten bone lengths away, moved a little by the features.
void set_head(const LinearLayer& head) {
  std::vector<float> weight = head.weight->value.to_host();
  for (float& w : weight) w *= 0.1f;
  head.weight->value.copy_from_host(weight);
  std::vector<float> bias(64);
  const auto drawn = random_values(64, 11);
  for (std::size_t j = 0; j < kJoints; ++j) {
    bias[3 * j] = 32 + 15 * static_cast<float>(drawn[3 * j]);
    bias[3 * j + 1] = 32 + 15 * static_cast<float>(drawn[3 * j + 1]);
    bias[3 * j + 2] = static_cast<float>(drawn[3 * j + 2]);
  }
  for (const std::size_t k : {0, 1}) bias[3 * kAitMiddlePip + k] = bias[3 * kAitMiddleMcp + k] + 7;
  bias[3 * kAitMiddlePip + 2] = bias[3 * kAitMiddleMcp + 2] + 0.25f;
  head.bias->value.copy_from_host(bias);
}

TEST_CASE("onnx: OpenCV computes a hand network's joints and pixels") {
  Backend& backend = device();
  const TempFolder folder;
  const Pictures pictures = draw_pictures(backend);
  ParameterStore store;
  const HandNetwork network(store, 18);
  store.allocate(backend, 5);
  draw_statistics(store);
  set_head(network.head());

  // They turn and shear, as those of cuts do.
  std::vector<float> cameras;
  for (int n = 0; n < kImages; ++n) {
    const float f = 100 + 5 * static_cast<float>(n);
    for (const float value : {f, 0.1f * f, 30.f, -0.1f * f, 1.1f * f, 34.f, 0.f, 0.f, 1.f})
      cameras.push_back(value);
  }
  Tape tape(Mode::evaluate);
  const HandNetwork::Output answer =
      network.forward(tape, {pictures.normalised, -1},
                      Tensor::from_host(backend, {kImages, 9}, cameras), DType::f32);
  const std::vector<float> bones = network.recover(tape, answer).value.to_host();
  for (const float depth : answer.root.value.to_host()) REQUIRE((depth > 5 && depth < 40));
  std::vector<float> xyz, uv;
  for (std::size_t n = 0; n < kImages; ++n) {
    Vec3f joints[kJoints];
    freihand_from_network(&bones[n * 3 * kJoints], 1.f, joints);
    for (const Vec3f& p : joints) {
      xyz.insert(xyz.end(), {p.x, p.y, p.z});
      const Point2 q = project_point(&cameras[9 * n], p.x, p.y, p.z);
      uv.insert(uv.end(), {static_cast<float>(q.x), static_cast<float>(q.y)});
    }
  }

  onnx_hand_network(network, kInput).write(folder / "h.onnx", {});
  cv::dnn::Net net = cv::dnn::readNetFromONNX(folder / "h.onnx");
  net.setInput(pictures.levels, "images");
  const int camera_sizes[] = {kImages, 3, 3};
  net.setInput(cv::Mat(3, camera_sizes, CV_32F, cameras.data()), "camera");
  std::vector<cv::Mat> got;
  net.forward(got, std::vector<cv::String>{"xyz", "uv"});
  CHECK(difference(got[0], xyz) < 1e-4);
  CHECK(difference(got[1], uv) < 1e-4);
  std::swap(xyz[0], xyz[3]);
  CHECK(difference(got[0], xyz) > 1e-3);
}

}  // namespace
}  // namespace peclr
