// SPDX-License-Identifier: Apache-2.0
// Pictures that a device has seen and keeps, so that they need not be sent again.
#pragma once
#include <cstddef>

namespace peclr {

// Where a picture's pixels are found: with the caller, who gives them each time; or with the
// device, in memory of the host that it reads by itself (pinned), or in its own.
enum class PictureHome { caller, pinned, device };

// How much may be kept, bytes. The device's own memory comes first; of it, no more is taken than is
// free, less what is left to others.
struct PictureKeeping {
  std::size_t device = 0, pinned = 0;
};

}  // namespace peclr
