// SPDX-License-Identifier: Apache-2.0
#include "engine/host_copy.h"

#include "engine/backend.h"

namespace peclr {

void DoneCopy::fetch(const Tensor& from) {
  check(from.count() == static_cast<std::int64_t>(values_.size()),
        "fetching {} into a place for {} numbers", from.shape().text(), values_.size());
  from.backend().copy_to_host(from, values_);
}

}  // namespace peclr
