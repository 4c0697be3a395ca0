// SPDX-License-Identifier: Apache-2.0
// The header that a deploying team copies (docs/hands_in_opencv.h) finds the hands that `peclr
// predict` finds, in a runtime that is not ours.
#include "docs/hands_in_opencv.h"

#include <catch2/catch.hpp>

#include "data/image.h"
#include "data/synthetic.h"
#include "kernels/pose.h"
#include "models/onnx_networks.h"
#include "tests/support/compare.h"
#include "tests/support/files.h"
#include "tests/support/random_norms.h"
#include "tests/support/values.h"
#include "tools/evaluation/inference.h"

namespace peclr {
namespace {

using namespace test;
using Crop = Settings::Crop;

constexpr int kInput = 64;

// A network that says a hand of about half its picture's size, moved by what the picture shows.
struct Subject {
  std::unique_ptr<Backend> backend = cpu();
  ParameterStore store;
  HandNetwork network{store, 18};
  TempFolder folder;
  PictureSet set;

  Subject() {
    store.allocate(*backend, 1);
    draw_norms(store);
    // The pixels heed the picture; depths, which a little more or less may throw far, do not.
    std::vector<float> weight = network.head().weight->value.to_host();
    for (std::size_t i = 0; i < weight.size(); ++i) weight[i] *= i / 512 % 3 == 2 ? 0 : 2;
    network.head().weight->value.copy_from_host(weight);
    for (const Parameter* refinement : {network.residual().weight, network.residual().bias})
      backend->zero(refinement->value);
    std::vector<float> bias(64);
    const auto drawn = random_values(64, 11);
    for (std::size_t j = 0; j < kJoints; ++j) {
      for (const std::size_t k : {0, 1}) bias[3 * j + k] = 34 + 12 * float(drawn[3 * j + k]);
      bias[3 * j + 2] = float(drawn[3 * j + 2]) / 4;
    }
    // A bone that is long enough to tell the depth well.
    const float along[3] = {9, 7, 0.25f};
    for (const std::size_t k : {0, 1, 2})
      bias[3 * kAitMiddlePip + k] = bias[3 * kAitMiddleMcp + k] + along[k];
    network.head().bias->value.copy_from_host(bias);
    store.values_changed();
    write_synthetic(folder.path(), 12, 9);
    set = open_pictures(folder.path(), Split::training);
    onnx_hand_network(network, kInput).write(folder / "h.onnx", {});
  }

  std::vector<HandPrediction> predict(Crop crop, Border border) const {
    Settings settings = default_settings(Command::predict);
    settings.model.depth = 18;
    settings.model.input = kInput;
    settings.data.crop = crop;
    settings.augment.border = border;
    return HandPredictor{settings, network, *backend}.predict(set).hands;
  }
};

cv::Mat bgr_of(const Image& image) {
  cv::Mat out(image.height, image.width, CV_8UC3);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const std::uint8_t* p = image.at(x, y);
      out.at<cv::Vec3b>(y, x) = {p[2], p[1], p[0]};
    }
  return out;
}

// The farthest that a joint is from where predict has it: pixels of the picture, and in space of
// the distance from the camera.
struct Apart {
  double pixels = 0, space = 0;
};
Apart apart(const hands::Hand& got, const HandPrediction& want, double scale) {
  Apart most;
  for (int j = 0; j < hands::kJoints; ++j) {
    const Vec2f px = want.px[std::size_t(j)];
    const Vec3f p = want.xyz[std::size_t(j)];
    most.pixels = worse(most.pixels,
                        std::hypot(got.uv.at<float>(j, 0) - px.x, got.uv.at<float>(j, 1) - px.y));
    const double dx = got.xyz.at<float>(j, 0) * scale - p.x,
                 dy = got.xyz.at<float>(j, 1) * scale - p.y,
                 dz = got.xyz.at<float>(j, 2) * scale - p.z;
    most.space = worse(most.space, std::hypot(dx, dy, dz) / std::abs(p.z));
  }
  return most;
}

TEST_CASE("deploying: the header for OpenCV finds the hands that predict finds") {
  const Subject subject;
  struct Case {
    Crop crop;
    hands::Crop theirs;
    double first_crop;     // what is usual, and what both take where nothing is said
    double pixels, space;  // squares are whole there, in both looks, and fractions in predict
  };
  const Case c = GENERATE(Case{Crop::picture, hands::Crop::picture, 1, 0.1, 0.005},
                          Case{Crop::hand, hands::Crop::hand, 0.7, 2, 0.03},
                          Case{Crop::box, hands::Crop::box, 0.47, 2, 0.03});
  for (const Border border : {Border::black, Border::reflect}) {
    const auto want = subject.predict(c.crop, border);
    hands::Network network{cv::dnn::readNetFromONNX(subject.folder / "h.onnx"), kInput, c.theirs,
                           border == Border::black ? cv::BORDER_CONSTANT : cv::BORDER_REFLECT_101};
    for (std::int64_t i = 0; i < subject.set.size(); ++i) {
      const HandLabel& label = subject.set.label(i);
      const cv::Mat bgr = bgr_of(read_image(subject.set.path(i)));
      const cv::Matx33f K(label.K.m);
      const HandPrediction& hand = want[std::size_t(i)];
      const Apart difference = apart(hands::find(network, bgr, K), hand, label.scale);
      CAPTURE(i, name_of(c.crop), difference.pixels, difference.space);
      CHECK(difference.pixels < c.pixels);
      CHECK(difference.space < c.space);
      // Planted: red for blue; one look too few.
      if (c.crop == Crop::picture) {
        cv::Mat rgb;
        cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
        CHECK(apart(hands::find(network, rgb, K), hand, label.scale).pixels > c.pixels);
      } else {
        const cv::Rect first = hands::first_square(bgr.size(), c.first_crop);
        CHECK(apart(hands::look(network, bgr, K, first), hand, label.scale).pixels > c.pixels);
      }
    }
  }
}

TEST_CASE("deploying: what is no hand of the picture gets no second look") {
  const auto around = [](std::vector<cv::Point2f> joints) {
    cv::Mat uv(hands::kJoints, 2, CV_32F);
    for (int j = 0; j < hands::kJoints; ++j) {
      uv.at<float>(j, 0) = joints[std::size_t(j) % joints.size()].x;
      uv.at<float>(j, 1) = joints[std::size_t(j) % joints.size()].y;
    }
    return hands::square_around(uv, {300, 200}, hands::Crop::box).has_value() &&
           hands::square_around(uv, {300, 200}, hands::Crop::hand).has_value();
  };
  CHECK(around({{100, 80}, {110, 80}}));
  CHECK_FALSE(around({{100, 80}, {102, 80}}));
  CHECK_FALSE(around({{-20, 80}, {10, 80}}));
  CHECK_FALSE(around({{-900, 100}, {1000, 100}}));
  CHECK_FALSE(around({{NAN, 80}, {110, 80}}));
}

}  // namespace
}  // namespace peclr
