// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/pose.h"

#include "engine/gpu/records.h"
#include "kernels/pose_kernels.h"

namespace peclr::gpu {
namespace {

PoseBatch batch_of(const PoseTensors& t) {
  return {t.uv.data<float>(), t.z_rel.data<float>(), t.root_depth.data<float>()};
}

class LossScratch {
 public:
  LossScratch(Backend& memory, Tickets& tickets)
      : partials_(memory, {kernels::kLossBlocks * sizeof(kernels::LossSums)}, DType::u8),
        finished_(tickets.get(memory, 1)) {}

  operator kernels::LossScratch() const {
    return {static_cast<kernels::LossSums*>(partials_.raw()), finished_};
  }

 private:
  Tensor partials_;
  unsigned* finished_;
};

}  // namespace

void pose_lift(Stream stream, const Tensor& raw, const Tensor& cameras, const PoseTensors& out) {
  kernels::pose_lift(raw.data<float>(), cameras.data<float>(), raw.shape()[0],
                     {out.uv.data<float>(), out.z_rel.data<float>(), out.h.data<float>(),
                      out.root_depth.data<float>(), out.mlp_input.data<float>()},
                     stream);
}

void pose_lift_backward(Stream stream, const Tensor& cameras, const PoseTensors& gradients,
                        const Tensor& draw) {
  kernels::pose_lift_backward(
      cameras.data<float>(), draw.shape()[0],
      {data_or_null<float>(gradients.uv), data_or_null<float>(gradients.z_rel),
       data_or_null<float>(gradients.h), data_or_null<float>(gradients.mlp_input)},
      draw.data<float>(), stream);
}

void pose_recover(Stream stream, const Tensor& h, const Tensor& z_rel, const Tensor& root,
                  const Tensor& xyz) {
  kernels::pose_recover({h.data<float>(), z_rel.data<float>(), root.data<float>()}, xyz.shape()[0],
                        xyz.data<float>(), stream);
}

void pose_recover_backward(Stream stream, const Tensor& h, const Tensor& z_rel, const Tensor& root,
                           const Tensor& dxyz, const PoseTensors& out) {
  kernels::pose_recover_backward(
      {h.data<float>(), z_rel.data<float>(), root.data<float>()}, dxyz.data<float>(),
      dxyz.shape()[0], {out.h.data<float>(), out.z_rel.data<float>(), out.root_depth.data<float>()},
      stream);
}

void pose_loss(Backend& memory, Stream stream, Tickets& tickets, const PoseTensors& predicted,
               const PoseTensors& target, const Tensor& parts, const PoseTensors& gradients) {
  kernels::pose_loss(batch_of(predicted), batch_of(target), predicted.uv.shape()[0],
                     {gradients.uv.data<float>(), gradients.z_rel.data<float>(),
                      gradients.root_depth.data<float>()},
                     records_in<PoseLoss>(parts), LossScratch(memory, tickets), stream);
}

void mean_absolute_loss(Backend& memory, Stream stream, Tickets& tickets, const Tensor& x,
                        const Tensor& target, const Tensor& loss, const Tensor& dx) {
  kernels::mean_absolute_loss(x.data<float>(), target.data<float>(), x.count(), dx.data<float>(),
                              loss.data<float>(), LossScratch(memory, tickets), stream);
}

}  // namespace peclr::gpu
