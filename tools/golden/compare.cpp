// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/text.h"
#include "kernels/random.h"
#include "tools/golden/golden.h"

namespace peclr::golden {

const StoredTensor& wanted(const TensorFile& file, const std::string& name, StoredType type,
                           const Sizes& shape) {
  const StoredTensor& tensor = file.at(name);
  const bool fits =
      tensor.type == type &&
      std::equal(tensor.shape.begin(), tensor.shape.end(), shape.begin(), shape.end(),
                 [](auto is, auto want) { return want == kAny ? is > 0 : is == want; });
  if (fits) return tensor;
  std::vector<std::string> sizes;
  for (const std::int64_t size : shape)
    sizes.push_back(size == kAny ? std::string("any") : std::to_string(size));
  fail(ErrorKind::data, "{}: tensor {} is {} {}; {} [{}] is needed", file.path(), shown(name),
       name_of(tensor.type), text_of(tensor.shape), name_of(type), joined(sizes, ", "));
}

std::vector<float> floats(const TensorFile& file, const std::string& name, const Sizes& shape) {
  wanted(file, name, StoredType::f32, shape);
  return file.values<float>(name);
}

Result compare(const TensorFile& file, const std::string& tensor, std::span<const double> got,
               Limit limit) {
  const std::vector<double> want = file.values<double>("expected." + tensor);
  Result r{.tensor = tensor};
  if (got.size() != want.size()) return r;
  double difference = 0, norm = 0, worst = 0, peak = limit.measure == Measure::psnr ? 255 : 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double d = got[i] - want[i];
    difference += d * d;
    norm += want[i] * want[i];
    worst = std::max(worst, std::abs(d));
    if (limit.measure != Measure::psnr) peak = std::max(peak, std::abs(want[i]));
  }
  if (!std::isfinite(difference)) return r;
  r.rel_l2 = std::sqrt(norm > 0 ? difference / norm : difference);
  r.max_abs = worst;
  const double rms =
      std::sqrt(difference / static_cast<double>(std::max<std::size_t>(want.size(), 1)));
  r.psnr = rms > 0 && peak > 0 ? std::clamp(20 * std::log10(peak / rms), 0.0, kBestPsnr)
           : rms > 0           ? 0
                               : kBestPsnr;
  switch (limit.measure) {
    case Measure::rel_l2:
      r.pass = r.rel_l2 <= limit.value;
      break;
    case Measure::max_abs:
      r.pass = r.max_abs <= limit.value;
      break;
    case Measure::psnr:
      r.pass = r.psnr >= limit.value;
      break;
  }
  return r;
}

Result compare(const TensorFile& file, const std::string& tensor, std::span<const float> got,
               Limit limit) {
  const std::vector<double> wide(got.begin(), got.end());
  return compare(file, tensor, std::span<const double>(wide), limit);
}

std::vector<double> uniform(const std::string& seed, const std::string& name, std::size_t count) {
  std::uint64_t h = 0xCBF29CE484222325ull;  // FNV-1a
  for (unsigned char c : seed + "/" + name) h = (h ^ c) * 0x100000001B3ull;
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = static_cast<double>(mix64(h + (i + 1) * 0x9E3779B97F4A7C15ull) >> 40) * 0x1p-23 - 1;
  return values;
}

Results run(const TensorFile& file, Backend& backend) {
  const std::string& op = file.metadata_at("op");
  if (op == "ntxent") return run_ntxent(file, backend);
  if (op == "procrustes") return run_procrustes(file, backend);
  if (op == "pose25d") return run_pose25d(file, backend);
  if (op == "metrics") return run_metrics(file, backend);
  if (op == "optimiser") return run_optimiser(file, backend);
  if (op == "augment") return run_augment(file, backend);
  if (op == "resnet") return run_resnet(file, backend);
  if (op == "handnet") return run_handnet(file, backend);
  fail(ErrorKind::data, "{}: a golden of the unknown op '{}'", file.path(), op);
}

}  // namespace peclr::golden
