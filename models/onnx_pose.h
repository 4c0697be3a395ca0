// SPDX-License-Identifier: Apache-2.0
// The way from 64 numbers to a hand (kernels/pose.h, kernels/pose25d.h) as nodes of an ONNX graph:
// tensors [batch, n] and products with constants, which every runtime knows. In f32 throughout, so
// the quadratic for the root depth is written without differences of near numbers.
#pragma once
#include "engine/onnx.h"

namespace peclr {

struct OnnxRays {
  std::string x, y;  // [batch, 21] each
};

// Of raw [batch, 64], the head's answer, and camera [batch, 9], K row by row. AIT's joint order.
struct OnnxLift {
  OnnxRays rays;
  std::string z_rel;             // [batch, 21]
  std::string root;              // [batch, 1], by the quadratic
  std::string refinement_input;  // [batch, 64]
};
OnnxLift onnx_lift(OnnxGraph& graph, const std::string& raw, const std::string& camera);

// FreiHAND's joint order, with the wrist.
struct OnnxHand {
  std::string xyz;  // [batch, 21, 3], lengths of the bone 9-10
  std::string uv;   // [batch, 21, 2], pixels
};
// `refined` [batch, 1] is the root depth.
OnnxHand onnx_recover(OnnxGraph& graph, const OnnxLift& lift, const std::string& refined,
                      const std::string& camera);

}  // namespace peclr
