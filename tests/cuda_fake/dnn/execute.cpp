// SPDX-License-Identifier: Apache-2.0
// A plan with addresses of its tensors, into the handle's stream.
#include "tests/cuda_fake/dnn/execute.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tests/cuda_fake/dnn/engines.h"
#include "tests/cuda_fake/work.h"

namespace peclr::fake {
namespace {

constexpr const char* kName = "cudnnBackendExecute";

void* address_of(const TensorSpec& t, const Descriptor& pack, Stream stream) {
  const auto ids = pack.all<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto it = std::find(ids.begin(), ids.end(), t.id);
  if (it == ids.end())
    throw Refusal{CUDNN_STATUS_BAD_PARAM, "a tensor of the graph has no pointer"};
  void* address = pack.all<void*>(
      CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)[static_cast<std::size_t>(it - ids.begin())];
  if (reinterpret_cast<std::uintptr_t>(address) % static_cast<std::uintptr_t>(t.alignment) != 0)
    misuse(kName, "a tensor is less aligned than it was described");
  require_memory(stream, kName, address, t.bytes());
  return address;
}

}  // namespace

void execute(const cudnnContext& handle, const Descriptor& plan, const Descriptor& pack) {
  if (!plan.finalised || !pack.finalised)
    throw Refusal{CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "plan and variant pack are finalised"};
  if (plan.type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR ||
      pack.type != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
    throw Refusal{CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE,
                  "a plan and a variant pack are asked for"};
  if (!plan.has(CUDNN_ATTR_EXECUTION_PLAN_HANDLE))
    throw Refusal{CUDNN_STATUS_BAD_PARAM, "the plan is for a card that is only described"};
  const Engine& engine = engine_of_plan(plan);
  if (engine.manner == Engine::Manner::refuses)
    throw Refusal{CUDNN_STATUS_NOT_SUPPORTED, "this engine does not run here"};
  const Convolution c = convolution_of_graph(graph_of_plan(plan));
  void* const x = address_of(c.x, pack, handle.stream);
  void* const w = address_of(c.w, pack, handle.stream);
  void* const y = address_of(c.y, pack, handle.stream);
  void* const workspace = pack.one<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  const auto bytes = static_cast<std::size_t>(engine.workspace_bytes);
  if (bytes > 0) require_memory(handle.stream, kName, workspace, bytes);

  const int status = enqueue(handle.stream, kName, [=, &engine] {
    if (bytes > 0) std::memset(workspace, 0xFF, bytes);
    void* const result = c.pass == Pass::forward ? y : c.pass == Pass::backward_data ? x : w;
    run(c, engine.arithmetic, x, w, y, result);
    if (engine.manner == Engine::Manner::breaks_promises) store(result, 0, c.result().type, NAN);
  });
  if (status != 0) throw Refusal{CUDNN_STATUS_EXECUTION_FAILED, "the recording has failed"};
}

}  // namespace peclr::fake
