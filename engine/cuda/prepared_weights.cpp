// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/prepared_weights.h"

#include "engine/error.h"
#include "kernels/elementwise_kernels.h"

namespace peclr::cuda {

PreparedWeights::Copy& PreparedWeights::room(const Key& key, std::size_t bytes) {
  Copy& copy = copies_[key];
  if (copy.data == nullptr) {
    copy.data = memory_.allocate_lasting(bytes);
    copy.bytes = bytes;
  }
  return copy;
}

const void* PreparedWeights::get(const Tensor& w, DType type, std::int64_t channels) {
  const Storage& all = w.storage();
  const std::int64_t own = w.shape()[3];
  if (channels == own && type == DType::f32) return w.raw();

  if (channels == own) {  // one launch for all the weights of an arena
    check(type == DType::bf16, "weights {} in {}", w.shape().text(), name_of(type));
    const std::size_t count = all.bytes / sizeof(float);
    Copy& copy = room({all.data, 0, type}, count * sizeof(bf16));
    if (copy.version != all.version)
      kernels::cast(static_cast<std::int64_t>(count), static_cast<const float*>(all.data),
                    static_cast<bf16*>(copy.data), stream_);
    copy.version = all.version;
    return static_cast<const bf16*>(copy.data) +
           (w.data<float>() - static_cast<const float*>(all.data));
  }

  check(own == 3 && channels > own, "weights {} for {} channels", w.shape().text(), channels);
  const std::int64_t pixels = w.count() / own;
  Copy& copy =
      room({w.raw(), channels, type}, static_cast<std::size_t>(pixels * channels) * size_of(type));
  if (copy.version != all.version) {
    const auto c = static_cast<int>(channels);
    if (type == DType::bf16)
      kernels::pad_channels(pixels, w.data<float>(), c, static_cast<bf16*>(copy.data), stream_);
    else
      kernels::pad_channels(pixels, w.data<float>(), c, static_cast<float*>(copy.data), stream_);
  }
  copy.version = all.version;
  return copy.data;
}

void PreparedWeights::forget(const void* begin, const void* end) {
  const auto first = copies_.lower_bound({begin, 0, DType::f32});
  const auto last = copies_.lower_bound({end, 0, DType::f32});
  for (auto it = first; it != last; it = copies_.erase(it))
    if (it->second.data) memory_.release(it->second.data, it->second.bytes);
}

}  // namespace peclr::cuda
