// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/cases.h"
#include "benchmarks/gpu/random_tensor.h"
#include "kernels/pose.h"

namespace peclr::bench {
namespace {

// Aligned poses and errors: the work of an evaluation.
Case procrustes(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Shape poses{s.poses, kJoints, 3};
  // Not the target's numbers: another batch in the same sequence of random ones would be.
  const Tensor source = random_tensor(backend, poses),
               target = random_tensor(backend, poses, DType::f32, -.3f, .9f);
  backend.add(target, source);
  ProcrustesTensors out;
  out.aligned = Tensor(backend, poses, DType::f32);
  out.pa_epe = Tensor(backend, {s.poses}, DType::f32);
  return {[=, &backend] { backend.procrustes(source, target, Alignment::proper, out); }};
}

struct Hands {
  std::int64_t count;
  Tensor raw, cameras, xyz;
  PoseTensors pose, gradients;

  Hands(Backend& backend, const Sizes& s) : count(s.hands) {
    raw = random_tensor(backend, {count, kHeadWidth}, DType::f32, 1, 100);
    xyz = random_tensor(backend, {count, kJoints, 3});
    std::vector<float> K;
    for (std::int64_t i = 0; i < count; ++i)
      for (const float number : {100.f, 1.f, 64.f, 0.f, 110.f, 64.f, 0.f, 0.f, 1.f})
        K.push_back(number);
    cameras = Tensor::from_host(backend, {count, 9}, K);
    pose = tensors(backend);
    gradients = tensors(backend);
  }

  PoseTensors tensors(Backend& backend) const {
    return {random_tensor(backend, {count, kJoints, 2}), random_tensor(backend, {count, kJoints}),
            random_tensor(backend, {count, kJoints, 2}),
            random_tensor(backend, {count}, DType::f32, 5, 6),
            random_tensor(backend, {count, kHeadWidth})};
  }
};

Case lift(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Hands h(backend, s);
  return {[=, &backend] { backend.pose_lift(h.raw, h.cameras, h.pose); }};
}

Case lift_backward(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Hands h(backend, s);
  return {[=, &backend] { backend.pose_lift_backward(h.cameras, h.gradients, h.raw); }};
}

Case recover(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Hands h(backend, s);
  return {
      [=, &backend] { backend.pose_recover(h.pose.h, h.pose.z_rel, h.pose.root_depth, h.xyz); }};
}

Case recover_backward(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Hands h(backend, s);
  return {[=, &backend] {
    backend.pose_recover_backward(h.pose.h, h.pose.z_rel, h.pose.root_depth, h.xyz, h.gradients);
  }};
}

Case loss(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Hands h(backend, s);
  const PoseTensors target = h.tensors(backend);
  const Tensor parts(backend, {kPoseLoss}, DType::f32);
  return {[=, &backend] { backend.pose_loss(h.pose, target, parts, h.gradients); }};
}

Case mean_absolute(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Hands h(backend, s);
  const Tensor target = random_tensor(backend, h.xyz.shape(), DType::f32, -.3f, .9f),
               loss(backend, {1}, DType::f32), gradient(backend, h.xyz.shape(), DType::f32);
  return {[=, &backend] { backend.mean_absolute_loss(h.xyz, target, loss, gradient); }};
}

}  // namespace

std::vector<CaseEntry> pose_cases() {
  return {{"procrustes", procrustes, {.microseconds = 500}},
          {"pose_lift", lift},
          {"pose_lift_backward", lift_backward},
          {"pose_recover", recover},
          {"pose_recover_backward", recover_backward},
          {"pose_loss", loss},
          {"mean_absolute_loss", mean_absolute}};
}

}  // namespace peclr::bench
