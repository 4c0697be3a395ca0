// SPDX-License-Identifier: Apache-2.0
// cuDNN's objects: typed attributes, set one by one and then sealed. For dnn.cpp alone, which holds
// all else that calls cuDNN.
#pragma once
#include <cudnn.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/error.h"

namespace peclr::cuda {

inline std::string last_words(cudnnStatus_t status) {
  std::array<char, 512> text{};
  cudnnGetLastErrorString(text.data(), text.size());
  std::string words = text.data();
  words = words.substr(0, words.find('\n'));
  return fmt::format("{}{}{}", cudnnGetErrorString(status), words.empty() ? "" : ": ", words);
}

inline void check_cudnn(cudnnStatus_t status, const char* operation) {
  if (status != CUDNN_STATUS_SUCCESS)
    fail(ErrorKind::failure, "cuDNN, {}: {}", operation, last_words(status));
}

class Descriptor;

template <class T>
inline constexpr auto kAttributeType = CUDNN_TYPE_INT64;
template <>
inline constexpr auto kAttributeType<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr auto kAttributeType<float> = CUDNN_TYPE_FLOAT;
template <>
inline constexpr auto kAttributeType<char> = CUDNN_TYPE_CHAR;
template <>
inline constexpr auto kAttributeType<void*> = CUDNN_TYPE_VOID_PTR;
template <>
inline constexpr auto kAttributeType<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr auto kAttributeType<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr auto kAttributeType<cudnnConvolutionMode_t> = CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr auto kAttributeType<cudnnPointwiseMode_t> = CUDNN_TYPE_POINTWISE_MODE;
template <>
inline constexpr auto kAttributeType<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr auto kAttributeType<cudnnBackendKnobType_t> = CUDNN_TYPE_KNOB_TYPE;
template <>
inline constexpr auto kAttributeType<cudnnBackendNumericalNote_t> = CUDNN_TYPE_NUMERICAL_NOTE;

class Descriptor {
 public:
  using Raw = cudnnBackendDescriptor_t;
  using Name = cudnnBackendAttributeName_t;

  explicit Descriptor(cudnnBackendDescriptorType_t type) {
    check_cudnn(cudnnBackendCreateDescriptor(type, &raw_), "creating a descriptor");
  }
  Descriptor(Descriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Descriptor() {
    if (raw_) cudnnBackendDestroyDescriptor(raw_);
  }

  template <class T>
  Descriptor& set(Name name, std::span<const T> values) {
    return set(name, kAttributeType<T>, values.size(), values.data());
  }
  template <class T>
  Descriptor& set(Name name, T value) {
    return set(name, std::span<const T>(&value, 1));
  }
  Descriptor& set(Name name, const Descriptor& part) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part.raw_);
  }
  Descriptor& set(Name name, std::span<const Descriptor> parts) {
    std::vector<Raw> raw;
    for (const Descriptor& part : parts) raw.push_back(part.raw_);
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, raw.size(), raw.data());
  }
  cudnnStatus_t try_seal() { return cudnnBackendFinalize(raw_); }
  Descriptor& seal(const char* operation) {
    check_cudnn(try_seal(), operation);
    return *this;
  }

  template <class T>
  std::vector<T> get(Name name, std::size_t most) const {
    std::vector<T> values(most);
    values.resize(get(name, kAttributeType<T>, most, values.data()));
    return values;
  }
  std::vector<Descriptor> get(Name name, cudnnBackendDescriptorType_t type,
                              std::size_t most) const {
    std::vector<Descriptor> parts;
    std::vector<Raw> raw;
    for (std::size_t i = 0; i < most; ++i) raw.push_back(parts.emplace_back(type).raw_);
    const std::size_t count = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, raw.data());
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(count), parts.end());
    return parts;
  }
  std::size_t count(Name name, cudnnBackendAttributeType_t type) const {
    return get(name, type, 0, nullptr);
  }
  Raw raw() const { return raw_; }

 private:
  Descriptor& set(Name name, cudnnBackendAttributeType_t type, std::size_t count,
                  const void* values) {
    check_cudnn(
        cudnnBackendSetAttribute(raw_, name, type, static_cast<std::int64_t>(count), values),
        "setting an attribute");
    return *this;
  }
  std::size_t get(Name name, cudnnBackendAttributeType_t type, std::size_t most,
                  void* values) const {
    std::int64_t count = 0;
    check_cudnn(
        cudnnBackendGetAttribute(raw_, name, type, static_cast<std::int64_t>(most), &count, values),
        "reading an attribute");
    return most == 0 ? static_cast<std::size_t>(count)
                     : std::min(most, static_cast<std::size_t>(count));
  }

  Raw raw_ = nullptr;
};

}  // namespace peclr::cuda
