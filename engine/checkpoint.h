// SPDX-License-Identifier: Apache-2.0
// Models in safetensors files: weights and statistics under torchvision's names (convolutions
// OIHW), and, to resume, the optimiser's moments beside them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/files/safetensors.h"
#include "engine/optimizer.h"
#include "engine/parameters.h"

namespace peclr {

// Weights, running statistics and counters. The same model gives the same bytes.
void save_weights(const std::string& path, ParameterStore& store, const Metadata& metadata);

// The same tensors as PyTorch's torch.save writes a state_dict; no metadata.
void save_pth(const std::string& path, ParameterStore& store);

// Those in safetensors and the optimiser's moments: all that a training step changes.
void save_training(const std::string& path, ParameterStore& store, const Optimizer& optimizer,
                   const Metadata& metadata);

// Restores what save_training wrote. Throws Error(data) that names the file and what is missing or
// has another shape.
void load_training(const TensorFile& file, ParameterStore& store, const Optimizer& optimizer);

// Which names did not meet. A file may lack counters without being told.
struct LoadReport {
  std::vector<std::string> missing, unexpected;
};

// The model's name of a tensor of anyone's file: without the prefixes of the reference's files
// (backend_model., encoder., zroot_ref.zroot_ref.), and with torchvision's words for the numbers of
// its training checkpoints (encoder.features.4.0.conv1.weight is layer1.0.conv1.weight).
// Of a file whose names stand behind a prefix: "" for those that do not.
std::string model_name_of(std::string_view name, std::string_view prefix = {});

// The prefix that all of an encoder stands behind in a file of another program, such as
// "module.encoder_q."; "" where model_name_of knows its names as they are, or none of it. `asked`:
// the one to take, where it is not empty. Throws Error(usage) where several encoders stand behind
// one each, or none behind the one that is asked for.
std::string name_prefix(const TensorFile& file, const std::string& asked);

// Takes every tensor whose name (by model_name_of) the model has, from a file of ours or anyone's.
// Of several for one name, the one that has it as it is; the others are unexpected. An fc of
// another shape is passed over. Throws Error(data): another shape elsewhere, a value that is not
// finite, several for one name that none has as it is, no tensor in common, an encoder that lacks
// something behind its prefix.
LoadReport load_weights(const TensorFile& file, ParameterStore& store,
                        const std::string& prefix = "");

}  // namespace peclr
