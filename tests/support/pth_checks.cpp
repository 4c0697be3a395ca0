// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pth_checks.h"

#include <catch2/catch.hpp>

#include "tests/support/refusals.h"

namespace peclr::test {

std::vector<StoredTensor> small_tensors() {
  return {{"layer.weight", StoredType::f32, {2, 3}, std::as_bytes(std::span(kWeights))},
          {"bn.num_batches_tracked", StoredType::i64, {}, std::as_bytes(std::span(kSteps))},
          {"d\u00e9", StoredType::f64, {2}, std::as_bytes(std::span(kDoubles))}};
}

std::string floats(std::size_t count) { return std::string(4 * count, '\1'); }

Caught reading_pth(const std::string& bytes) {
  const TempFolder folder;
  write_bytes(folder / "bad.pth", bytes);
  return caught([&] { const TensorFile file(folder / "bad.pth"); });
}

void pth_refused(const std::string& bytes, const char* fault) {
  const Caught error = reading_pth(bytes);
  INFO(fault << " in: " << error.text);
  CHECK(error.kind == kData);
  CHECK(error.one_line());
  CHECK(error.names("bad.pth: "));
  CHECK(error.names(fault));
}

}  // namespace peclr::test
