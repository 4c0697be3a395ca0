// SPDX-License-Identifier: Apache-2.0
#include "data/picture.h"

#include <catch2/catch.hpp>
#include <limits>

#include "tests/support/files.h"

using namespace peclr;

TEST_CASE("picture: a small hand in a large picture keeps its pixels") {
  const test::TempFolder folder;
  write_png(folder.path() / "a.png", Image(800, 640));
  PictureSet set{.root = folder.path(), .files = {"a.png"}, .known = Known::joints};
  set.labels.emplace_back();
  HandLabel& label = set.labels[0];
  label.K = {{100, 0, 0, 0, 100, 0, 0, 0, 1}};
  // Half of the joints at (260, 300), half at (340, 300): a crop of 2.5 x 40 pixels.
  for (std::size_t j = 0; j < kJoints; ++j) label.xyz[j] = {j % 2 ? 3.4f : 2.6f, 3, 1};
  label.xyz[20] = {3, 3, 1};
  const auto factor = [&](int target, Seen seen) {
    return read_picture(set, 0, target, seen).factor;
  };
  CHECK(factor(64, Seen::centre) == 10);
  CHECK(factor(64, Seen::hand) == 1);
  CHECK(factor(32, Seen::hand) == 3);
  // Their box is 80 pixels wide, and 0.7 of its crop.
  CHECK((factor(28, Seen::hand) == 3 && factor(28, Seen::box) == 4));
  label.xyz[3].x = std::numeric_limits<float>::quiet_NaN();  // refused later, by name
  CHECK(factor(64, Seen::hand) == 10);
  set.known = Known::camera;
  CHECK(factor(32, Seen::hand) == 20);
}
