// SPDX-License-Identifier: Apache-2.0
// Scratch of one reduction over the rows of [rows, channels].
#pragma once
#include "engine/gpu/tickets.h"
#include "kernels/column_scratch.h"

namespace peclr::gpu {

class ColumnScratch {
 public:
  ColumnScratch(Backend& memory, Tickets& tickets, int channels)
      : partials_(memory, {kernels::column_scratch_floats(channels)}, DType::f32),
        tickets_(tickets.get(memory, kernels::column_tickets(channels))) {}

  operator kernels::ColumnScratch() const { return {partials_.data<float>(), tickets_}; }

 private:
  Tensor partials_;
  unsigned* tickets_;
};

}  // namespace peclr::gpu
