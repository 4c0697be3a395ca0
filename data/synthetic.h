// SPDX-License-Identifier: Apache-2.0
// Rendered hands with exact labels: the embedded data of the demo and the tests.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>

#include "data/image.h"
#include "data/label.h"

namespace peclr {

struct SyntheticHand {
  Image image;  // [side, side]
  HandLabel label;
};

// A right hand; a pure function of its arguments.
SyntheticHand synthetic_hand(std::uint64_t seed, std::uint64_t index, int side = 224);

// How many evaluation images a set of `count` training images has.
constexpr int evaluation_images(int count) { return count < 10 ? 1 : count / 10; }

// Writes `count` training and evaluation_images(count) evaluation images of 224 x 224 in
// FreiHAND's layout; the two parts share no random numbers. Renders in parallel; the bytes do not
// depend on the number of threads. `progress` is called from one thread at a time with the images
// done so far and in all. Throws Error(usage) if count < 1 or `out` already holds a
// training_K.json, Error(failure) that names the path if something cannot be written.
void write_synthetic(const std::filesystem::path& out, int count, std::uint64_t seed,
                     const std::function<void(int done, int total)>& progress = {});

}  // namespace peclr
