// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/orders.h"

namespace peclr::test {

void for_each_order(const std::function<void()>& body) { body(); }

}  // namespace peclr::test
