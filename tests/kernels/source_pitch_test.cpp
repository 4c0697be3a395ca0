// SPDX-License-Identifier: Apache-2.0
// How often the loads of a warp meet a bank of the cache, for rows that begin in the same one and
// for rows that are apart, counted over patches of turned pictures.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "kernels/augment_kernels.h"
#include "kernels/random.h"

namespace peclr {
namespace {

// The largest number of different words in one of 32 banks, the mean over loads of 8 x 4 samples.
double passes(int pitch) {
  constexpr int kLoads = 2000;
  Rng rng = Rng::of(3, 1);
  double sum = 0;
  for (int load = 0; load < kLoads; ++load) {
    const double angle = rng.uniform(-3.14f, 3.14f), step = rng.uniform(0.6f, 1.9f);
    const double x0 = rng.uniform(60, 160), y0 = rng.uniform(60, 160);
    std::set<int> words[32];
    for (int j = 0; j < 4; ++j)
      for (int i = 0; i < 8; ++i) {
        const double x = x0 + step * (std::cos(angle) * i - std::sin(angle) * j),
                     y = y0 + step * (std::sin(angle) * i + std::cos(angle) * j);
        const int word = static_cast<int>(y) * pitch + static_cast<int>(x);
        words[word % 32].insert(word);
      }
    std::size_t most = 0;
    for (const auto& bank : words) most = std::max(most, bank.size());
    sum += static_cast<double>(most);
  }
  return sum / kLoads;
}

TEST_CASE("source_pitch: rows of a picture begin in banks that are apart", "[kernels][augment]") {
  for (const int width : {2, 7, 8, 39, 40, 224, 231, 232, 640}) {
    CAPTURE(width);
    const int pitch = kernels::source_pitch(width);
    CHECK(pitch >= width);
    CHECK(pitch < width + 32);
    CHECK(pitch % 32 == kernels::source_pitch(224) % 32);
  }
  CHECK(passes(kernels::source_pitch(224)) < 2.4);
  CHECK(passes(224) > 4.5);
}

}  // namespace
}  // namespace peclr
