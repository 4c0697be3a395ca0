// SPDX-License-Identifier: Apache-2.0
// Drawn skeletons: each joint and bone in its finger's colour, where it belongs, and nowhere else.
#include "data/skeleton.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>

namespace peclr {
namespace {

constexpr std::uint8_t kGrey = 200;
constexpr int kRgb[6][3] = {{102, 102, 102}, {0, 0, 191},   {0, 128, 255},
                            {0, 102, 0},     {255, 255, 0}, {128, 0, 26}};  // wrist, fingers

// Fingers side by side above the wrist, their joints 35 pixels apart.
std::array<Vec2f, kJoints> spread_hand() {
  std::array<Vec2f, kJoints> joints{{{160, 185}}};
  for (int finger = 0; finger < 5; ++finger)
    for (int ring = 0; ring < 4; ++ring)
      joints[static_cast<std::size_t>(1 + 4 * finger + ring)] = {
          static_cast<float>(40 + 60 * finger), static_cast<float>(145 - 35 * ring)};
  return joints;
}

Image drawn(const std::array<Vec2f, kJoints>& joints) {
  Image image(320, 200);
  std::fill(image.pixels.begin(), image.pixels.end(), kGrey);
  draw_skeleton(image, joints);
  return image;
}

TEST_CASE("skeleton: joints and bones have their finger's colour, the rest stays") {
  const auto joints = spread_hand();
  const Image image = drawn(joints);
  const auto has = [&](double x, double y, int colour) {
    bool same = true;
    for (int c = 0; c < 3; ++c) same = same && image.at(int(x), int(y))[c] == kRgb[colour][c];
    return same;
  };
  CHECK(has(joints[0].x, joints[0].y, 0));
  for (int finger = 0; finger < 5; ++finger)
    for (int ring = 0; ring < 4; ++ring) {
      const Vec2f p = joints[static_cast<std::size_t>(1 + 4 * finger + ring)];
      CAPTURE(finger, ring);
      CHECK(has(p.x, p.y, 1 + finger));
      if (ring > 0) CHECK(has(p.x, p.y + 17, 1 + finger));
      CHECK(image.at(int(p.x) + 20, int(p.y) - 17)[0] == kGrey);
    }
  int changed = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 4) changed += image.pixels[i] != kGrey;
  CHECK((changed > 1000 && changed < 6000));  // of 64,000
}

TEST_CASE("skeleton: joints of a picture are drawn on its enlarged copy") {
  Image image(320, 200);
  std::fill(image.pixels.begin(), image.pixels.end(), kGrey);
  const Image plain = drawn(spread_hand());
  // Pixel q of the picture is pixels 4 q to 4 q + 3 of the copy.
  auto small = spread_hand();
  for (Vec2f& p : small) p = {(p.x - 1.5f) / 4, (p.y - 1.5f) / 4};
  draw_skeleton(image, small, 4);
  CHECK(image.pixels == plain.pixels);
}

TEST_CASE("skeleton: what lies outside of the picture is cut off") {
  auto joints = spread_hand();
  const Image whole = drawn(joints);
  joints[4] = {-500, 40};     // the thumb's tip
  joints[20] = {40000, NAN};  // no place at all
  const Image cut = drawn(joints);
  for (const int finger : {1, 2, 3}) {
    const Vec2f tip = joints[static_cast<std::size_t>(4 + 4 * finger)];
    for (int c = 0; c < 3; ++c)
      CHECK(cut.at(int(tip.x), int(tip.y))[c] == whole.at(int(tip.x), int(tip.y))[c]);
  }
  CHECK(cut.at(0, 73)[2] != kGrey);  // the thumb's last bone on its way out
}

}  // namespace
}  // namespace peclr
