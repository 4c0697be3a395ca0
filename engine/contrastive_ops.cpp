// SPDX-License-Identifier: Apache-2.0
#include "engine/contrastive_ops.h"

namespace peclr::ops {

Variable invert_views(Tape& tape, const Variable& projection, const Tensor& views, Inversion what) {
  const Shape& s = projection.value.shape();
  check(s.rank() == 2 && s[1] % 2 == 0 && views.shape() == Shape{s[0], 4},
        "invert_views: projection {} and views {} are not [2N, D] and [2N, 4]", s.text(),
        views.shape().text());
  Backend& backend = projection.value.backend();
  Tensor z(backend, s, DType::f32);
  backend.invert_views(projection.value, views, what, z);
  return tape.record_summed(z, [&tape, projection, views, what](const Tensor& dz) {
    Tensor dprojection(dz.backend(), dz.shape(), DType::f32);
    dz.backend().invert_views_backward(projection.value, views, what, dz, dprojection);
    tape.send(projection, std::move(dprojection));
  });
}

NtxentLoss ntxent(Tape& tape, const Variable& z, const NtxentOptions& options) {
  const Shape& s = z.value.shape();
  check(s.rank() == 2 && s[0] >= 2 && s[0] % 2 == 0, "ntxent: rows {} are not [2N, D]", s.text());
  Backend& backend = z.value.backend();
  const Tensor rows(backend, {2, s[0]}, DType::f32), summary(backend, {kNtxentSummary}, DType::f32);
  backend.ntxent(z.value, options, rows, summary);
  return {tape.record_summed(summary.slice(0, {1}),
                             [&tape, z, rows, options](const Tensor& dloss) {
                               Tensor dz(dloss.backend(), z.value.shape(), DType::f32);
                               dloss.backend().ntxent_backward(z.value, options, rows, dloss, dz);
                               tape.send(z, std::move(dz));
                             }),
          summary};
}

}  // namespace peclr::ops
