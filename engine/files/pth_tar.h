// SPDX-License-Identifier: Apache-2.0
// PyTorch's first checkpoints, which torchvision's first weights are: a tar archive.
#pragma once
#include "engine/files/pth.h"

namespace peclr {

// The tensors into `contents`, as read_pth says.
void read_tar_pth(std::span<const std::byte> file, const std::string& name, PthContents& contents);

}  // namespace peclr
