// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/ntxent.h"

#include "engine/gpu/records.h"
#include "kernels/ntxent_kernels.h"

namespace peclr::gpu {
namespace {

kernels::NtxentProblem problem_of(const Tensor& z, const NtxentOptions& options) {
  const Shape& s = z.shape();
  check(s[1] <= kernels::kNtxentMaxDim, "ntxent: z is {}; on a GPU a row has at most {} elements",
        s.text(), kernels::kNtxentMaxDim);
  check(options.operands == DType::f32 || options.operands == DType::bf16,
        "ntxent: operands of type {}; there are f32 and bf16", name_of(options.operands));
  return {{s[0], s[1], options.temperature},
          options.operands == DType::bf16 ? kernels::NtxentOperands::bf16
                                          : kernels::NtxentOperands::f32};
}

kernels::NtxentAnchors anchors_of(const Tensor& rows) {
  return {rows.data<float>(), rows.data<float>() + rows.shape()[1]};
}

Tensor scratch(Backend& memory, std::size_t bytes) {
  return {memory, {static_cast<std::int64_t>(bytes)}, DType::u8};
}

}  // namespace

void ntxent(Backend& memory, Stream stream, const Tensor& z, const NtxentOptions& options,
            const Tensor& rows, const Tensor& summary) {
  const kernels::NtxentProblem problem = problem_of(z, options);
  const Tensor workspace = scratch(memory, kernels::ntxent_workspace(problem));
  kernels::ntxent(problem, z.data<float>(), anchors_of(rows), records_in<NtxentSummary>(summary),
                  workspace.raw(), stream);
}

void ntxent_backward(Backend& memory, Stream stream, const Tensor& z, const NtxentOptions& options,
                     const Tensor& rows, const Tensor& dloss, const Tensor& dz) {
  const kernels::NtxentProblem problem = problem_of(z, options);
  const Tensor workspace = scratch(memory, kernels::ntxent_backward_workspace(problem));
  kernels::ntxent_backward(problem, z.data<float>(), anchors_of(rows), dloss.data<float>(),
                           workspace.raw(), dz.data<float>(), stream);
}

}  // namespace peclr::gpu
