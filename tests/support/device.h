// SPDX-License-Identifier: Apache-2.0
// The device that tests run on: PECLR_TEST_DEVICE=cpu, simt or cuda. Without it the tests of ops
// and models take the CPU, those of kernels (tests/kernels) the device of the build's kernels.
#pragma once
#include <cstdlib>
#include <memory>
#include <vector>

#include "engine/devices.h"
#include "kernels/stream.h"
#if defined(PECLR_CUDA)
#include "engine/cuda/cuda_backend.h"
#endif

#ifndef PECLR_DEFAULT_TEST_DEVICE
#define PECLR_DEFAULT_TEST_DEVICE "cpu"
#endif

namespace peclr::test {

inline const char* device_name() {
  const char* name = std::getenv("PECLR_TEST_DEVICE");
  return name ? name : PECLR_DEFAULT_TEST_DEVICE;
}

inline std::unique_ptr<Backend> new_device() {
  return make_backend(device_named(device_name(), "PECLR_TEST_DEVICE"));
}

// One for all tests of the process. Never destroyed: what cuDNN loads after it was made is gone
// before a static of ours would be.
inline Backend& device() {
  static Backend& backend = *new_device().release();
  return backend;
}

// In which device() works: for kernels that tests launch themselves.
inline Stream stream() {
#if defined(PECLR_CUDA)
  if (const auto* gpu = dynamic_cast<const CudaBackend*>(&device())) return gpu->stream();
#endif
  return nullptr;
}

// [rows, 4]: each row a ViewTransform.
inline Tensor view_tensor(Backend& backend, const std::vector<ViewTransform>& views) {
  return Tensor::from_host(backend, {static_cast<std::int64_t>(views.size()), 4},
                           {&views.front().angle_deg, 4 * views.size()});
}

}  // namespace peclr::test
