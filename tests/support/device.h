// SPDX-License-Identifier: Apache-2.0
// The device that tests run on: PECLR_TEST_DEVICE=cpu, simt or cuda. Without it the tests of ops
// and models take the CPU, those of kernels (tests/kernels) the device of the build's kernels.
#pragma once
#include <cstdlib>
#include <memory>

#include "engine/devices.h"

#ifndef PECLR_DEFAULT_TEST_DEVICE
#define PECLR_DEFAULT_TEST_DEVICE "cpu"
#endif

namespace peclr::test {

inline DeviceKind device_kind() {
  const char* name = std::getenv("PECLR_TEST_DEVICE");
  return device_named(name ? name : PECLR_DEFAULT_TEST_DEVICE, "PECLR_TEST_DEVICE");
}

inline std::unique_ptr<Backend> new_device() { return make_backend(device_kind()); }

// One for all tests of the process.
inline Backend& device() {
  static const std::unique_ptr<Backend> backend = new_device();
  return *backend;
}

}  // namespace peclr::test
