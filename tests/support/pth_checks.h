// SPDX-License-Identifier: Apache-2.0
// What the tests of PyTorch's files share: small tensors to write, and that a file is refused.
#pragma once
#include <string>
#include <vector>

#include "engine/files/safetensors.h"
#include "tests/support/files.h"

namespace peclr::test {

inline const std::vector<float> kWeights{1, 2, 3, 4, 5, 6};
inline const std::vector<std::int64_t> kSteps{1'000'000'007};
inline const std::vector<double> kDoubles{0.1, -1e300};

// One of each type, of two, none and one dimension.
std::vector<StoredTensor> small_tensors();

std::string floats(std::size_t count);  // as many, all the same

// Reads bytes as a file of the name bad.pth.
Caught reading_pth(const std::string& bytes);
// Checks that they are refused in one line with the name and the fault.
void pth_refused(const std::string& bytes, const char* fault);

}  // namespace peclr::test
