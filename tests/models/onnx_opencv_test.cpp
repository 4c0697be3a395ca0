// SPDX-License-Identifier: Apache-2.0
// Exported networks in a runtime that is not ours: OpenCV reads the file and computes what the
// engine computes.
#include <catch2/catch.hpp>
#include <opencv2/dnn.hpp>

#include "kernels/augment.h"
#include "kernels/pose25d.h"
#include "models/onnx_networks.h"
#include "tests/support/compare.h"
#include "tests/support/device.h"
#include "tests/support/files.h"
#include "tests/support/random_norms.h"
#include "tests/support/values.h"

namespace peclr {
namespace {

using namespace test;

constexpr int kInput = 64, kImages = 3;

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
    draw_norms(store);
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

// A head that answers with a hand whose reference bone is (dx, dy) pixels and dz bone lengths long,
// moved a little by the features.
struct Bone {
  float dx, dy, dz;
};
void set_head(const LinearLayer& head, const Bone& bone) {
  std::vector<float> weight = head.weight->value.to_host();
  for (float& w : weight) w *= 0.02f;
  head.weight->value.copy_from_host(weight);
  std::vector<float> bias(64);
  const auto drawn = random_values(64, 11);
  for (std::size_t j = 0; j < kJoints; ++j) {
    bias[3 * j] = 32 + 15 * static_cast<float>(drawn[3 * j]);
    bias[3 * j + 1] = 32 + 15 * static_cast<float>(drawn[3 * j + 1]);
    bias[3 * j + 2] = static_cast<float>(drawn[3 * j + 2]);
  }
  const float along[3] = {bone.dx, bone.dy, bone.dz};
  for (const std::size_t k : {0, 1, 2})
    bias[3 * kAitMiddlePip + k] = bias[3 * kAitMiddleMcp + k] + along[k];
  head.bias->value.copy_from_host(bias);
}

// Cameras that turn and shear, as those of cuts do, each another.
std::vector<float> draw_cameras() {
  std::vector<float> cameras;
  for (int n = 0; n < kImages; ++n) {
    const float i = static_cast<float>(n), f = 100 + 5 * i;
    for (const float value :
         {f, 0.1f * f, 30.f + i, -0.1f * f, 1.1f * f, 34.f - 2 * i, 0.f, 0.f, 1.f})
      cameras.push_back(value);
  }
  return cameras;
}

// What the engine says, in FreiHAND's order.
struct Hands {
  std::vector<float> roots, xyz, uv;  // roots: by the quadratic
};
Hands answer(const HandNetwork& network, const Tensor& images, const std::vector<float>& cameras) {
  Tape tape(Mode::evaluate);
  const HandNetwork::Output output = network.forward(
      tape, {images, -1}, Tensor::from_host(images.backend(), {kImages, 9}, cameras), DType::f32);
  const std::vector<float> bones = network.recover(tape, output).value.to_host();
  Hands out{output.lifted.root_depth.to_host(), {}, {}};
  for (std::size_t n = 0; n < kImages; ++n) {
    Vec3f joints[kJoints];
    freihand_from_network(&bones[n * 3 * kJoints], 1.f, joints);
    for (const Vec3f& p : joints) {
      out.xyz.insert(out.xyz.end(), {p.x, p.y, p.z});
      const Point2 q = project_point(&cameras[9 * n], p.x, p.y, p.z);
      out.uv.insert(out.uv.end(), {static_cast<float>(q.x), static_cast<float>(q.y)});
    }
  }
  return out;
}

TEST_CASE("onnx: OpenCV computes a hand network's joints and pixels") {
  Backend& backend = device();
  const TempFolder folder;
  const Pictures pictures = draw_pictures(backend);
  std::vector<float> cameras = draw_cameras();
  struct Case {
    const char* name;
    Bone bone;
    float nearest, farthest;  // what the quadratic says
  };
  const Case c = GENERATE(Case{"a hand", {7, 7, .25f}, 5, 40}, Case{"too far", {.1f, 0, 0}, 50, 50},
                          Case{"too near", {60, 60, .1f}, 4, 4},
                          Case{"longer than it may be", {2, -2, 3}, 5, 40});
  INFO(c.name);
  ParameterStore store;
  const HandNetwork network(store, 18);
  store.allocate(backend, 5);
  draw_norms(store);
  set_head(network.head(), c.bone);
  store.values_changed();
  const Hands want = answer(network, pictures.normalised, cameras);
  for (const float root : want.roots) REQUIRE((root >= c.nearest && root <= c.farthest));

  onnx_hand_network(network, kInput).write(folder / "h.onnx", {});
  cv::dnn::Net net = cv::dnn::readNetFromONNX(folder / "h.onnx");
  net.setInput(pictures.levels, "images");
  const int camera_sizes[] = {kImages, 3, 3};
  net.setInput(cv::Mat(3, camera_sizes, CV_32F, cameras.data()), "camera");
  std::vector<cv::Mat> got;
  net.forward(got, std::vector<cv::String>{"xyz", "uv"});
  CHECK(difference(got[0], want.xyz) < 1e-4);
  CHECK(difference(got[1], want.uv) < 1e-4);
  Hands swapped = want;
  std::swap(swapped.xyz[3], swapped.xyz[6]);
  CHECK(difference(got[0], swapped.xyz) > 1e-4);
}

}  // namespace
}  // namespace peclr
