// SPDX-License-Identifier: Apache-2.0
// ResNet-18/34/50/101/152 without the classifier: torchvision's v1.5 topology (the stride sits on
// the 3x3 convolution) and parameter names.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "models/layers.h"

namespace peclr {

// Frozen: it works as in evaluation whatever the tape, no gradient is computed for it, and no
// optimiser changes it.
enum class Encoder { learned, frozen };

enum class BlockKind { basic, bottleneck };

struct ResNetPlan {
  int depth;
  BlockKind kind;
  std::array<int, 4> blocks;
  std::int64_t features() const { return kind == BlockKind::basic ? 512 : 2048; }
};

// Throws Error(usage) for a depth that is not in the table.
const ResNetPlan& resnet_plan(int depth);

class ResNet {
 public:
  // A convolution and the norm after it.
  struct Unit {
    Parameter* conv;
    ops::NormLayer norm;
    ConvSpec spec;
  };
  struct Block {
    std::vector<Unit> units;
    std::optional<Unit> downsample;
  };

  // Declares the parameters as `prefix` + torchvision's names.
  ResNet(ParameterStore& store, int depth, const std::string& prefix = "",
         Encoder encoder = Encoder::learned);

  // images [N, H, W, 3] f32, or as Backend::pictures has them -> features [N, plan().features()]
  // f32; the arithmetic between is in `compute`.
  Variable forward(Tape& tape, const Variable& images, DType compute) const;

  const ResNetPlan& plan() const { return plan_; }
  const Unit& stem() const { return stem_; }
  const std::vector<Block>& blocks() const { return blocks_; }

 private:
  void freeze();
  static Variable forward(Tape& tape, const Block& block, const Variable& x, DType compute);

  const ResNetPlan& plan_;
  Encoder encoder_;
  Unit stem_;
  std::vector<Block> blocks_;
};

}  // namespace peclr
