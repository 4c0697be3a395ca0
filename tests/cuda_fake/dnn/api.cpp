// SPDX-License-Identifier: Apache-2.0
// cuDNN's functions. A refusal is a status, and one line that names function and rule.
#include <algorithm>
#include <cstdlib>

#include "tests/cuda_fake/dnn/engines.h"
#include "tests/cuda_fake/dnn/execute.h"

using namespace peclr::fake;

namespace {

thread_local std::string last_refusal;

template <class F>
cudnnStatus_t answered(const char* function, F body) {
  try {
    body();
    return CUDNN_STATUS_SUCCESS;
  } catch (const Refusal& refusal) {
    last_refusal = std::string(function) + ": " + refusal.words;
    return refusal.status;
  }
}

void require(bool ok, cudnnStatus_t status, const char* rule) {
  if (!ok) throw Refusal{status, rule};
}

Part& the(cudnnBackendDescriptor_t d) {
  require(d != nullptr, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no descriptor");
  return *static_cast<Part*>(d);
}

// Answers of descriptors that are not attributes somebody has set.
std::vector<Part> computed_parts(const Descriptor& d, Name name) {
  if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS)
    return proposals(d.parts(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH).front(),
                     d.one<cudnnBackendHeurMode_t>(CUDNN_ATTR_ENGINEHEUR_MODE));
  return d.has(name) ? d.parts(name) : std::vector<Part>();
}
std::vector<std::byte> computed_bytes(const Descriptor& d, Name name) {
  std::vector<std::byte> bytes;
  const auto append = [&](auto value) {
    const auto* begin = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), begin, begin + sizeof value);
  };
  if (name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE)
    for (const auto note : engine_of(d.one<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX))->notes)
      append(note);
  else if (name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)
    append(engine_of_plan(d).workspace_bytes);
  else if (d.has(name))
    bytes = d.values.at(name).bytes;
  return bytes;
}

}  // namespace

std::size_t cudnnGetVersion() {
  const char* other = std::getenv("PECLR_FAKE_CUDNN");
  return other ? std::strtoull(other, nullptr, 10) : CUDNN_VERSION;
}
std::size_t cudnnGetCudartVersion() {
  const char* other = std::getenv("PECLR_FAKE_CUDNN_CUDA");
  return other ? std::strtoull(other, nullptr, 10) : CUDART_VERSION;
}
const char* cudnnGetErrorString(cudnnStatus_t status) {
  return status == CUDNN_STATUS_SUCCESS ? "CUDNN_STATUS_SUCCESS" : "refused";
}
void cudnnGetLastErrorString(char* text, std::size_t room) {
  const std::size_t length = std::min(last_refusal.size(), room - 1);
  std::copy_n(last_refusal.begin(), length, text);
  text[length] = 0;
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = new cudnnContext;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t* made) {
  return answered("cudnnBackendCreateDescriptor", [&] {
    require(!rules_of(type).empty(), CUDNN_STATUS_NOT_SUPPORTED,
            "a descriptor that is not stood in for");
    *made = new Part(std::make_shared<Descriptor>(Descriptor{type, false, {}}));
  });
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t d) {
  delete static_cast<Part*>(d);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t d, Name name, Type type,
                                       std::int64_t count, const void* values) {
  return answered("cudnnBackendSetAttribute", [&] {
    Descriptor& to = *the(d);
    require(!to.finalised, CUDNN_STATUS_NOT_INITIALIZED, "the descriptor is finalised already");
    const auto rules = rules_of(to.type);
    const auto rule =
        std::find_if(rules.begin(), rules.end(), [&](const Rule& r) { return r.name == name; });
    require(rule != rules.end(), CUDNN_STATUS_BAD_PARAM, "the descriptor has no such attribute");
    require(type == rule->type, CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE,
            "the attribute has another type");
    require(count >= rule->least && count <= rule->most, CUDNN_STATUS_BAD_PARAM,
            "the attribute has another number of values");
    Values set{type, count, {}, {}};
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
      const auto* parts = static_cast<const cudnnBackendDescriptor_t*>(values);
      for (std::int64_t i = 0; i < count; ++i) {
        const Part& part = the(parts[i]);
        require(part->finalised, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "a part is not finalised");
        require(!rule->part || part->type == *rule->part, CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE,
                "a part is a descriptor of another type");
        set.parts.push_back(part);
      }
    } else {
      const auto* begin = static_cast<const std::byte*>(values);
      set.bytes.assign(begin, begin + static_cast<std::size_t>(count) * size_of(type));
    }
    to.values[name] = std::move(set);
  });
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t d) {
  return answered("cudnnBackendFinalize", [&] {
    Descriptor& it = *the(d);
    require(!it.finalised, CUDNN_STATUS_BAD_PARAM, "the descriptor is finalised already");
    check_finished(it);
    it.finalised = true;
  });
}

// With room for none, `count` is how many there are; else how many are written. Descriptors are
// written into ones that the caller has made.
cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t d, Name name, Type type,
                                       std::int64_t room, std::int64_t* count, void* values) {
  return answered("cudnnBackendGetAttribute", [&] {
    const Descriptor& from = *the(d);
    require(from.finalised, CUDNN_STATUS_NOT_INITIALIZED, "the descriptor is not finalised");
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
      const std::vector<Part> parts = computed_parts(from, name);
      *count = static_cast<std::int64_t>(parts.size());
      for (std::size_t i = 0; i < parts.size() && static_cast<std::int64_t>(i) < room; ++i) {
        Part& to = the(static_cast<cudnnBackendDescriptor_t*>(values)[i]);
        require(to->type == parts[i]->type, CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE,
                "a descriptor of another type is to be written to");
        to = parts[i];
      }
      return;
    }
    require(!from.has(name) || from.values.at(name).type == type,
            CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "the attribute has another type");
    const std::vector<std::byte> bytes = computed_bytes(from, name);
    *count = static_cast<std::int64_t>(bytes.size() / size_of(type));
    std::copy_n(bytes.begin(),
                std::min(bytes.size(), static_cast<std::size_t>(room) * size_of(type)),
                static_cast<std::byte*>(values));
  });
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack) {
  return answered("cudnnBackendExecute", [&] { execute(*handle, *the(plan), *the(pack)); });
}
