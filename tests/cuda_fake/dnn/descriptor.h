// SPDX-License-Identifier: Apache-2.0
// A descriptor of cuDNN's backend API: typed attributes, set one by one, then finalised.
#pragma once
#include <cudnn.h>

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace peclr::fake {

using Name = cudnnBackendAttributeName_t;
using Type = cudnnBackendAttributeType_t;
struct Descriptor;
using Part = std::shared_ptr<Descriptor>;

struct Values {
  Type type;
  std::int64_t count;
  std::vector<std::byte> bytes;
  std::vector<Part> parts;  // of CUDNN_TYPE_BACKEND_DESCRIPTOR, instead of bytes
};

struct Descriptor {
  cudnnBackendDescriptorType_t type;
  bool finalised = false;
  std::map<Name, Values> values;

  bool has(Name name) const { return values.count(name) != 0; }
  // Of attributes that the rules require.
  const std::vector<Part>& parts(Name name) const { return values.at(name).parts; }
  const Descriptor& part(Name name) const { return *parts(name).front(); }
  template <class T>
  std::vector<T> all(Name name) const {
    const Values& found = values.at(name);
    std::vector<T> copy(static_cast<std::size_t>(found.count));
    std::memcpy(copy.data(), found.bytes.data(), copy.size() * sizeof(T));
    return copy;
  }
  template <class T>
  T one(Name name) const {
    T value;
    std::memcpy(&value, values.at(name).bytes.data(), sizeof value);
    return value;
  }
};

// What cuDNN's documentation says of an attribute of a descriptor.
struct Rule {
  Name name;
  Type type;
  std::int64_t least, most;  // values
  bool required;
  std::optional<cudnnBackendDescriptorType_t> part = {};  // of which type a part must be
};
std::span<const Rule> rules_of(cudnnBackendDescriptorType_t type);
std::size_t size_of(Type type);  // bytes of a value

// A refusal, as thrown within the stand-in: a status, and the words of cudnnGetLastErrorString.
struct Refusal {
  cudnnStatus_t status;
  std::string words;
};
// Throws Refusal unless all of its kind's conditions hold; attributes that are required are there.
void check_finished(const Descriptor& d);

}  // namespace peclr::fake
