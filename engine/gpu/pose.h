// SPDX-License-Identifier: Apache-2.0
// The hand network's head and its losses on a GPU: Backend's functions, tensors unpacked for the
// kernels.
#pragma once
#include "engine/gpu/tickets.h"
#include "kernels/stream.h"

namespace peclr::gpu {

void pose_lift(Stream stream, const Tensor& raw, const Tensor& cameras, const PoseTensors& out);
void pose_lift_backward(Stream stream, const Tensor& cameras, const PoseTensors& gradients,
                        const Tensor& draw);
void pose_recover(Stream stream, const Tensor& h, const Tensor& z_rel, const Tensor& root,
                  const Tensor& xyz);
void pose_recover_backward(Stream stream, const Tensor& h, const Tensor& z_rel, const Tensor& root,
                           const Tensor& dxyz, const PoseTensors& out);
void pose_loss(Backend& memory, Stream stream, Tickets& tickets, const PoseTensors& predicted,
               const PoseTensors& target, const Tensor& parts, const PoseTensors& gradients);
void mean_absolute_loss(Backend& memory, Stream stream, Tickets& tickets, const Tensor& x,
                        const Tensor& target, const Tensor& loss, const Tensor& dx);

}  // namespace peclr::gpu
