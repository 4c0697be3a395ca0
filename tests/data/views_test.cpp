// SPDX-License-Identifier: Apache-2.0
// What is drawn for a view, and that its numbers (shift, angle, scale, camera) say what its pixels
// did.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "data/views.h"
#include "engine/cpu/hot/augment.h"
#include "engine/error.h"

namespace peclr {
namespace {

// Mean (100, 80), radius 50.
const std::vector<Vec2f> kHand = {{150, 80}, {50, 80}, {100, 110}, {100, 50}};

AugmentOptions fixed(float angle_deg, float jitter, float margin) {
  AugmentOptions options;
  options.angle_deg = {angle_deg, angle_deg};
  options.jitter = {jitter, jitter};
  options.margin = {margin, margin};
  return options;
}

AugmentOptions plain() {
  AugmentOptions options = fixed(0, 0, 1.25f);
  options.colour_jitter = 0;
  return options;
}

void check_point(Vec2f got, double x, double y, double margin = 1e-3) {
  CHECK(got.x == Approx(x).margin(margin));
  CHECK(got.y == Approx(y).margin(margin));
}

bool same(const Affine2& a, const Affine2& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

ErrorKind kind_of(const AugmentOptions& options, int width, int height,
                  const std::vector<Vec2f>& joints) {
  try {
    sample_view(options, width, height, joints, Rng::of(1));
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("check the labels") +
              std::string(error.what()).find("check its labels") +
              std::string(error.what()).find("too small") !=
          3 * std::string::npos);
    return error.kind();
  }
  return ErrorKind::failure;
}

}  // namespace

TEST_CASE("a plain view puts the joints' mean in the middle, 2.5 radii a side", "[views]") {
  const View view = sample_view(plain(), 224, 224, kHand, Rng::of(1));
  check_point(apply(view.to_output, {100, 80}), 63.5, 63.5);
  check_point(apply(view.to_output, {150, 80}), 63.5 + 128 / 2.5, 63.5);
  CHECK((view.angle_deg == 0 && view.scale == 1 && view.shift.x == 0 && view.shift.y == 0));
  CHECK_FALSE((view.pixels.jitter_colour || view.pixels.drop_colour || view.pixels.swap_red_blue));
}

TEST_CASE("without joints a view is around the centre square", "[views]") {
  const View view = sample_view(plain(), 300, 200, {}, Rng::of(1));
  check_point(apply(view.to_output, {149.5f, 99.5f}), 63.5, 63.5);
  check_point(apply(view.pixels.to_source, {-0.5f, -0.5f}), 49.5, -0.5);
  check_point(apply(view.pixels.to_source, {127.5f, 127.5f}), 249.5, 199.5);
  CHECK(same(view.to_output, centre_view(128, 300, 200).to_output));
}

TEST_CASE("jitter moves the crop right and down, so the hand left and up", "[views]") {
  // r = 50, margin 1: a = 100; jitter 12/128 of 2.5 r is 11.71875 pixels.
  const View view = sample_view(fixed(0, 12, 1), 224, 224, kHand, Rng::of(1));
  CHECK(view.shift.x == Approx(-0.1171875));
  CHECK(view.shift.y == Approx(-0.1171875));
  CHECK(view.scale == Approx(1.25));
  check_point(apply(view.to_output, {100, 80}), 63.5 - 0.1171875 * 128, 63.5 - 0.1171875 * 128);
}

TEST_CASE("shift, angle and scale say what the pixels did", "[views]") {
  std::vector<std::uint8_t> source(4 * 224 * 224, 0);
  const auto dot = [&](int x, int y) {
    for (int v = -2; v <= 2; ++v)
      for (int u = -2; u <= 2; ++u) source[4 * ((y + v) * 224 + x + u) + 1] = 240;
  };
  // Middle of the dot in the view, in sides of the view from the view's centre.
  const auto seen = [&](const View& view, int x, int y) {
    std::fill(source.begin(), source.end(), std::uint8_t{0});
    dot(x, y);
    std::vector<float> out(3 * 128 * 128);
    AugmentJob job{source.data(), 224, 224, view.pixels, out.data()};
    job.params.scale = PixelScale::levels;
    job.params.jitter_colour = false;
    augment(&job, 1, 128);
    double sx = 0, sy = 0, sum = 0;
    for (int j = 0; j < 128; ++j)
      for (int i = 0; i < 128; ++i) {
        const double w = out[3 * (j * 128 + i) + 1];
        sx += w * i, sy += w * j, sum += w;
      }
    return Vec2f{float((sx / sum - 63.5) / 128), float((sy / sum - 63.5) / 128)};
  };
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const View view = sample_view({}, 224, 224, kHand, Rng::of(seed));
    const Vec2f centre = seen(view, 100, 80), right = seen(view, 130, 80);
    CHECK(centre.x == Approx(view.shift.x).margin(1e-3));
    CHECK(centre.y == Approx(view.shift.y).margin(1e-3));
    // 30 pixels right of the centre: turned counter-clockwise, scaled against a crop of 2.5 r =
    // 125.
    const double angle = view.angle_deg * std::acos(-1.0) / 180, length = 30.0 / 125 * view.scale;
    CHECK(right.x - centre.x == Approx(std::cos(angle) * length).margin(2e-3));
    CHECK(right.y - centre.y == Approx(-std::sin(angle) * length).margin(2e-3));
  }
}

TEST_CASE("ranges of ten thousand draws", "[views]") {
  AugmentOptions options;
  options.colour_drop = 0.25f;
  double lowest = 99, highest = -99, least_scale = 9, most_scale = 0, most_jitter = 0, dropped = 0;
  double mean_angle = 0, mean_hue = 0;
  for (std::uint64_t k = 0; k < 10000; ++k) {
    const View v = sample_view(options, 224, 224, kHand, Rng::of(7, k));
    REQUIRE(v.angle_deg == std::floor(v.angle_deg));
    lowest = std::min<double>(lowest, v.angle_deg);
    highest = std::max<double>(highest, v.angle_deg);
    least_scale = std::min<double>(least_scale, v.scale);
    most_scale = std::max<double>(most_scale, v.scale);
    // Back from sides of the crop to 128ths of 2.5 r.
    const double jitter = -v.shift.x * 128 / v.scale;
    REQUIRE((jitter >= 0 && jitter < 15));
    REQUIRE((v.shift.y <= 0 && v.shift.y > -15.0 / 128 * v.scale));
    most_jitter = std::max(most_jitter, jitter);
    const ColourJitter& c = v.pixels.jitter;
    REQUIRE((c.hue >= 0.01f && c.hue < 1 && c.saturation >= 0.01f && c.saturation < 1));
    REQUIRE((c.value_gain >= 0.5f && c.value_gain < 1));
    REQUIRE((c.value_offset >= 5 && c.value_offset < 20));
    dropped += v.pixels.drop_colour;
    mean_angle += v.angle_deg / 1e4;
    mean_hue += c.hue / 1e4;
  }
  CHECK(lowest == -45);
  CHECK(highest == 44);
  CHECK(least_scale == Approx(1.25 / 1.5).margin(1e-3));
  CHECK(most_scale == Approx(1.25 / 0.9).margin(1e-3));
  CHECK(most_jitter > 14.9);
  CHECK(dropped / 1e4 == Approx(0.25).margin(0.02));
  CHECK(mean_angle == Approx(-0.5).margin(1));
  CHECK(mean_hue == Approx(0.505).margin(0.02));
}

TEST_CASE("a range of one value leaves the other draws alone", "[views]") {
  const AugmentOptions all;
  for (std::uint64_t k = 0; k < 20; ++k) {
    const View whole = sample_view(all, 224, 224, kHand, Rng::of(k));
    AugmentOptions options = all;
    options.angle_deg = {0, 0};
    View view = sample_view(options, 224, 224, kHand, Rng::of(k));
    CHECK((view.angle_deg == 0 && view.scale == whole.scale && view.shift.x == whole.shift.x));
    options = all;
    options.margin = {1.25f, 1.25f};
    view = sample_view(options, 224, 224, kHand, Rng::of(k));
    CHECK((view.scale == 1 && view.angle_deg == whole.angle_deg));
    CHECK(view.shift.x == Approx(whole.shift.x / whole.scale));
    options = all;
    options.jitter = {0, 0};
    options.colour_jitter = 0;
    view = sample_view(options, 224, 224, kHand, Rng::of(k));
    CHECK((view.shift.x == 0 && view.shift.y == 0 && view.angle_deg == whole.angle_deg));
    CHECK((view.scale == whole.scale && !view.pixels.jitter_colour));
    CHECK(view.pixels.jitter.value_offset == whole.pixels.jitter.value_offset);
    CHECK(same(whole.to_output, sample_view(all, 224, 224, kHand, Rng::of(k)).to_output));
  }
}

TEST_CASE("the official code's crops, by hand", "[views]") {
  AugmentOptions options = fixed(-13, 11.9f, 1.01f);
  options.paper_exact = true;
  options.border = Border::reflect;
  {
    // c = (100, 80) of (100.6, 80.7), r from there; half = int(51.9.. * 1.01) = 52.
    std::vector<Vec2f> joints = kHand;
    for (Vec2f& p : joints) p.x += 0.6f, p.y += 0.7f;
    const double half = std::trunc(std::hypot(50.6, 0.7) * 1.01);
    REQUIRE(half == 51);
    const View view = sample_view(options, 224, 224, joints, Rng::of(1));
    CHECK(view.angle_deg == -13);
    CHECK(view.shift.x == Approx(-11 / 128.0));
    CHECK(view.shift.y == Approx(-11 / 128.0));
    CHECK(view.pixels.border == Border::black);
    CHECK(view.pixels.swap_red_blue);
    // The centre of rotation keeps its place in the crop [60, 162) x [40, 142).
    const double s = 102.0 / 128;
    check_point(apply(view.to_output, {100, 80}), (100 - 60 + 0.5) / s - 0.5,
                (80 - 40 + 0.5) / s - 0.5);
  }
  {
    // Near the upper left corner: the origin stops at the border, the crop keeps its size.
    const std::vector<Vec2f> joints = {{0, 30}, {60, 30}, {30, 30}};
    const View view = sample_view(options, 224, 200, joints, Rng::of(1));
    // half = int(30.3) = 30, so x = max(0 + 11, 0) = 11 and y likewise.
    CHECK(view.shift.x == Approx(-11 / 128.0));
    options = fixed(0, 5, 1.5f);
    options.paper_exact = true;
    const View stopped = sample_view(options, 224, 200, joints, Rng::of(1));
    // half = 45, c - half = -15, + 5 = -10: stopped at 0, stored jitter -15, not -5.
    CHECK(stopped.shift.x == Approx(-15 / 128.0));
    CHECK(stopped.shift.y == Approx(-15 / 128.0));
    check_point(apply(stopped.pixels.to_source, {-0.5f, -0.5f}), -0.5, -0.5);
    check_point(apply(stopped.pixels.to_source, {127.5f, 127.5f}), 89.5, 89.5);
  }
  {
    // Near the right border: cut off and stretched.
    const std::vector<Vec2f> joints = {{160, 100}, {220, 100}, {190, 100}};
    const View view = sample_view(options, 224, 200, joints, Rng::of(1));
    // half = 45: x from 150 to 224 (74 of 90), y from 60 to 150.
    check_point(apply(view.pixels.to_source, {-0.5f, -0.5f}), 149.5, 59.5);
    check_point(apply(view.pixels.to_source, {127.5f, 127.5f}), 223.5, 149.5);
    CHECK(view.shift.x == Approx(-5 / 128.0));
    CHECK((view.pixels.samples_x == 1 && view.pixels.samples_y == 1));
    // The shift is counted in pixels of the picture, of as many as the network sees.
    options.out = 64;
    CHECK(sample_view(options, 224, 200, joints, Rng::of(1)).shift.x == Approx(-5 / 64.0));
  }
  {
    // Turned about (100, 80), the middle (100.9, 80.95) comes to (101.31, 80.04): the crop's centre
    // is (101, 80).
    options = fixed(45, 0, 1.2f);
    options.paper_exact = true;
    const std::vector<Vec2f> joints = {{80.9f, 80.95f}, {120.9f, 80.95f}};
    // The farther joint, (20.9, 0.95) from what it is turned about.
    const double root = std::sqrt(0.5), right = (20.9 + 0.95) * root - 1, up = (20.9 - 0.95) * root,
                 half = std::trunc(1.2 * std::hypot(right, up));
    REQUIRE(half == 24);
    const View view = sample_view(options, 224, 200, joints, Rng::of(1));
    const double s = 2 * half / 128;
    check_point(apply(view.to_output, {100, 80}), (half - 1 + 0.5) / s - 0.5,
                (half + 0.5) / s - 0.5);
  }
}

TEST_CASE("the official code's crop of a picture without joints just fits", "[views]") {
  AugmentOptions options = plain();
  options.paper_exact = true;
  const View view = sample_view(options, 300, 200, {}, Rng::of(1));
  check_point(apply(view.pixels.to_source, {-0.5f, -0.5f}), 49.5, -0.5);
  check_point(apply(view.pixels.to_source, {127.5f, 127.5f}), 249.5, 199.5);
}

TEST_CASE("the official code's crops of a hand in the corner keep a pixel", "[views]") {
  AugmentOptions options;
  options.paper_exact = true;
  bool least = false;
  for (std::uint64_t k = 0; k < 300; ++k) {
    // Radius 5, jitter up to 14: beyond the border more often than not.
    const View view = sample_view(options, 224, 200, {{{218, 199}, {228, 199}}}, Rng::of(k));
    const Vec2f from = apply(view.pixels.to_source, {-0.5f, -0.5f}),
                to = apply(view.pixels.to_source, {127.5f, 127.5f});
    const double side = std::hypot(to.x - from.x, to.y - from.y);
    REQUIRE(side > 1.4);
    least = least || side < 1.5;
  }
  CHECK(least);
}

TEST_CASE("a transformed camera projects to the pixels of the view", "[views]") {
  Mat3f K;
  K.m[0] = 480, K.m[2] = 112, K.m[4] = 470, K.m[5] = 108;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    AugmentOptions options;
    options.jitter = {-15, 15};
    const View view = sample_view(options, 224, 224, {}, Rng::of(seed));
    const Mat3f k = transform_camera(K, view.to_output);
    const Vec3f p{0.05f, -0.03f, 0.7f};
    const Vec2f before{480 * p.x / p.z + 112, 470 * p.y / p.z + 108};
    const Vec2f want = apply(view.to_output, before);
    check_point({(k.m[0] * p.x + k.m[1] * p.y + k.m[2] * p.z) / p.z,
                 (k.m[3] * p.x + k.m[4] * p.y + k.m[5] * p.z) / p.z},
                want.x, want.y);
    CHECK((k.m[6] == 0 && k.m[7] == 0 && k.m[8] == 1));
  }
}

TEST_CASE("probe views stay within their ranges", "[views]") {
  double least_scale = 9, most_scale = 0, most_move = 0, least_move = 0, most_angle = 0;
  for (std::uint64_t k = 0; k < 2000; ++k) {
    const View v = probe_view(96, 224, 224, kHand, Rng::of(3, k));
    const double moved = v.shift.x * 2.5 / v.scale;  // in radii
    least_scale = std::min<double>(least_scale, v.scale);
    most_scale = std::max<double>(most_scale, v.scale);
    most_move = std::max(most_move, moved);
    least_move = std::min(least_move, moved);
    most_angle = std::max<double>(most_angle, std::abs(v.angle_deg));
    const Vec2f centre = apply(v.to_output, {100, 80});
    REQUIRE(centre.x == Approx(47.5 + 96 * v.shift.x).margin(1e-3));
    REQUIRE(centre.y == Approx(47.5 + 96 * v.shift.y).margin(1e-3));
    REQUIRE_FALSE((v.pixels.jitter_colour || v.pixels.drop_colour));
    REQUIRE(v.pixels.border == Border::black);
  }
  CHECK(most_scale == Approx(1.25).margin(1e-3));
  CHECK(least_scale == Approx(1.25 / 1.5).margin(1e-3));
  CHECK(most_move == Approx(0.25).margin(0.003));
  CHECK(least_move == Approx(-0.25).margin(0.003));
  CHECK((most_angle <= 45 && most_angle > 44.5));
}

TEST_CASE("the middle of a picture is a share of its shorter side", "[views]") {
  // Centre (149.5, 99.5), side 0.5 * 200: from half a pixel before pixel 100 to half after 199.
  const View view = centre_view(128, 300, 200, 0.5);
  check_point(apply(view.pixels.to_source, {-0.5f, -0.5f}), 99.5, 49.5);
  check_point(apply(view.pixels.to_source, {127.5f, 127.5f}), 199.5, 149.5);
  CHECK(same(centre_view(128, 300, 200, 1).to_output, centre_view(128, 300, 200).to_output));
}

TEST_CASE("a view around joints is the plain one of training, labelled or predicted", "[views]") {
  const View plain_one = sample_view(plain(), 224, 224, kHand, Rng::of(1));
  CHECK(same(joint_view(128, 224, 224, kHand).to_output, plain_one.to_output));
  CHECK(same(joint_view(128, 300, 200, {}).to_output, centre_view(128, 300, 200).to_output));
  const auto predicted = predicted_view(128, 224, 224, kHand);
  REQUIRE(predicted.has_value());
  CHECK(same(predicted->to_output, plain_one.to_output));
}

// The authors' test: a pixel p of the picture is at 0.7 S / L (p - c) + S / 2 of their pictures, c
// the middle of the box of what they predict, L its longer side. Their index S / 2 is our middle,
// (S - 1) / 2.
TEST_CASE("a view around the box of joints is the authors' test", "[views]") {
  std::vector<Vec2f> joints(21, {100, 90});
  joints[0] = {104, 150};  // the wrist; the palm is at (100, 118), and the lowest of all
  joints[9] = {96, 86};
  joints[4] = {72, 92};    // left
  joints[8] = {95, 60};    // top
  joints[20] = {118, 70};  // right
  const double cx = (72 + 118) / 2.0, cy = (60 + 118) / 2.0, L = 118 - 60, s = 0.7 * 128 / L;
  const auto check = [&](const View& view) {
    for (const Vec2f p : {Vec2f{72, 60}, Vec2f{118, 118}, Vec2f{0, 200}})
      check_point(apply(view.to_output, p), s * (p.x - cx) + 63.5, s * (p.y - cy) + 63.5);
  };
  check(joint_view(128, 224, 200, joints, Around::box));
  const auto predicted = predicted_view(128, 224, 200, joints, Around::box);
  REQUIRE(predicted.has_value());
  check(*predicted);
  AugmentOptions options = plain();
  options.around = Around::box;
  check(sample_view(options, 224, 200, joints, Rng::of(1)));
  // Turned, it is the box of the turned joints, and still 0.7 of the view, in its middle.
  for (const bool paper_exact : {false, true})
    for (const double angle : {30.0, -45.0}) {
      options.paper_exact = paper_exact;
      options.angle_deg = {float(angle), float(angle)};
      const View turned = sample_view(options, 224, 200, joints, Rng::of(1));
      std::vector<Vec2f> seen;
      for (const Vec2f& p : joints) seen.push_back(apply(turned.to_output, p));
      seen[0] = {(seen[0].x + seen[9].x) / 2, (seen[0].y + seen[9].y) / 2};
      const auto spread = [&](float Vec2f::*axis) {
        const auto [low, high] =
            std::minmax_element(seen.begin(), seen.end(),
                                [&](const Vec2f& a, const Vec2f& b) { return a.*axis < b.*axis; });
        return std::pair{(*high).*axis - (*low).*axis, ((*high).*axis + (*low).*axis) / 2};
      };
      const auto [width, x] = spread(&Vec2f::x);
      const auto [height, y] = spread(&Vec2f::y);
      const double slack = paper_exact ? 2.5 : 0.01;  // of whole pixels
      CHECK(std::max(width, height) == Approx(0.7 * 128).margin(slack));
      CHECK(x == Approx(63.5).margin(slack));
      CHECK(y == Approx(63.5).margin(slack));
    }
  // The planted faults: a crop around their mean, and a box that holds the wrist.
  CHECK_FALSE(same(joint_view(128, 224, 200, joints).to_output, predicted->to_output));
  joints[0] = {104, 151};
  CHECK_FALSE(same(joint_view(128, 224, 200, joints, Around::box).to_output, predicted->to_output));
  for (const std::size_t lost : {0, 9, 13}) {
    auto bad = joints;
    bad[lost].y = NAN;
    CHECK_FALSE(predicted_view(128, 224, 200, bad, Around::box).has_value());
  }
}

TEST_CASE("predictions that are no hand of the picture give no view", "[views]") {
  const auto seen = [](std::vector<Vec2f> joints) {
    return predicted_view(128, 300, 200, joints).has_value();
  };
  CHECK(seen({{100, 80}, {110, 80}}));
  CHECK(seen({{0, 0}, {0, 10}}));             // half of it is outside, its middle is not
  CHECK(seen({{-60, 100}, {300, 100}}));      // larger than the picture is high
  CHECK(seen({{-140, 100}, {380, 100}}));     // and its radius, 260
  CHECK_FALSE(seen({{100, 80}, {103, 80}}));  // radius 1.5
  CHECK_FALSE(seen({{100, 80}, {100, 80}}));
  CHECK_FALSE(seen({{-20, 80}, {10, 80}}));      // its middle is left of the picture
  CHECK_FALSE(seen({{290, 190}, {300, 220}}));   // and below it
  CHECK_FALSE(seen({{-500, 100}, {700, 100}}));  // radius 600
  CHECK_FALSE(seen({{NAN, 80}, {110, 80}}));
  CHECK_FALSE(seen({{100, 80}, {INFINITY, 80}}));
  CHECK_FALSE(seen({{-INFINITY, 80}, {INFINITY, 80}}));
}

TEST_CASE("labels that give no view are data errors", "[views]") {
  CHECK(kind_of({}, 1, 224, {}) == ErrorKind::data);
  CHECK(kind_of({}, 224, 224, {{5, 5}, {5, 5}}) == ErrorKind::data);
  CHECK(kind_of({}, 224, 224, {{5, 5}, {NAN, 5}}) == ErrorKind::data);
  CHECK(kind_of({}, 224, 224, {{5, 5}, {5, INFINITY}}) == ErrorKind::data);
  CHECK(kind_of({}, 224, 224, {{5, 5}, {9e8f, 5}}) == ErrorKind::data);
  AugmentOptions options;
  options.paper_exact = true;
  CHECK(kind_of(options, 224, 224, {{500, 50}, {520, 50}}) == ErrorKind::data);
  CHECK(kind_of(options, 224, 224, {{50.1f, 50}, {50.2f, 50}}) == ErrorKind::data);
}

}  // namespace peclr
