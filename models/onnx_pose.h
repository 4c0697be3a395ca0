// SPDX-License-Identifier: Apache-2.0
// The way from the head's numbers to a hand (kernels/pose.h, kernels/pose25d.h) as nodes of an ONNX
// graph. Copies are slices and concatenations, never products, which some runtimes round (TF32). In
// f32, with fewer differences of near numbers than the quadratic for the root depth has when it is
// written out; in f16 its floors would be zeros.
#pragma once
#include "engine/files/onnx.h"
#include "kernels/joints.h"

namespace peclr {

// Each [batch, 21], in FreiHAND's joint order with the palm in the wrist's place.
struct OnnxPixels {
  std::string u, v, z_rel;  // z_rel: 0 for the palm
};
struct OnnxRays {
  std::string x, y;
};

// u = a x + b y + cx, v = c x + d y + cy; each [batch, 21], once a joint.
struct OnnxCamera {
  std::string a, b, cx, c, d, cy;
};
OnnxCamera onnx_camera(OnnxGraph& graph, const std::string& camera);  // [batch, 3, 3]

struct OnnxLift {
  OnnxRays rays;
  std::string z_rel;
  std::string root;              // [batch, 1], by the quadratic
  std::string refinement_input;  // [batch, 64]: z_rel, x, y, root
};
OnnxLift onnx_lift(OnnxGraph& graph, const OnnxCamera& camera, const OnnxPixels& pixels);
// Which column of the hand network's refinement (kernels/pose.h, PoseLift) has number `i` of ours.
int refinement_column(int i);

// FreiHAND's joint order, with the wrist.
struct OnnxHand {
  std::string xyz;  // [batch, 21, 3], lengths of the bone 9-10
  std::string uv;   // [batch, 21, 2], pixels
};
// `refined` [batch, 1] is the root depth.
OnnxHand onnx_recover(OnnxGraph& graph, const OnnxCamera& camera, const OnnxLift& lift,
                      const std::string& refined);

}  // namespace peclr
