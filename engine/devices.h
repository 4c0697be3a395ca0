// SPDX-License-Identifier: Apache-2.0
// Which device a run uses. The only place that knows which backends this build has.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend.h"
#include "engine/words.h"

namespace peclr {

// simt: the CUDA kernels on an emulator, for tests; in builds with PECLR_GPU=simt only.
enum class DeviceKind { automatic, cpu, cuda, simt };

template <>
inline constexpr Word<DeviceKind> kWords<DeviceKind>[] = {{DeviceKind::automatic, "auto"},
                                                          {DeviceKind::cpu, "cpu"},
                                                          {DeviceKind::cuda, "cuda"},
                                                          {DeviceKind::simt, "simt"}};
// value_of; throws Error(usage) for other words, naming `where` they were said.
DeviceKind device_named(std::string_view name, std::string_view where);

struct DeviceOptions {
  int gpu = 0;        // where there are several
  bool tf32 = false;  // f32 products of a GPU may be taken of 10 bits of mantissa
};

// What automatic stands for: the GPU where this build and machine have one, else the CPU; in a
// build for GPUs it says on stderr why it does. Other kinds are returned as they are.
DeviceKind chosen_device(DeviceKind kind);

// Of the chosen device. Throws Error(device) when one that was asked for by name is not there:
// there is no silent fall-back.
std::unique_ptr<Backend> make_backend(DeviceKind kind, const DeviceOptions& options = {});

// One line for each device that this build knows, with the reason where one cannot be used.
std::vector<std::string> describe_devices();

}  // namespace peclr
