// SPDX-License-Identifier: Apache-2.0
// data.crop: what fine-tuning, evaluate and predict see of a picture, and that answers come back to
// the picture's own pixels whichever square was seen.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "data/image.h"
#include "data/pictures.h"
#include "data/synthetic.h"
#include "kernels/pose.h"
#include "tests/support/compare.h"
#include "tests/support/files.h"
#include "tests/support/refusals.h"
#include "tests/support/values.h"
#include "tools/evaluation/inference.h"
#include "tools/trainer/mean_pose.h"
#include "tools/trainer/pose_batches.h"

namespace peclr {
namespace {

using namespace test;
using Crop = Settings::Crop;
using Points = std::vector<Vec2f>;

constexpr int kSeen = 32;  // side of the network's input

Settings seeing(Crop crop, double first_crop = 0.47) {
  Settings settings = default_settings(Command::predict);
  settings.model.depth = 18;
  settings.model.input = kSeen;
  settings.data.crop = crop;
  settings.data.first_crop = first_crop;
  return settings;
}

struct Net {
  std::unique_ptr<Backend> backend = new_device();
  ParameterStore store;
  HandNetwork network{store, 18};

  Net() { store.allocate(*backend, 1); }

  // From now on it says the same joints of its input, whatever that shows: AIT's order, all at one
  // depth. `heed` is how much of what it sees still changes that.
  void always_say(const Points& joints, float heed = 0) {
    const LinearLayer& head = network.head();
    std::vector<float> bias = head.bias->value.to_host();
    for (std::size_t j = 0; j < joints.size(); ++j)
      bias[3 * j] = joints[j].x, bias[3 * j + 1] = joints[j].y, bias[3 * j + 2] = 0;
    std::vector<float> weight = head.weight->value.to_host();
    for (float& w : weight) w *= heed;
    head.weight->value.copy_from_host(weight);
    head.bias->value.copy_from_host(bias);
    store.values_changed();
  }

  std::vector<HandPrediction> predict(const PictureSet& set, const Settings& settings) {
    return HandPredictor{settings, network, *backend}.predict(set).hands;
  }
};

// A hand around (x, y): palm, then five rings of the five fingers.
Points hand_at(float x, float y, float size) {
  Points joints{{x, y}};
  for (int ring = 1; ring <= 4; ++ring)
    for (int finger = 0; finger < 5; ++finger)
      joints.push_back({x + size * (0.2f * float(finger) - 0.5f),
                        y - size * (0.2f * float(ring) + 0.01f * float(finger))});
  return joints;
}

// FreiHAND's order and wrist, which is as far from the palm as the middle finger's base.
Points freihand(const Points& ait) {
  Points joints{{2 * ait[0].x - ait[3].x, 2 * ait[0].y - ait[3].y}};
  for (std::size_t finger = 0; finger < 5; ++finger)
    for (std::size_t ring = 0; ring < 4; ++ring) joints.push_back(ait[1 + 5 * ring + finger]);
  return joints;
}

// A square of a picture, by its middle and side, and what is at points of the kSeen x kSeen pixels
// that it is resized to.
struct Square {
  double x, y, side;
  Points of(const Points& seen) const {
    Points points;
    for (const Vec2f& p : seen)
      points.push_back({float(x + (p.x - 0.5 * (kSeen - 1)) * side / kSeen),
                        float(y + (p.y - 0.5 * (kSeen - 1)) * side / kSeen)});
    return points;
  }
};

Square around(const Points& joints) {
  double x = 0, y = 0, radius = 0;
  for (const Vec2f& p : joints) x += p.x / 21, y += p.y / 21;
  for (const Vec2f& p : joints) radius = std::max(radius, std::hypot(p.x - x, p.y - y));
  return {x, y, 2.5 * radius};
}

// The same around the box of FreiHAND's joints, the palm in place of the wrist, which is 0.7 of it.
Square around_box(Points joints) {
  joints[0] = {(joints[0].x + joints[9].x) / 2, (joints[0].y + joints[9].y) / 2};
  const auto [left, right] = std::minmax_element(
      joints.begin(), joints.end(), [](const Vec2f& a, const Vec2f& b) { return a.x < b.x; });
  const auto [top, bottom] = std::minmax_element(
      joints.begin(), joints.end(), [](const Vec2f& a, const Vec2f& b) { return a.y < b.y; });
  return {0.5 * (left->x + right->x), 0.5 * (top->y + bottom->y),
          std::max(right->x - left->x, bottom->y - top->y) / 0.7};
}

double distance(const std::array<Vec2f, kJoints>& a, const Points& b) {
  double most = 0;
  for (std::size_t j = 0; j < kJoints; ++j)
    most = worse(most, std::hypot(a[j].x - b[j].x, a[j].y - b[j].y));
  return most;
}

// By a camera without skew.
Points projected(const std::array<Vec3f, kJoints>& joints, const Mat3f& K) {
  Points points;
  for (const Vec3f& p : joints)
    points.push_back({(K.m[0] * p.x + K.m[1] * p.y) / p.z + K.m[2], K.m[4] * p.y / p.z + K.m[5]});
  return points;
}

bool same_answer(const HandPrediction& a, const HandPrediction& b) {
  return std::memcmp(&a.px, &b.px, sizeof a.px) == 0 &&
         std::memcmp(&a.xyz, &b.xyz, sizeof a.xyz) == 0;
}

// Pictures that are read in boxes of 3 x 3 around pixels 1, 4, 7, ...: of 300 x 200 as 100 x 66; of
// twice that, where half of the side is seen, as 200 x 133.
struct WidePictures {
  TempFolder folder;
  PictureSet set;

  explicit WidePictures(int count, int times = 1) {
    Image image(300 * times, 200 * times);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = std::uint8_t(i * i / 7);
    for (int i = 0; i < count; ++i)
      write_png(folder.path() / ("picture" + std::to_string(100 + i) + ".png"), image);
    set = open_pictures(folder.path(), Split::evaluation);
  }
};
Points on_disk(Points reduced) {
  for (Vec2f& p : reduced) p = {3 * p.x + 1, 3 * p.y + 1};
  return reduced;
}

TEST_CASE("crop: the second look is around the joints of the first, and both lead back", "[crop]") {
  WidePictures pictures(35, 2);  // more than a batch
  Net net;
  const Points says = hand_at(18, 20, 14), seen = freihand(says);
  net.always_say(says);
  const Square middle{99.5, 66, 0.5 * 133};
  const Points first = middle.of(seen), second = around(first).of(seen);
  const auto found = net.predict(pictures.set, seeing(Crop::hand, 0.5));
  REQUIRE(found.size() == 35);
  for (const HandPrediction& p : found) {
    REQUIRE(p.good);
    CHECK(distance(p.px, on_disk(second)) < 0.02);
    // The planted faults: the first look's answer, and one that forgot that the picture was
    // reduced.
    CHECK(distance(p.px, on_disk(first)) > 5);
    CHECK(distance(p.px, second) > 5);
  }
  const Points boxed = around_box(first).of(seen);
  for (const HandPrediction& p : net.predict(pictures.set, seeing(Crop::box, 0.5))) {
    CHECK(distance(p.px, on_disk(boxed)) < 0.02);
    CHECK(distance(p.px, on_disk(second)) > 5);
  }
  const WidePictures smaller(35);
  const Square whole{49.5, 32.5, 66};
  for (const HandPrediction& p : net.predict(smaller.set, seeing(Crop::picture, 0.5)))
    CHECK(distance(p.px, on_disk(whole.of(seen))) < 0.02);
}

TEST_CASE("crop: joints in space are seen where the answer says, a hand's own size away",
          "[crop]") {
  const TempFolder folder;
  write_synthetic(folder.path(), 35, 9);  // more than a batch, of several sizes of hands
  const PictureSet set = open_pictures(folder.path(), Split::training);
  REQUIRE(set.label(0).scale != set.label(34).scale);
  Net net;
  const Points says = hand_at(18, 26, 24);  // so large that no depth is beyond what is believed
  net.always_say(says);
  for (const Parameter* refinement : {net.network.residual().weight, net.network.residual().bias})
    net.backend->zero(refinement->value);
  net.store.values_changed();
  const Square whole{36.5, 36.5, 74};  // of 224 pixels in boxes of 3 x 3
  const auto found = net.predict(set, seeing(Crop::picture));
  REQUIRE(found.size() == 35);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const HandPrediction& p = found[i];
    const HandLabel& label = set.label(static_cast<std::int64_t>(i));
    REQUIRE((p.good && p.metric));
    CHECK(distance(p.px, on_disk(whole.of(freihand(says)))) < 0.02);
    CHECK(distance(p.px, projected(p.xyz, label.K)) < 0.02);
    CHECK(distance(p.px, projected(p.xyz, p.K)) < 0.02);
    const Vec3f a = p.xyz[9], b = p.xyz[10];
    CHECK(std::hypot(a.x - b.x, a.y - b.y, a.z - b.z) == Approx(label.scale).epsilon(1e-4));
  }
}

// A picture of one grey, which is read in boxes of 8 x 8; `finer`: of a pattern that these boxes
// take away.
PictureSet large_picture(const TempFolder& folder, bool finer) {
  Image image(1088, 1088);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      for (int c = 0; c < 3; ++c)
        image.at(x, y)[c] = std::uint8_t(finer ? (x / 4 + y / 4) % 2 == 0 ? 28 : 228 : 128);
  write_png(folder.path() / "picture.png", image);
  return open_pictures(folder.path(), Split::evaluation);
}

TEST_CASE("crop: a small hand in a large picture is looked at in the picture's own pixels",
          "[crop]") {
  const TempFolder plain, fine;
  const PictureSet even = large_picture(plain, false), pattern = large_picture(fine, true);
  Net net;
  const Settings settings = seeing(Crop::hand, 0.5);
  const Points small = hand_at(17, 18, 5), large = hand_at(18, 20, 14);
  net.always_say(small);
  // 128 px a side are kept of what the first look sees.
  const Square middle{67.5, 67.5, 68};
  Points first = middle.of(freihand(small));
  REQUIRE(around(first).side < kSeen);
  for (Vec2f& p : first) p = {8 * p.x + 3.5f, 8 * p.y + 3.5f};
  const auto found = net.predict(even, settings);
  CHECK(distance(found[0].px, around(first).of(freihand(small))) < 0.05);
  CHECK(same_answer(found[0], net.predict(even, settings)[0]));

  // The first looks are the same, and so are second ones at a hand that is large enough.
  const auto same = [&](const Points& says) {
    Net heeding;
    heeding.always_say(says, 0.01f);
    return same_answer(heeding.predict(even, settings)[0], heeding.predict(pattern, settings)[0]);
  };
  CHECK_FALSE(same(small));
  CHECK(same(large));
}

TEST_CASE("crop: an answer that is no hand leaves the first look as it is", "[crop]") {
  WidePictures pictures(1);
  Net net;
  for (const Points& says : {hand_at(16, 16, 0.2f), hand_at(90, 16, 14), hand_at(16, 16, 300)}) {
    net.always_say(says);
    const auto hand = net.predict(pictures.set, seeing(Crop::hand, 1)),
               whole = net.predict(pictures.set, seeing(Crop::picture));
    CHECK(same_answer(hand[0], whole[0]));
  }
  net.always_say(hand_at(18, 20, 14));  // the planted fault: this one is
  CHECK_FALSE(same_answer(net.predict(pictures.set, seeing(Crop::hand, 1))[0],
                          net.predict(pictures.set, seeing(Crop::picture))[0]));
}

TEST_CASE("crop: left hands are the right ones of mirrored pictures", "[crop]") {
  const TempFolder folder, straight, turned;
  write_synthetic(folder.path(), 20, 9);
  const PictureSet rendered = open_pictures(folder.path(), Split::training);
  PictureSet right = rendered, left = rendered;
  right.root = straight.path(), left.root = turned.path();
  constexpr int kWidth = 222;  // in boxes of 3 x 3, of which none is cut at either side
  for (std::size_t i = 0; i < 20; ++i) {
    const Image image = read_image(rendered.path(std::int64_t(i)));
    Image narrow(kWidth, image.height), mirrored = narrow;
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < kWidth; ++x) {
        std::copy_n(image.at(x, y), 4, narrow.at(x, y));
        std::copy_n(image.at(x, y), 4, mirrored.at(kWidth - 1 - x, y));
      }
    right.files[i] = left.files[i] = "picture" + std::to_string(100 + i) + ".png";
    write_png(right.root / right.files[i], narrow);
    write_png(left.root / left.files[i], mirrored);
    right.labels[i].K.m[1] = 40;  // pixels that are no rectangles lean the other way
    left.labels[i].K.m[1] = -40;
    left.labels[i].K.m[2] = kWidth - 1 - left.labels[i].K.m[2];
  }
  Net net;
  for (const auto& [crop, says] :
       {std::pair{Crop::picture, hand_at(18, 20, 14)}, std::pair{Crop::hand, hand_at(18, 20, 14)},
        std::pair{Crop::hand, hand_at(17, 18, 2.5f)}}) {
    net.always_say(says, 0.05f);
    Settings settings = seeing(crop, 0.7);
    const auto want = net.predict(right, settings);
    const auto planted = net.predict(left, settings);
    settings.data.side = Settings::Side::left;
    const auto got = net.predict(left, settings);
    for (std::size_t i = 0; i < want.size(); ++i) {
      Points px;
      double most = 0, farthest = 0;
      for (std::size_t j = 0; j < kJoints; ++j) {
        px.push_back({kWidth - 1 - want[i].px[j].x, want[i].px[j].y});
        const Vec3f p = got[i].xyz[j], q = want[i].xyz[j];
        most = worse(most, std::hypot(p.x + q.x, p.y - q.y, p.z - q.z));
        farthest = std::max<double>(farthest, std::abs(q.z));
      }
      CHECK(distance(got[i].px, px) < 1e-3);
      CHECK(distance(got[i].px, projected(got[i].xyz, left.labels[i].K)) < 0.02);
      CHECK(distance(got[i].px, projected(got[i].xyz, got[i].K)) < 0.02);
      CHECK(most < 1e-5 * farthest);
      CHECK(distance(planted[i].px, px) > 0.1);
    }
  }
}

TEST_CASE("crop: an answer that is not finite is refused with its picture", "[crop]") {
  WidePictures pictures(2);
  Net net;
  for (const float x : {NAN, INFINITY, 3e38f}) {
    net.always_say(hand_at(x, 16, 14));
    for (const Crop crop : {Crop::hand, Crop::picture}) {
      const Caught error = caught([&] { net.predict(pictures.set, seeing(crop)); });
      INFO(error.text);
      CHECK(error.kind == static_cast<int>(ErrorKind::data));
      CHECK(error.names(pictures.set.path(0).string() + ": its answer is not finite"));
    }
  }
}

TEST_CASE("crop: a bad picture in a batch changes no other's answer", "[crop]") {
  WidePictures pictures(4);
  Net net;
  Settings settings = seeing(Crop::hand);
  settings.data.max_bad = 0.5;
  const auto before = net.predict(pictures.set, settings);
  write_bytes(pictures.folder / pictures.set.files[1], "no picture");
  const auto after = net.predict(pictures.set, settings);
  CHECK_FALSE(after[1].good);
  for (const std::size_t i : {0, 2, 3}) CHECK(same_answer(before[i], after[i]));
}

TEST_CASE("crop: where the labels have the hand plays no part in an answer", "[crop]") {
  const TempFolder folder;
  write_synthetic(folder.path(), 20, 5);
  PictureSet set = open_pictures(folder.path(), Split::evaluation);
  Net net;
  net.always_say(hand_at(16, 18, 14));
  const Settings settings = seeing(Crop::hand);
  const auto before = net.predict(set, settings);
  for (HandLabel& label : set.labels)
    for (Vec3f& p : label.xyz) p = {p.y + 0.1f, p.x, NAN};
  const auto after = net.predict(set, settings);
  for (HandLabel& label : set.labels) label.K.m[0] *= 2;  // the planted fault: this is used
  const auto other_camera = net.predict(set, settings);
  REQUIRE(before.size() == 2);
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(same_answer(before[i], after[i]));
    CHECK_FALSE(same_answer(before[i], other_camera[i]));
  }
}

// Fine-tuning on so many rendered hands, all in one batch, which turns none.
Settings training_on(const TempFolder& folder, int hands) {
  write_synthetic(folder.path(), hands, 5);
  Settings settings = default_settings(Command::finetune);
  settings.data.train = {{folder.path().string()}};
  settings.model.input = kSeen;
  settings.train.batch_size = hands;
  settings.augment.rotate = 0;
  return settings;
}

TEST_CASE("crop: fine-tuning sees the labelled hand, and a fresh head says its mean", "[crop]") {
  const TempFolder folder;
  Settings settings = training_on(folder, 6);
  settings.augment.translate = 0;
  settings.augment.scale = {1.25, 1.25};
  const auto backend = new_device();
  for (const Crop crop : {Crop::hand, Crop::picture, Crop::box}) {
    settings.data.crop = crop;
    PictureFeed feed(settings, Need::joints);
    PoseBatches batches(settings, TrainPlan::of(settings.train, 6), 0, feed, *backend);
    const PoseBatches::Batch batch = batches.next();
    const Doubles cameras = host(batch.cameras), uv = host(batch.target.uv);
    double mean_u = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      Mat3f K;
      std::copy_n(&cameras[9 * i], 9, K.m);
      Points joints;
      const PictureFeed::Item item = feed.item(0, static_cast<std::int64_t>(i));
      for (const Vec3f& p : item.label->xyz) joints.push_back(project(K, p));
      // 2.5 radii fill the view of a hand, 1 / 0.7 of its box that of a box.
      const Square hand = crop == Crop::box ? around_box(joints) : around(joints);
      const bool filled = std::abs(hand.x - 15.5) < 1e-3 && std::abs(hand.y - 15.5) < 1e-3 &&
                          std::abs(hand.side - kSeen) < 1e-3;
      CHECK(filled == (crop != Crop::picture));
      mean_u += uv[2 * kJoints * i + 2 * 7] / 6;
    }
    CHECK(mean_pose(settings, feed).target.uv[7].x == Approx(mean_u).margin(1e-3));
  }
}

TEST_CASE("crop: a fresh head's residual makes up for what its mean bone says of the root",
          "[crop]") {
  const TempFolder folder;
  constexpr int kHands = 64;
  Settings settings = training_on(folder, kHands);
  settings.augment.translate = 0;
  settings.augment.scale = {1.25, 1.25};
  const auto backend = new_device();
  PictureFeed feed(settings, Need::joints);
  PoseBatches batches(settings, TrainPlan::of(settings.train, kHands), 0, feed, *backend);
  const std::vector<float> cameras = batches.next().cameras.to_host();
  const MeanPose mean = mean_pose(settings, feed);
  std::vector<float> raw(kHeadWidth);
  for (std::size_t j = 0; j < kJoints; ++j) {
    raw[3 * j] = mean.target.uv[j].x;
    raw[3 * j + 1] = mean.target.uv[j].y;
    raw[3 * j + 2] = mean.target.z_rel[j];
  }
  double depth = mean.root_residual;
  int limited = 0;
  for (std::size_t i = 0; i < kHands; ++i) {
    const float lifted = lift_root_depth(raw.data(), &cameras[9 * i]);
    depth += lifted / kHands;
    limited += lifted == kMaxRootDepth;
  }
  CHECK(depth == Approx(mean.target.root_depth).epsilon(1e-4));
  CHECK(limited > 0);  // of hands that point everywhere, the mean has hardly a bone
}

TEST_CASE("crop: views are moved to any side, one way as the reference's if asked for", "[crop]") {
  const TempFolder folder;
  Settings settings = training_on(folder, 24);
  const auto backend = new_device();
  // How far right of its view's middle the middle of what is cropped lies, at most and at least, in
  // 128ths of a view of margin 1.25.
  const auto moves = [&](Crop crop) {
    settings.data.crop = crop;
    PictureFeed feed(settings, Need::joints);
    PoseBatches batches(settings, TrainPlan::of(settings.train, 24), 0, feed, *backend);
    const Doubles cameras = host(batches.next().cameras);
    std::pair<double, double> range{1e9, -1e9};
    for (std::size_t i = 0; i < 24; ++i) {
      const PictureFeed::Item item = feed.item(0, static_cast<std::int64_t>(i));
      Points joints;
      for (const Vec3f& p : item.label->xyz) joints.push_back(project(item.K, p));
      const Image& image = item.picture->image;
      const Square square = crop == Crop::hand
                                ? around(joints)
                                : Square{0.5 * (image.width - 1), 0, double(image.width)};
      // x' = zoom x + x0, from the cameras of the picture and of its view.
      const double zoom = cameras[9 * i] / item.K.m[0];
      const double x0 = cameras[9 * i + 2] - zoom * item.K.m[2];
      const double move = (zoom * square.x + x0 - 0.5 * (kSeen - 1)) / zoom * 128 / square.side;
      range = {std::min(range.first, move), std::max(range.second, move)};
    }
    return range;
  };
  for (const Crop crop : {Crop::hand, Crop::picture}) {
    CAPTURE(name_of(crop));
    const auto [least, most] = moves(crop);
    CHECK((least > -15.01 && least < -8 && most > 8 && most < 15.01));
  }
  settings.paper_exact = true;
  const auto [least, most] = moves(Crop::picture);  // up to 14 pixels of 224
  CAPTURE(least, most);
  CHECK((least > -8.01 && least < -4 && most < 0.01));
}

TEST_CASE("crop: what lies outside the picture is what the settings say", "[crop]") {
  WidePictures pictures(1);
  const auto same_with_either = [&](const Points& says) {
    Net net;
    net.always_say(says, 0.01f);
    Settings settings = seeing(Crop::hand, 0.7);
    const HandPrediction black = net.predict(pictures.set, settings)[0];
    settings.augment.border = Settings::Border::reflect;
    return same_answer(black, net.predict(pictures.set, settings)[0]);
  };
  CHECK(same_with_either(hand_at(17, 18, 8)));  // all of the second look is inside
  CHECK_FALSE(same_with_either(hand_at(17, 31, 22)));
}

}  // namespace
}  // namespace peclr
