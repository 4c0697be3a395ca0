// SPDX-License-Identifier: Apache-2.0
// Golden files: inputs beside expectations that other programs computed in double precision. Each
// file goes through the public op that training uses, so that a user can prove a build or a
// machine.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/files/safetensors.h"

namespace peclr::golden {

// How one tensor came out; always finite numbers, kBad stands for what was not.
inline constexpr double kBad = 1e30, kBestPsnr = 99;
struct Result {
  std::string tensor;
  double rel_l2 = kBad, max_abs = kBad, psnr = 0;
  bool pass = false;
};

// What must hold for a tensor to pass.
enum class Measure { rel_l2, max_abs, psnr };
struct Limit {
  Measure measure;
  double value;
};

// The tensor, which must be of this type and shape; kAny stands for every size from 1 on. Throws
// Error(data) that names the file, the tensor, what it is and what is wanted.
inline constexpr std::int64_t kAny = -1;
using Sizes = std::vector<std::int64_t>;
const StoredTensor& wanted(const TensorFile& file, const std::string& name, StoredType type,
                           const Sizes& shape);
std::vector<float> floats(const TensorFile& file, const std::string& name, const Sizes& shape);

// Compares with expected.`tensor` of the file. psnr is taken against 255 for images (the limit's
// measure tells) and against the largest expectation otherwise.
Result compare(const TensorFile& file, const std::string& tensor, std::span<const double> got,
               Limit limit);
Result compare(const TensorFile& file, const std::string& tensor, std::span<const float> got,
               Limit limit);

// Values in [-1, 1), spread evenly, that a seed and a name decide: SplitMix64's stream from the
// FNV-1a hash of "seed/name". What a golden need not hold comes from here.
std::vector<double> uniform(const std::string& seed, const std::string& name, std::size_t count);

using Results = std::vector<Result>;
Results run_ntxent(const TensorFile& file, Backend& backend);
Results run_procrustes(const TensorFile& file, Backend& backend);
Results run_pose25d(const TensorFile& file, Backend& backend);
Results run_metrics(const TensorFile& file, Backend& backend);
Results run_optimiser(const TensorFile& file, Backend& backend);
Results run_augment(const TensorFile& file, Backend& backend);
Results run_resnet(const TensorFile& file, Backend& backend);
Results run_handnet(const TensorFile& file, Backend& backend);

// Runs the file's op. Throws Error(data) for a file that is no golden or an op that is not known.
Results run(const TensorFile& file, Backend& backend);

}  // namespace peclr::golden
