// SPDX-License-Identifier: Apache-2.0
// Kernels must not depend on the order in which threads and blocks happen to run.
#pragma once
#include <functional>

namespace peclr::test {

// On the emulator: runs `body` under each of its schedules (forward, reverse, two shuffles) and
// puts back the one there was. On a GPU: runs it once, as its order cannot be chosen.
void for_each_order(const std::function<void()>& body);

}  // namespace peclr::test
