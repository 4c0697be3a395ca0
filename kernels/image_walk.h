// SPDX-License-Identifier: Apache-2.0
// A thread for each pack of channels of an image: neighbouring threads take neighbouring packs,
// then columns, then rows. blockIdx.y goes over images: indices within one are 32 bits.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/device.h"
#include "kernels/launch.h"
#include "kernels/pool_kernels.h"

namespace peclr::kernels {

struct ImageWalk {
  static constexpr int kThreads = 256;

  // For `packs` packs of each image; a thread that has numbers of its own to read first wants
  // several images, so about `blocks` blocks in all.
  static Grid grid(std::int64_t images, std::int64_t packs, std::int64_t blocks = 1 << 30) {
    const unsigned across = blocks_for(packs, kThreads);
    const std::int64_t most = std::clamp<std::int64_t>(blocks / across, 1, 65535);
    return {.x = across, .y = static_cast<unsigned>(std::min(images, most))};
  }

  PECLR_DEVICE static int index() { return static_cast<int>(blockIdx.x * kThreads + threadIdx.x); }

  // body(image) for every image of this block, from the last to the first: what a pass before wrote
  // last, the cache still holds.
  template <class F>
  PECLR_DEVICE static void run(std::int64_t images, F body) {
    for (std::int64_t image = images - 1 - blockIdx.y; image >= 0; image -= gridDim.y) body(image);
  }
};

inline void check_image(const PoolExtent& e) {
  require(e.height > 0 && e.width > 0 && e.channels > 0 &&
              static_cast<std::int64_t>(e.height) * e.width * e.channels <= 0x7FFFFFFF,
          "pooling: an image needs 1 to 2^31 - 1 values");
}

}  // namespace peclr::kernels
