// SPDX-License-Identifier: Apache-2.0
// The emulator's launches go into streams. No CUDA header here: both name types such as uint4.
#include <stdexcept>

#include "kernels/emulated.h"
#include "tests/cuda_fake/work.h"

namespace peclr::fake {
namespace {

void launch(Stream stream, const char* kernel, std::function<void()> work) {
  if (enqueue(stream, kernel, std::move(work)) != 0)
    throw std::runtime_error(std::string("CUDA kernel ") + kernel +
                             ", launch: the recording has failed");
}

[[maybe_unused]] const bool installed = (simt::set_queue(launch), true);

}  // namespace
}  // namespace peclr::fake
