// SPDX-License-Identifier: Apache-2.0
// Hands cut out of frames: every joint keeps its pixel, left hands become right ones, and a
// training sees in the cut what it would see in the frame.
#include "data/prepare/cut_hands.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "data/views.h"
#include "engine/cpu/hot/augment.h"
#include "engine/parallel.h"
#include "kernels/random.h"
#include "tests/support/files.h"

using namespace peclr;
using test::Caught;
using test::caught;
using test::TempFolder;

namespace {

namespace fs = std::filesystem;

// Every pixel another colour, so that it tells where it comes from.
Image numbered_frame(int width, int height) {
  Image frame(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const std::uint32_t number = static_cast<std::uint32_t>(y * width + x) | 255u << 24;
      std::memcpy(frame.at(x, y), &number, 4);
    }
  return frame;
}

// A hand whose joints lie on whole pixels around (x, y), `radius` away at most.
FrameHand hand_at(int x, int y, int radius, Side side, Rng rng) {
  FrameHand hand{"f.png", 640, 480, side, {}};
  hand.label.scale = 1;
  for (Vec3f& p : hand.label.xyz)
    p = {std::round(static_cast<float>(x) + rng.uniform(-0.7f, 0.7f) * static_cast<float>(radius)),
         std::round(static_cast<float>(y) + rng.uniform(-0.7f, 0.7f) * static_cast<float>(radius)),
         1};
  return hand;
}

// The same hand as a camera of unequal focal lengths sees it, at depths of its own.
FrameHand seen_by_camera(FrameHand hand, Rng rng) {
  const Mat3f K{{500, 0, 310, 0, 620, 250, 0, 0, 1}};
  for (Vec3f& p : hand.label.xyz) {
    const float z = rng.uniform(0.4f, 0.8f);
    p = {(p.x - K.m[2]) / K.m[0] * z, (p.y - K.m[5]) / K.m[4] * z, z};
  }
  hand.label.K = K;
  return hand;
}

// Whether each joint of the cut lies on the pixel that it had in the frame.
bool joints_keep_pixels(const Image& frame, const FrameHand& hand, const CutHand& cut) {
  for (std::size_t j = 0; j < kJoints; ++j) {
    const Vec2f before = project(hand.label.K, hand.label.xyz[j]);
    const Vec2f after = project(cut.label.K, cut.label.xyz[j]);
    const int x = static_cast<int>(std::lround(after.x)),
              y = static_cast<int>(std::lround(after.y));
    const bool near = std::abs(after.x - static_cast<float>(x)) < 1e-3f &&
                      std::abs(after.y - static_cast<float>(y)) < 1e-3f;
    if (!near || x < 0 || y < 0 || x >= cut.image.width || y >= cut.image.height) return false;
    const std::uint8_t* was =
        frame.at(static_cast<int>(std::lround(before.x)), static_cast<int>(std::lround(before.y)));
    if (std::memcmp(was, cut.image.at(x, y), 4) != 0) return false;
  }
  return true;
}

std::vector<Vec2f> pixels_of(const HandLabel& label) {
  std::vector<Vec2f> joints;
  for (const Vec3f& p : label.xyz) joints.push_back(project(label.K, p));
  return joints;
}

std::vector<float> view_of(const Image& image, const HandLabel& label,
                           const AugmentOptions& options, std::uint64_t seed) {
  const View view =
      sample_view(options, image.width, image.height, pixels_of(label), Rng::of(seed));
  std::vector<float> out(static_cast<std::size_t>(3 * options.out * options.out));
  AugmentJob job{image.pixels.data(), image.width, image.height, view.pixels, out.data()};
  job.params.scale = PixelScale::levels;
  augment(&job, 1, options.out);
  return out;
}

// The largest difference, in levels of 255; of the views that seeds draw of the frame and of a cut.
double differ(const Image& frame, const HandLabel& in_frame, const Image& cut,
              const HandLabel& in_cut, const AugmentOptions& options) {
  double most = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto a = view_of(frame, in_frame, options, seed), b = view_of(cut, in_cut, options, seed);
    for (std::size_t i = 0; i < a.size(); ++i)
      most = std::max(most, a[i] == a[i] && b[i] == b[i] ? double{std::abs(a[i] - b[i])} : 1e9);
  }
  return most;
}

// Smooth, so that a thousandth of a pixel makes little of a level.
Image smooth_frame(int width, int height) {
  Image frame(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const auto wave = [](double at) {
        return static_cast<std::uint8_t>(std::lround(128 + 120 * std::sin(at)));
      };
      std::uint8_t* p = frame.at(x, y);
      p[0] = wave(0.05 * x), p[1] = wave(0.04 * y + 1), p[2] = wave(0.03 * (x + y)), p[3] = 255;
    }
  return frame;
}

}  // namespace

TEST_CASE("every joint keeps its pixel, mirrored or not, whatever is known of it", "[prepare]") {
  const Image frame = numbered_frame(640, 480);
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng = Rng::of(11, seed);
    const int x = static_cast<int>(rng.uniform(40, 600)),
              y = static_cast<int>(rng.uniform(40, 440));
    for (const Side side : {Side::right, Side::left}) {
      const FrameHand pixels = hand_at(x, y, 38, side, Rng::of(12, seed));
      for (const FrameHand& hand : {pixels, seen_by_camera(pixels, Rng::of(13, seed))}) {
        const auto cut = cut_hand(frame, hand);
        REQUIRE(cut);
        CHECK(joints_keep_pixels(frame, hand, *cut));
        CHECK(knows_pixels_only(cut->label) == knows_pixels_only(hand.label));
        CHECK((cut->label.K.m[0] > 0 && cut->label.K.m[8] == 1 && cut->label.K.m[1] == 0));
        CHECK(cut->label.scale == hand.label.scale);
        // Lengths are kept, handedness is not.
        const Vec3f a = hand.label.xyz[3], b = cut->label.xyz[3];
        if (!knows_pixels_only(hand.label))
          CHECK((b.x == (side == Side::left ? -a.x : a.x) && b.y == a.y && b.z == a.z));
      }
    }
  }
  // Planted: the neighbour's pixel.
  const FrameHand hand = hand_at(300, 200, 38, Side::right, Rng::of(3));
  CutHand shifted = *cut_hand(frame, hand);
  for (Vec3f& p : shifted.label.xyz) p.x += 1;
  CHECK_FALSE(joints_keep_pixels(frame, hand, shifted));
}

TEST_CASE("views of the cut are views of the frame", "[prepare]") {
  const Image frame = smooth_frame(640, 480);
  AugmentOptions ours, reflected, exact;
  ours.out = exact.out = reflected.out = 64;
  reflected.border = Border::reflect;
  exact.paper_exact = true;
  // A corner as far out as any: on the axis of a turn by 45 degrees, moved and widened the most.
  AugmentOptions furthest = ours;
  furthest.angle_deg = {45, 45};
  furthest.jitter = {ours.jitter.high, ours.jitter.high};
  furthest.margin = {ours.margin.high, ours.margin.high};
  AugmentOptions furthest_down = furthest;
  furthest_down.angle_deg = {-45, -45};
  // In the middle, in a corner, and so large that the frame's border cuts all sides.
  for (const auto& [x, y, radius] : {std::array{320, 240, 45}, {70, 420, 60}, {330, 250, 200}}) {
    const FrameHand hand = hand_at(x, y, radius, Side::right, Rng::of(21));
    const auto cut = cut_hand(frame, hand);
    REQUIRE(cut);
    INFO(x << " " << y << " " << radius << ": " << cut->image.width << " x " << cut->image.height);
    if (radius == 45) CHECK(cut->image.width < 320);
    for (const AugmentOptions& options : {ours, reflected, exact, furthest, furthest_down})
      CHECK(differ(frame, hand.label, cut->image, cut->label, options) < 0.5);
  }
  // Planted: a cut that is narrower than what can be seen.
  const FrameHand hand = hand_at(320, 240, 45, Side::right, Rng::of(21));
  const auto cut = cut_hand(frame, hand);
  const int less = cut->image.width / 5;
  Image narrow(cut->image.width - less, cut->image.height);
  for (int row = 0; row < narrow.height; ++row)
    std::memcpy(narrow.at(0, row), cut->image.at(less, row), 4 * std::size_t(narrow.width));
  HandLabel moved = cut->label;
  for (Vec3f& p : moved.xyz) p.x -= static_cast<float>(less);
  CHECK(differ(frame, hand.label, narrow, moved, ours) > 5);
}

TEST_CASE("a frame of another size than its label was scaled", "[prepare]") {
  const Image frame = smooth_frame(640, 480);
  FrameHand listed = hand_at(300, 250, 60, Side::right, Rng::of(5));
  const auto cut = cut_hand(frame, listed);
  // The same hand as a list of 1280 x 720 has it: edges at 0 and the width, so centres half a pixel
  // in.
  listed.width = 1280, listed.height = 720;
  for (Vec3f& p : listed.label.xyz) p.x = 2 * (p.x + .5f) - .5f, p.y = 1.5f * (p.y + .5f) - .5f;
  const auto scaled = cut_hand(frame, listed);
  REQUIRE((cut && scaled));
  CHECK(scaled->image.pixels == cut->image.pixels);
  for (std::size_t j = 0; j < kJoints; ++j) {
    CHECK(scaled->label.xyz[j].x == Approx(cut->label.xyz[j].x).margin(1e-3));
    CHECK(scaled->label.xyz[j].y == Approx(cut->label.xyz[j].y).margin(1e-3));
  }
}

TEST_CASE("what is no hand of the frame is not cut", "[prepare]") {
  const Image frame = numbered_frame(640, 480);
  CHECK_FALSE(cut_hand(frame, hand_at(-20, 200, 15, Side::right, Rng::of(1))));
  CHECK_FALSE(cut_hand(frame, hand_at(300, 600, 40, Side::left, Rng::of(1))));
  CHECK_FALSE(cut_hand(frame, hand_at(300, 200, 0, Side::right, Rng::of(1))));
  FrameHand behind = seen_by_camera(hand_at(300, 200, 40, Side::right, Rng::of(1)), Rng::of(2));
  for (Vec3f& p : behind.label.xyz) p = {-p.x, -p.y, -p.z};  // the same pixels
  CHECK_FALSE(cut_hand(frame, behind));
  FrameHand unknown = hand_at(300, 200, 40, Side::right, Rng::of(1));
  unknown.label.xyz[4].x = std::nanf("");
  CHECK_FALSE(cut_hand(frame, unknown));
  // What no set of FreiHAND's layout may hold.
  const FrameHand good = seen_by_camera(hand_at(300, 200, 40, Side::right, Rng::of(1)), Rng::of(2));
  REQUIRE(cut_hand(frame, good));
  for (const auto& [at, value] : {std::pair{0, 0.f}, {4, -500.f}, {6, 1e-3f}, {8, 2.f}}) {
    FrameHand no_camera = good;
    no_camera.label.K.m[at] = value;
    CHECK_FALSE(cut_hand(frame, no_camera));
  }
  FrameHand no_length = good;
  no_length.label.scale = 0;
  CHECK_FALSE(cut_hand(frame, no_length));
}

TEST_CASE("a set is cut: order, counts, and the same bytes for any number of threads",
          "[prepare]") {
  const TempFolder folder;
  fs::create_directories(folder / "set/v");
  const Image frame = smooth_frame(640, 480);
  write_jpeg(folder / "set/v/1.jpg", frame, 90);
  write_png(folder / "set/v/2.png", frame);
  test::write_bytes(folder / "set/v/4.png", "no picture");
  std::vector<FrameHand> hands;
  const auto list = [&](const char* name, int x, Side side) {
    hands.push_back(hand_at(x, 240, 50, side, Rng::of(hands.size())));
    hands.back().frame = name;
  };
  list("v/2.png", 300, Side::right);
  list("v/1.png", 200, Side::left);   // is there as .jpg
  list("v/3.png", 300, Side::right);  // is not there
  list("v/2.png", 400, Side::left);
  list("v/4.png", 300, Side::right);   // cannot be read
  list("v/1.png", -500, Side::right);  // is not in the frame
  list("v/5.png", 300, Side::right);   // is there, and cannot even be asked for
  fs::create_symlink("5.png", folder / "set/v/5.png");
  hands[3].width = 320, hands[3].height = 240;
  for (Vec3f& p : hands[3].label.xyz) p.x /= 2, p.y /= 2;

  std::vector<std::int64_t> told;
  const auto cut = [&](const char* out, int count) {
    set_threads(count);
    const CutResult result = cut_hands(
        hands, {.root = folder / "set", .out = folder / out, .progress = [&](auto done, auto) {
                  told.push_back(done);
                }});
    set_threads(0);
    return result;
  };
  const CutResult result = cut("one", 1);
  CHECK((result.written == 3 && result.scaled == 1));
  CHECK(told == std::vector<std::int64_t>{0, 5});
  REQUIRE(result.left_out.size() == 3);
  const std::int64_t counts[] = {1, 2, 1};
  for (std::size_t i = 0; i < 3; ++i) CHECK(result.left_out[i].count == counts[i]);
  CHECK((result.left_out[0].first == "v/3.png" && result.left_out[2].first == "v/1.png"));
  CHECK(result.left_out[1].why == "of frames that cannot be read");
  CHECK(result.left_out[1].first.starts_with(folder / "set/v/4.png: not a picture"));
  cut("three", 3);

  const PictureSet set = open_pictures(folder / "one", Split::training);
  CHECK(set.known == Known::pixels);
  CHECK(set.files == std::vector<std::string>{"training/rgb/00000000_v_2.jpg",
                                              "training/rgb/00000001_v_1.jpg",
                                              "training/rgb/00000003_v_2.jpg"});
  REQUIRE(set.labels.size() == 3);
  for (const std::int64_t i : {0, 1, 2}) {
    const Image decoded = read_image(set.path(i));
    const FrameHand& hand = hands[static_cast<std::size_t>(i == 2 ? 3 : i)];
    const auto want = cut_hand(frame, hand);
    CHECK((decoded.width == want->image.width && decoded.height == want->image.height));
    for (std::size_t j = 0; j < kJoints; ++j) CHECK(set.label(i).xyz[j].x == want->label.xyz[j].x);
    CHECK(test::read_bytes(set.path(i).string()) ==
          test::read_bytes(folder / "three/" + set.files[std::size_t(i)]));
  }
  for (const char* labels : {"training_K.json", "training_xyz.json", "training_scale.json"})
    CHECK(test::read_bytes((folder.path() / "one" / labels).string()) ==
          test::read_bytes((folder.path() / "three" / labels).string()));

  const auto refused = [&](ErrorKind kind, const char* out, const char* part) {
    const Caught error = caught([&] { cut(out, 1); });
    INFO(error.text);
    CHECK((error.kind == static_cast<int>(kind) && error.one_line() && error.names(part)));
  };
  refused(ErrorKind::usage, "one", "already there");
  fs::create_directories(folder / "stopped/training/rgb");
  test::write_bytes(folder / "stopped/training/rgb/00000000_x.jpg", "");
  refused(ErrorKind::usage, "stopped", "a run that was stopped");
  hands.erase(hands.begin(), hands.begin() + 2);
  hands.erase(hands.begin() + 1);
  refused(ErrorKind::data, "none", "not one hand");
}
