// SPDX-License-Identifier: Apache-2.0
// Small plain vectors and matrices; row-major, no operators that hide work.
#pragma once
#include "kernels/host_device.h"

namespace peclr {

struct Vec2f {
  float x = 0, y = 0;
};
struct Vec3f {
  float x = 0, y = 0, z = 0;
};

// 3x3, row-major: element (r, c) is m[3 * r + c].
struct Mat3f {
  float m[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
};

}  // namespace peclr
