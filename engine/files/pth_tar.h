// SPDX-License-Identifier: Apache-2.0
// PyTorch's first checkpoints (before 0.1.10; torchvision's first weights are such files): a tar
// archive.
#pragma once
#include "engine/files/pth.h"

namespace peclr {

// The tensors into `contents`, as read_pth says.
void read_tar_pth(std::span<const std::byte> file, const std::string& name, PthContents& contents);

}  // namespace peclr
