// SPDX-License-Identifier: Apache-2.0
#include "engine/pose_ops.h"

#include "kernels/pose.h"

namespace peclr::ops {
namespace {

Tensor like(const Tensor& t) { return Tensor(t.backend(), t.shape(), DType::f32); }

}  // namespace

// pose_lift has four outputs, the tape knows nodes of one. Each output gets a node that stores its
// gradient in a box; the node of the lift itself, recorded before them and so walked after them,
// reads the boxes.
LiftedPose pose_lift(Tape& tape, const Variable& raw, const Tensor& cameras) {
  const Shape& s = raw.value.shape();
  check(s.rank() == 2 && s[1] == kHeadWidth && cameras.shape() == Shape{s[0], 9},
        "pose_lift: raw {} and cameras {} are not [B, 64] and [B, 9]", s.text(),
        cameras.shape().text());
  Backend& backend = raw.value.backend();
  const std::int64_t batch = s[0];
  const PoseTensors out{Tensor(backend, {batch, kJoints, 2}, DType::f32),
                        Tensor(backend, {batch, kJoints}, DType::f32),
                        Tensor(backend, {batch, kJoints, 2}, DType::f32),
                        Tensor(backend, {batch}, DType::f32),
                        Tensor(backend, {batch, kHeadWidth}, DType::f32)};
  backend.pose_lift(raw.value, cameras, out);
  auto boxes = std::make_shared<PoseTensors>();
  const Variable lift =
      tape.record(raw.value, [&tape, raw, cameras, boxes](const Tensor&, const Tensor&) {
        Tensor draw = like(raw.value);
        raw.value.backend().pose_lift_backward(cameras, *boxes, draw);
        tape.send(raw, std::move(draw));
      });
  const auto output = [&](const Tensor& value, Tensor PoseTensors::*box) {
    return tape.record_summed(value, [&tape, lift, boxes, box](const Tensor& grad) {
      (*boxes).*box = grad;
      tape.notify(lift);
    });
  };
  return {output(out.uv, &PoseTensors::uv), output(out.z_rel, &PoseTensors::z_rel),
          output(out.h, &PoseTensors::h), output(out.mlp_input, &PoseTensors::mlp_input),
          out.root_depth};
}

Variable refine_root(Tape& tape, const Tensor& root_depth, const Variable& residual) {
  const std::int64_t batch = root_depth.count();
  check(residual.value.count() == batch, "refine_root: {} depths, residual {}", batch,
        residual.value.shape().text());
  Tensor refined = like(root_depth);
  refined.backend().zero(refined);
  refined.backend().add(root_depth, refined);
  refined.backend().add(residual.value.reshaped({batch}), refined);
  return tape.record_summed(refined, [&tape, residual](const Tensor& grad) {
    tape.send(residual, grad.reshaped(residual.value.shape()));
  });
}

Variable pose_recover(Tape& tape, const Variable& h, const Variable& z_rel, const Variable& root) {
  const std::int64_t batch = h.value.shape()[0];
  check(h.value.shape() == Shape{batch, kJoints, 2} && z_rel.value.count() == batch * kJoints &&
            root.value.count() == batch,
        "pose_recover: h {}, z_rel {}, root {}", h.value.shape().text(), z_rel.value.shape().text(),
        root.value.shape().text());
  Backend& backend = h.value.backend();
  Tensor xyz(backend, {batch, kJoints, 3}, DType::f32);
  backend.pose_recover(h.value, z_rel.value, root.value, xyz);
  return tape.record_summed(xyz, [&tape, h, z_rel, root](const Tensor& dxyz) {
    PoseTensors d;
    d.h = like(h.value), d.z_rel = like(z_rel.value), d.root_depth = like(root.value);
    dxyz.backend().pose_recover_backward(h.value, z_rel.value, root.value, dxyz, d);
    tape.send(h, d.h);
    tape.send(z_rel, d.z_rel);
    tape.send(root, d.root_depth);
  });
}

PoseLossValue pose_loss(Tape& tape, const Variable& uv, const Variable& z_rel, const Variable& root,
                        const PoseTargets& target) {
  check(uv.value.shape() == target.uv.shape() && z_rel.value.shape() == target.z_rel.shape() &&
            root.value.shape() == target.root_depth.shape(),
        "pose_loss: uv {}, z_rel {}, root {} against targets {}, {}, {}", uv.value.shape().text(),
        z_rel.value.shape().text(), root.value.shape().text(), target.uv.shape().text(),
        target.z_rel.shape().text(), target.root_depth.shape().text());
  Backend& backend = uv.value.backend();
  const Tensor parts(backend, {kPoseLoss}, DType::f32);
  PoseTensors predicted, wanted, d;
  predicted.uv = uv.value, predicted.z_rel = z_rel.value, predicted.root_depth = root.value;
  wanted.uv = target.uv, wanted.z_rel = target.z_rel, wanted.root_depth = target.root_depth;
  d.uv = like(uv.value), d.z_rel = like(z_rel.value), d.root_depth = like(root.value);
  backend.pose_loss(predicted, wanted, parts, d);
  return {tape.record_summed(parts.slice(0, {1}),
                             [&tape, uv, z_rel, root, d](const Tensor& dloss) {
                               for (const Tensor& g : {d.uv, d.z_rel, d.root_depth})
                                 dloss.backend().scale(g, dloss);
                               tape.send(uv, d.uv);
                               tape.send(z_rel, d.z_rel);
                               tape.send(root, d.root_depth);
                             }),
          parts};
}

Variable mean_absolute_loss(Tape& tape, const Variable& x, const Tensor& target) {
  check(x.value.shape() == target.shape(), "mean_absolute_loss: {} against {}",
        x.value.shape().text(), target.shape().text());
  Backend& backend = x.value.backend();
  const Tensor loss(backend, {1}, DType::f32);
  Tensor dx = like(x.value);
  backend.mean_absolute_loss(x.value, target, loss, dx);
  return tape.record_summed(loss, [&tape, x, dx](const Tensor& dloss) {
    dloss.backend().scale(dx, dloss);
    tape.send(x, dx);
  });
}

}  // namespace peclr::ops
