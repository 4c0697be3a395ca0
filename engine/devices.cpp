// SPDX-License-Identifier: Apache-2.0
#include "engine/devices.h"

#include "engine/cpu/cpu_backend.h"

namespace peclr {

std::unique_ptr<Backend> make_backend(DeviceKind kind) {
  if (kind == DeviceKind::cuda)
    fail(ErrorKind::device,
         "device=cuda: this build has no CUDA backend; use device=cpu (or device=auto)");
  return std::make_unique<CpuBackend>();
}

std::vector<std::string> describe_devices() {
  return {CpuBackend().description(), "cuda: not in this build"};
}

}  // namespace peclr
