// SPDX-License-Identifier: Apache-2.0
// PeCLR's own operations on the CPU backend: tensors unpacked for the loops in hot/.
#include <cmath>
#include <cstring>

#include "engine/cpu/cpu_backend.h"
#include "engine/parallel.h"

namespace peclr {
namespace {

const ViewTransform* view_rows(const Tensor& views) {
  static_assert(sizeof(ViewTransform) == 4 * sizeof(float));
  return reinterpret_cast<const ViewTransform*>(views.data<float>());
}

NtxentSpec ntxent_spec(const Tensor& z, const NtxentOptions& options) {
  const Shape& s = z.shape();
  check(s[1] <= kNtxentMaxDim, "ntxent: z is {}; on the CPU a row has at most {} elements",
        s.text(), kNtxentMaxDim);
  return {s[0], s[1], options.temperature};
}

NtxentRows ntxent_rows(const Tensor& rows) {
  return {rows.data<float>(), rows.data<float>() + rows.shape()[1]};
}

}  // namespace

void CpuBackend::augment(std::span<const AugmentRequest> requests, const Tensor& images) {
  const std::int64_t rows = images.shape()[0], size = images.shape()[1];
  for (const AugmentRequest& r : requests) {
    if (r.row < 0 || r.row >= rows)
      fail(ErrorKind::failure, "augment: row {} of pictures {}", r.row, images.shape().text());
    const AugmentJob job{r.source, r.width, r.height, r.params,
                         images.data<float>() + r.row * size * size * 3};
    loops_.augment(&job, 1, static_cast<int>(size));
  }
}

void CpuBackend::invert_views(const Tensor& projection, const Tensor& views, Inversion what,
                              const Tensor& z) {
  loops_.invert_views(projection.data<float>(), view_rows(views), what, z.shape()[0], z.shape()[1],
                      z.data<float>());
}

void CpuBackend::invert_views_backward(const Tensor& projection, const Tensor& views,
                                       Inversion what, const Tensor& dz,
                                       const Tensor& dprojection) {
  loops_.invert_views_backward(projection.data<float>(), view_rows(views), what, dz.data<float>(),
                               dz.shape()[0], dz.shape()[1], dprojection.data<float>());
}

void CpuBackend::ntxent(const Tensor& z, const NtxentOptions& options, const Tensor& rows,
                        const Tensor& summary) {
  const NtxentSpec spec = ntxent_spec(z, options);
  const Tensor scratch(*this, {loops_.ntxent_scratch_floats(spec)}, DType::f32);
  const NtxentSummary s =
      loops_.ntxent_forward(spec, z.data<float>(), ntxent_rows(rows), scratch.data<float>());
  std::memcpy(summary.raw(), &s, sizeof s);
}

void CpuBackend::ntxent_backward(const Tensor& z, const NtxentOptions& options, const Tensor& rows,
                                 const Tensor& dloss, const Tensor& dz) {
  const NtxentSpec spec = ntxent_spec(z, options);
  const Tensor scratch(*this, {loops_.ntxent_scratch_floats(spec)}, DType::f32);
  loops_.ntxent_backward(spec, z.data<float>(), ntxent_rows(rows), *dloss.data<float>(),
                         scratch.data<float>(), dz.data<float>());
}

void CpuBackend::pose_lift(const Tensor& raw, const Tensor& cameras, const PoseTensors& out) {
  loops_.pose_lift(raw.data<float>(), cameras.data<float>(), raw.shape()[0],
                   {out.uv.data<float>(), out.z_rel.data<float>(), out.h.data<float>(),
                    out.root_depth.data<float>(), out.mlp_input.data<float>()});
}

void CpuBackend::pose_lift_backward(const Tensor& cameras, const PoseTensors& gradients,
                                    const Tensor& draw) {
  loops_.pose_lift_backward(
      cameras.data<float>(), draw.shape()[0],
      {data_or_null<float>(gradients.uv), data_or_null<float>(gradients.z_rel),
       data_or_null<float>(gradients.h), data_or_null<float>(gradients.mlp_input)},
      draw.data<float>());
}

void CpuBackend::pose_recover(const Tensor& h, const Tensor& z_rel, const Tensor& root,
                              const Tensor& xyz) {
  loops_.pose_recover({h.data<float>(), z_rel.data<float>(), root.data<float>()}, xyz.shape()[0],
                      xyz.data<float>());
}

void CpuBackend::pose_recover_backward(const Tensor& h, const Tensor& z_rel, const Tensor& root,
                                       const Tensor& dxyz, const PoseTensors& out) {
  loops_.pose_recover_backward(
      {h.data<float>(), z_rel.data<float>(), root.data<float>()}, dxyz.data<float>(),
      dxyz.shape()[0],
      {out.h.data<float>(), out.z_rel.data<float>(), out.root_depth.data<float>()});
}

void CpuBackend::pose_loss(const PoseTensors& predicted, const PoseTensors& target,
                           const Tensor& parts, const PoseTensors& gradients) {
  const PoseLoss loss = loops_.pose_loss(
      {predicted.uv.data<float>(), predicted.z_rel.data<float>(),
       predicted.root_depth.data<float>()},
      {target.uv.data<float>(), target.z_rel.data<float>(), target.root_depth.data<float>()},
      predicted.uv.shape()[0],
      {gradients.uv.data<float>(), gradients.z_rel.data<float>(),
       gradients.root_depth.data<float>()});
  std::memcpy(parts.raw(), &loss, sizeof loss);
}

void CpuBackend::mean_absolute_loss(const Tensor& x, const Tensor& target, const Tensor& loss,
                                    const Tensor& dx) {
  *loss.data<float>() = static_cast<float>(loops_.mean_absolute_loss(
      x.data<float>(), target.data<float>(), x.count(), dx.data<float>()));
}

void CpuBackend::scale(const Tensor& x, const Tensor& factor) {
  float* values = x.data<float>();
  const float f = *factor.data<float>();
  for (std::int64_t i = 0; i < x.count(); ++i) values[i] *= f;
}

void CpuBackend::procrustes(const Tensor& source, const Tensor& target, Alignment rule,
                            const ProcrustesTensors& out) {
  loops_.procrustes({source.data<float>(), target.data<float>(), source.shape()[0],
                     static_cast<int>(source.shape()[1]), rule},
                    {data_or_null<float>(out.aligned), data_or_null<float>(out.rotation),
                     data_or_null<float>(out.scale), data_or_null<float>(out.translation),
                     data_or_null<float>(out.pa_epe)});
}

void CpuBackend::begin_update(const OptimizerStep& step) {
  update_.learning_rate = step.learning_rate;
  update_.step = step.step;
  update_.gradient_scale = step.gradient_scale;
}

void CpuBackend::apply_update(const OptimizerStep& step) {
  const auto& segments = step.layout.segments;
  const auto count = static_cast<std::int64_t>(segments.size());
  auto& [learning_rate, number, gradient_scale, chunks, norms, rules, sums] = update_;
  chunks.resize(static_cast<std::size_t>(loops_.optimizer_chunks(segments.data(), count, nullptr)));
  loops_.optimizer_chunks(segments.data(), count, chunks.data());
  const auto chunk_count = static_cast<std::int64_t>(chunks.size());
  norms.resize(segments.size());
  rules.resize(segments.size());
  sums.resize(2 * chunks.size());

  float* gradients = step.gradients.data<float>();
  if (gradient_scale != 1.f)
    parallel_for(step.gradients.count(), 1 << 16,
                 [&, scale = gradient_scale](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; ++i) gradients[i] *= scale;
                 });
  loops_.segment_norms(step.weights.data<float>(), gradients, chunks.data(), chunk_count, count,
                       norms.data(), sums.data());
  double square = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    rules[i] = step.kind == OptimizerKind::adam
                   ? adam_rule(segments[i])
                   : lars_rule({}, segments[i], norms[i], learning_rate);
    square += norms[i].gradient * norms[i].gradient;
  }
  const auto norm = static_cast<float>(std::sqrt(square));
  *step.norm.data<float>() = norm;
  if (!std::isfinite(norm)) return;
  loops_.optimizer_update({step.weights.data<float>(), gradients, step.first_moment.data<float>(),
                           step.second_moment.data<float>()},
                          chunks.data(), chunk_count, rules.data(),
                          adam_step({}, learning_rate, number));
  step.weights.storage().touch();
}

}  // namespace peclr
