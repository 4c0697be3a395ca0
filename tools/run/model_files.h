// SPDX-License-Identifier: Apache-2.0
// What the program writes into model.safetensors about a model, and how a command starts from such
// a file.
#pragma once
#include <string>
#include <vector>

#include "engine/checkpoint.h"
#include "tools/settings/settings.h"

namespace peclr {

// Metadata of model.safetensors. No time, host or folder stands in it: equal runs give equal files.
inline constexpr const char* kDepthKey = "peclr.depth";
inline constexpr const char* kInputKey = "peclr.input";
inline constexpr const char* kHoldoutKey = "peclr.holdout";     // where there is one
inline constexpr const char* kMethodKey = "peclr.pretraining";  // none, simclr or peclr
inline constexpr const char* kCropKey = "peclr.crop";           // fine-tuned ones: data.crop
inline constexpr const char* kFreezeKey = "peclr.freeze";       // and what was frozen, if any was
inline constexpr const char* kBorderKey = "peclr.border";       // and what was outside of pictures
inline constexpr const char* kInitialKey = "peclr.initial_weights";  // initial_weights_of its start

// How the weights in `file` were pre-trained: its metadata, or "other" for foreign files.
std::string pretraining_of(const TensorFile& file);

// Of weights that began, perhaps several trainings ago, from a file of another program: that file's
// name without folders, 8 hexadecimal digits over its tensors and metadata, and the prefix of those
// that were taken, if there is one. Else nothing.
std::string initial_weights_of(const TensorFile& file, const std::string& prefix = "");

// Whether it holds a hand network's head, so that it answers with joints; behind the prefix of its
// names (name_prefix), if there is one.
bool has_head(const TensorFile& file, const std::string& prefix);

// What a training or a pass starts from.
struct Start {
  std::string pretraining = "none";  // pretraining_of(file); "none" where init_from is empty
  std::string initial;               // initial_weights_of(file)
  bool has_head = false;             // the file holds a hand network's fc: it has seen labels
  int head_input = 0;                // side of the pictures that it learned; 0: it does not say
  std::size_t missing = 0;           // tensors that the file does not have
};

// What a file says of itself, of the tensors behind the prefix of its names (name_prefix).
Start start_of(const TensorFile& file, const std::string& prefix);

// Of what was trained from there with these settings.
Metadata model_metadata(const Settings& settings, const Start& start);

// Takes the weights of settings.init_from into the store and tells on stderr which prefix their
// names had (init_prefix, or the only one there is), which did not meet, or that there are none and
// the drawn ones stay. Throws Error(data) for weights of another depth, Error(usage) where the
// encoder is to be frozen and there are none.
Start start_from(const Settings& settings, ParameterStore& store);
// Takes up a training where save_training left it. Throws Error(data).
Start resume(const TensorFile& stored, ParameterStore& store, Optimizer& optimizer);
// start_from for a command that uses the network as it is; throws Error(data) where tensors are
// missing.
Start start_whole(const Settings& settings, ParameterStore& store);
// start_whole for a command that answers with joints; throws Error(data) where there is no head for
// it.
Start start_with_head(const Settings& settings, ParameterStore& store);
// Tells on stderr which other data.crop and augment.border a hand network in settings.init_from
// learned with.
void tell_of_other_views(const Settings& settings);

// Throws Error(usage) where data.holdout is set and settings.init_from, a model of ours, was
// trained with another one: on what is to be scored.
void require_unseen(const Settings& settings);

// Settings of a command that uses a finished model: init_from of an argument, or else
// out/model.safetensors, or else init_from of a YAML file; the file's depth, input size, crop and
// border are the defaults. A file that does not say them gets those of the released fine-tuned
// networks if it is one of them, else the usual ones, with a line on stderr for the input size.
// Where there is no such file: throws Error(usage), or leaves init_from empty if weights are
// optional. Of a hand network's settings that differ from what its file says, model.input throws
// Error(usage), crop and border get a line on stderr.
enum class Weights { required, optional };
Settings settings_for_model(Command command, const std::vector<std::string>& args,
                            Weights weights = Weights::required);

}  // namespace peclr
