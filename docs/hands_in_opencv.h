// SPDX-License-Identifier: Apache-2.0
// Right hands in pictures, by a network that `peclr export` wrote, in OpenCV (4.6, C++17) alone:
// copy this file. docs/deploying.md says why each step is as it is;
// tests/tools/hands_in_opencv_test.cpp compares it with `peclr predict`.
#pragma once
#include <algorithm>
#include <cmath>
#include <opencv2/dnn.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <vector>

namespace hands {

constexpr int kJoints = 21;  // in FreiHAND's order

enum class Crop { picture, hand, box };

// `peclr export` prints input, crop and border; they are in the file's metadata, too.
struct Network {
  cv::dnn::Net net;                  // cv::dnn::readNetFromONNX("hand.onnx")
  int input = 128;                   // peclr.input: S
  Crop crop = Crop::picture;         // peclr.crop
  int border = cv::BORDER_CONSTANT;  // peclr.border; of `reflect` it is cv::BORDER_REFLECT_101
  double first_crop = 0;  // of the shorter side, in the first look; 0: 0.7, of a box's network 0.47
};

struct Hand {
  cv::Mat xyz;  // [21, 3] f32, camera space, in lengths of the bone 9-10
  cv::Mat uv;   // [21, 2] f32, pixels of the picture
};

// For a picture of whose camera nothing is known, as `peclr predict` has it.
inline cv::Matx33f assumed_camera(cv::Size picture) {
  const float f = 2.f * static_cast<float>(std::min(picture.width, picture.height));
  return {f, 0, 0.5f * static_cast<float>(picture.width - 1),
          0, f, 0.5f * static_cast<float>(picture.height - 1),
          0, 0, 1};
}

inline cv::Rect square_at(double x, double y, double side) {
  const auto pixels = static_cast<int>(std::lround(side));
  return {static_cast<int>(std::lround(x + 0.5 - 0.5 * pixels)),
          static_cast<int>(std::lround(y + 0.5 - 0.5 * pixels)), pixels, pixels};
}

inline cv::Rect first_square(cv::Size picture, double share) {
  return square_at(0.5 * (picture.width - 1), 0.5 * (picture.height - 1),
                   share * std::min(picture.width, picture.height));
}

// Around joints that a network said, [21, 2]; nothing where they are no hand of this picture. In a
// video, those of the last frame spare the first look.
inline std::optional<cv::Rect> square_around(const cv::Mat& uv, cv::Size picture, Crop crop) {
  std::vector<cv::Point2d> joints;
  for (int j = 0; j < kJoints; ++j) joints.emplace_back(uv.at<float>(j, 0), uv.at<float>(j, 1));
  for (const cv::Point2d& p : joints)
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) return std::nullopt;
  cv::Point2d middle(0, 0);
  double radius = 0;  // 2.5 radii are the square's side
  if (crop == Crop::box) {
    joints[0] = (joints[0] + joints[9]) / 2;  // the palm
    cv::Point2d low = joints[0], high = joints[0];
    for (const cv::Point2d& p : joints) {
      low = {std::min(low.x, p.x), std::min(low.y, p.y)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
    middle = (low + high) / 2;
    radius = std::max(high.x - low.x, high.y - low.y) / 0.7 / 2.5;
  } else {
    for (const cv::Point2d& p : joints) middle += p / kJoints;
    for (const cv::Point2d& p : joints) radius = std::max(radius, cv::norm(p - middle));
  }
  const bool inside = middle.x >= 0 && middle.x <= picture.width - 1 && middle.y >= 0 &&
                      middle.y <= picture.height - 1;
  if (!inside || radius < 2 || radius > std::max(picture.width, picture.height))
    return std::nullopt;
  return square_at(middle.x, middle.y, 2.5 * radius);
}

// [S, S] of the square, which may reach beyond the picture. Averaged where it is made smaller, as
// in training; averaging would repeat pixels where it is made larger.
inline cv::Mat cut(const Network& network, const cv::Mat& bgr, cv::Rect square) {
  const cv::Rect inside = square & cv::Rect({}, bgr.size());
  cv::Mat whole, seen;
  // Else the border of a part of a larger picture would be what lies beside it there.
  const cv::Mat picture = bgr.isSubmatrix() ? bgr.clone() : bgr;
  cv::copyMakeBorder(picture(inside), whole, inside.y - square.y, square.br().y - inside.br().y,
                     inside.x - square.x, square.br().x - inside.br().x, network.border);
  cv::resize(whole, seen, {network.input, network.input}, 0, 0,
             square.width > network.input ? cv::INTER_AREA : cv::INTER_LINEAR);
  return seen;
}

// What the network says of a square, which must touch the picture.
inline Hand look(Network& network, const cv::Mat& bgr, const cv::Matx33f& K, cv::Rect square) {
  const float s = static_cast<float>(network.input) / static_cast<float>(square.width);
  const auto x = static_cast<float>(square.x), y = static_cast<float>(square.y);
  const int shape[] = {1, 3, 3};
  cv::Mat camera(3, shape, CV_32F);
  const float k[9] = {s * K(0, 0), s * K(0, 1), s * (K(0, 2) - x + .5f) - .5f,
                      0,           s * K(1, 1), s * (K(1, 2) - y + .5f) - .5f,
                      0,           0,           1};
  std::copy(k, k + 9, camera.ptr<float>());
  const cv::Mat seen = cut(network, bgr, square);
  network.net.setInput(cv::dnn::blobFromImage(seen, 1, {}, {}, /*swapRB=*/true), "images");
  network.net.setInput(camera, "camera");
  std::vector<cv::Mat> out;
  network.net.forward(out, std::vector<cv::String>{"xyz", "uv"});
  Hand hand{out[0].reshape(1, kJoints).clone(), out[1].reshape(1, kJoints).clone()};
  for (int j = 0; j < kJoints; ++j) {
    hand.uv.at<float>(j, 0) = (hand.uv.at<float>(j, 0) + .5f) / s - .5f + x;
    hand.uv.at<float>(j, 1) = (hand.uv.at<float>(j, 1) + .5f) / s - .5f + y;
  }
  return hand;
}

// As `peclr predict`: a look at the picture's middle, and one at the hand that is seen there.
inline Hand find(Network& network, const cv::Mat& bgr, const cv::Matx33f& K) {
  const double usual = network.crop == Crop::box ? 0.47 : 0.7;
  const double share = network.crop == Crop::picture ? 1
                       : network.first_crop > 0      ? network.first_crop
                                                     : usual;
  Hand hand = look(network, bgr, K, first_square(bgr.size(), share));
  if (network.crop == Crop::picture) return hand;
  const std::optional<cv::Rect> closer = square_around(hand.uv, bgr.size(), network.crop);
  return closer ? look(network, bgr, K, *closer) : hand;
}

}  // namespace hands
