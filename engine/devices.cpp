// SPDX-License-Identifier: Apache-2.0
#include "engine/devices.h"

#include "engine/cpu/cpu_backend.h"
#if defined(PECLR_SIMT)
#include "engine/gpu/simt_backend.h"
#endif

namespace peclr {

DeviceKind device_named(std::string_view name, std::string_view where) {
  if (name == "auto") return DeviceKind::automatic;
  if (name == "cpu") return DeviceKind::cpu;
  if (name == "cuda") return DeviceKind::cuda;
  if (name == "simt") return DeviceKind::simt;
  fail(ErrorKind::usage, "{} {}: known are auto, cpu and cuda (and simt, in builds for tests)",
       where, name);
}

std::unique_ptr<Backend> make_backend(DeviceKind kind) {
  if (kind == DeviceKind::cuda)
    fail(ErrorKind::device,
         "device=cuda: this build has no CUDA backend; use device=cpu (or device=auto)");
  if (kind == DeviceKind::simt) {
#if defined(PECLR_SIMT)
    return std::make_unique<SimtBackend>();
#else
    fail(ErrorKind::device,
         "device=simt: this build has no emulator; use device=cpu, or the preset simt");
#endif
  }
  return std::make_unique<CpuBackend>();
}

std::vector<std::string> describe_devices() {
  std::vector<std::string> devices{CpuBackend().description(), "cuda: not in this build"};
#if defined(PECLR_SIMT)
  devices.push_back(SimtBackend().description());
#endif
  return devices;
}

}  // namespace peclr
