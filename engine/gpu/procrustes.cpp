// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/procrustes.h"

#include "kernels/procrustes_kernels.h"

namespace peclr::gpu {

void procrustes(Stream stream, const Tensor& source, const Tensor& target, Alignment rule,
                const ProcrustesTensors& out) {
  kernels::procrustes({source.data<float>(), target.data<float>(), source.shape()[0],
                       static_cast<int>(source.shape()[1]), rule},
                      {data_or_null<float>(out.aligned), data_or_null<float>(out.rotation),
                       data_or_null<float>(out.scale), data_or_null<float>(out.translation),
                       data_or_null<float>(out.pa_epe)},
                      stream);
}

}  // namespace peclr::gpu
