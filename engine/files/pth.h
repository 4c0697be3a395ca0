// SPDX-License-Identifier: Apache-2.0
// PyTorch's checkpoints: the zip form (1.6 and later), the row of pickles before it, and the tar
// archive of the first versions. Only tensors are taken out of them; nothing that stands in them is
// run.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "engine/files/safetensors.h"

namespace peclr {

// Whether a file that begins with these bytes is one: a zip archive, a pickle, or a tar archive,
// which takes kPthStart bytes to tell.
inline constexpr std::size_t kPthStart = 512;
bool looks_like_pth(std::span<const std::byte> bytes);

struct PthContents {
  std::vector<StoredTensor> tensors;                 // in the order of the file
  std::vector<std::unique_ptr<std::byte[]>> blocks;  // that tensors lie in, if not in `bytes`
};

// The tensors of a state_dict, or of an object that holds one under "state_dict"; or a lone one, by
// the name "tensor". Those that are views become whole ones. `bytes` is the whole file and must
// outlive the result. Throws Error(data), one line that begins with `name`: cut off, damaged,
// another format, a call that has no place in it, a tensor that is not covered by its storage.
// Memory follows the real size of the file, never a number that stands in it.
PthContents read_pth(std::span<const std::byte> bytes, const std::string& name);

// Writes the tensors, in their order, as an OrderedDict in the zip form, which torch.load takes
// with weights_only=True; beside, synced and renamed (engine/files/atomic_file.h). The same tensors
// give the same bytes. Throws Error(failure) when the disk refuses, or on a bug: names that are no
// UTF-8 or come twice, sizes that do not fit, 4 GiB or more.
void write_pth(const std::string& path, std::span<const StoredTensor> tensors);

}  // namespace peclr
