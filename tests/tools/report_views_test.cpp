// SPDX-License-Identifier: Apache-2.0
// The report's pairs of views: those that the run saw, and an inversion that cancels.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "data/synthetic.h"
#include "engine/devices.h"
#include "tests/support/files.h"
#include "tools/report/pairs.h"
#include "tools/trainer/contrastive_batches.h"

namespace peclr {
namespace {

using test::TempFolder;

Settings hands_settings(const std::string& hands) {
  Settings settings = default_settings(Command::pretrain);
  settings.data.train = {{hands}};
  settings.model = {18, 64};
  settings.train.batch_size = 4;
  settings.train.accumulate = 1;
  settings.train.epochs = 1;
  settings.data.workers = 1;
  return settings;
}

// Mean difference of two pictures within `radius` of their middle, where both show something.
double difference(const Image& a, const Image& b, double radius) {
  double sum = 0;
  std::int64_t count = 0;
  for (int y = 0; y < a.height; ++y)
    for (int x = 0; x < a.width; ++x) {
      if (std::hypot(x - 0.5 * (a.width - 1), y - 0.5 * (a.height - 1)) > radius) continue;
      const std::uint8_t *p = a.at(x, y), *q = b.at(x, y);
      if (p[3] != 255 || q[3] != 255) continue;
      for (int c = 0; c < 3; ++c) sum += std::abs(int{p[c]} - int{q[c]});
      count += 3;
    }
  REQUIRE(count > 0);
  return sum / static_cast<double>(count);
}

TEST_CASE("report: inverted views agree where the hand is, plain ones do not", "[report]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 6, 3);
  Settings settings = hands_settings(folder / "hands");
  settings.augment.colour_jitter = 0;
  settings.augment.scale = {1.25, 1.25};
  const ViewPairs all = first_pairs(settings, 6);
  REQUIRE(all.pairs.size() == 6);
  CHECK(all.pictures == 6);
  double inverted = 0, plain = 0, wrong = 0;
  for (const ViewPair& pair : all.pairs) {
    const auto& [a, b] = pair.views;
    REQUIRE(a.inverted.width >= 128);
    inverted += difference(a.inverted, b.inverted, a.inverted.width / 2.5) / 6;
    plain += difference(a.picture, b.picture, a.picture.width / 2.5) / 6;
    // A planted fault: turned the wrong way.
    const auto misturned = [](const ShownView& shown) {
      ViewTransform transform = transform_of(shown.view);
      transform.angle_deg = -transform.angle_deg;
      return moved(shown.picture, undo_map(transform, {}, shown.picture.width));
    };
    wrong += difference(misturned(a), misturned(b), a.picture.width / 2.5) / 6;
  }
  CAPTURE(inverted, plain, wrong);
  CHECK(inverted < 0.35 * plain);
  CHECK(wrong > 2 * inverted);
}

TEST_CASE("report: what is undone is exactly the view's map", "[report]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 3, 4);
  for (const bool with_scale : {false, true}) {
    Settings settings = hands_settings(folder / "hands");
    settings.invert.scale = with_scale;
    for (const ViewPair& pair : first_pairs(settings, 3).pairs)
      for (const ShownView& shown : pair.views) {
        // From the picture to the inverted view: no turn is left, and the hand is in the middle.
        const Affine2 map = compose(shown.undo, shown.view.to_output);
        const double middle = 0.5 * (shown.inverted.width - 1);
        const Vec2f centre = apply(map, shown.view.centre);
        CHECK(std::abs(centre.x - middle) < 0.05);
        CHECK(std::abs(centre.y - middle) < 0.05);
        CHECK(std::abs(map.m[1]) < 1e-5);
        CHECK(std::abs(map.m[3]) < 1e-5);
        CHECK(map.m[0] > 0);
        CHECK(map.m[4] == Approx(map.m[0]));
        if (with_scale) {  // both views then have one size
          const auto& other = pair.views[0];
          CHECK(map.m[0] == Approx(compose(other.undo, other.view.to_output).m[0]).epsilon(1e-4));
        }
      }
  }
  Settings simclr = hands_settings(folder / "hands");
  simclr.method = Settings::Method::simclr;
  const ShownView shown = first_pairs(simclr, 1).pairs[0].views[1];
  CHECK(shown.view.angle_deg != 0);
  CHECK(std::abs(shown.undo.m[1]) < 1e-12);  // nothing is undone
}

TEST_CASE("report: the views are those that the run saw in its first epoch", "[report]") {
  const TempFolder folder;
  write_synthetic(folder / "hands", 4, 5);
  const Settings settings = hands_settings(folder / "hands");
  const std::unique_ptr<Backend> backend = make_backend(DeviceKind::cpu);
  PictureFeed feed(settings, Need::pictures);
  const TrainPlan plan = TrainPlan::of(settings.train, feed.pictures());
  ContrastiveBatches batches(settings, plan, 0, feed, *backend);
  const std::vector<float> seen = batches.next().images.to_host();
  constexpr double kMean[] = {0.485, 0.456, 0.406}, kDeviation[] = {0.229, 0.224, 0.225};
  const ViewPairs all = first_pairs(settings, 4);
  double largest = 0, smallest_of_others = 1e9;
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t v = 0; v < 2; ++v) {
      const auto off = [&](std::size_t row) {
        const Image& image = all.pairs[i].views[v].picture;
        double sum = 0;
        for (std::size_t p = 0; p < 64 * 64; ++p)
          for (std::size_t c = 0; c < 3; ++c)
            sum += std::abs(image.pixels[4 * p + c] -
                            255 * (seen[(row * 64 * 64 + p) * 3 + c] * kDeviation[c] + kMean[c]));
        return sum / (64 * 64 * 3);
      };
      largest = std::max(largest, off(v * 4 + i));
      smallest_of_others = std::min(smallest_of_others, off((1 - v) * 4 + i));
    }
  CHECK(largest < 0.01);
  CHECK(smallest_of_others > 1);
}

}  // namespace
}  // namespace peclr
