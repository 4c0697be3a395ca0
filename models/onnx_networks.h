// SPDX-License-Identifier: Apache-2.0
// The networks as ONNX graphs, for programs that run them by another runtime. As in evaluation:
// norms by their running statistics, folded into the layers before them. Pictures come as levels
// 0..255 in RGB; the graph itself brings them to what the networks learned from.
#pragma once
#include "engine/files/onnx.h"
#include "models/hand_network.h"

namespace peclr {

// images [batch, 3, input, input] -> features [batch, encoder.plan().features()]
OnnxGraph onnx_encoder(const ResNet& encoder, int input);

// images [batch, 3, input, input], camera [batch, 3, 3] (K of those pictures, with 0 0 1 as last
// row) -> xyz [batch, 21, 3] in that camera's axes and lengths of the bone 9-10, uv [batch, 21, 2]
// in pixels of those pictures; FreiHAND's joint order.
OnnxGraph onnx_hand_network(const HandNetwork& network, int input);

}  // namespace peclr
