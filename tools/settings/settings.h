// SPDX-License-Identifier: Apache-2.0
// The settings of a run, typed. One table (settings_fields.cpp) says how each key is spelt, read,
// limited, printed and explained, so that the parser, the help, config.yaml and the comparison on
// resume cannot drift apart.
#pragma once
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/label.h"
#include "engine/devices.h"
#include "engine/words.h"
#include "kernels/augment.h"
#include "kernels/optimizer.h"

namespace peclr {

enum class Command { pretrain, finetune, evaluate, predict, probe };
inline constexpr Command kAllCommands[] = {Command::pretrain, Command::finetune, Command::evaluate,
                                           Command::predict, Command::probe};
template <>
inline constexpr Word<Command> kWords<Command>[] = {{Command::pretrain, "pretrain"},
                                                    {Command::finetune, "finetune"},
                                                    {Command::evaluate, "evaluate"},
                                                    {Command::predict, "predict"},
                                                    {Command::probe, "probe"}};

struct Settings {
  using Device = DeviceKind;
  enum class Precision { f32, tf32, bf16 };
  enum class Method { peclr, simclr };
  using Optimizer = OptimizerKind;
  using Border = peclr::Border;
  enum class Cache { automatic, gpu, pinned, none };
  enum class Crop { picture, hand, box };
  using Side = peclr::Side;
  enum class Freeze { none, encoder };
  struct Range {
    double low, high;
    bool operator==(const Range&) const = default;
  };
  struct Source {
    std::string path;
    double weight = 0;  // share of an epoch; all 0: every picture once
    bool operator==(const Source&) const = default;
  };

  std::string out;
  std::int64_t seed = 1;
  int threads = 0;  // 0: one for each core
  Device device = Device::automatic;
  int gpu = 0;
  Precision precision = Precision::f32;
  Method method = Method::peclr;
  struct Invert {
    bool translate = true, rotate = true, scale = false;
    bool operator==(const Invert&) const = default;
  } invert;
  double temperature = 0.5;
  bool paper_exact = false;
  std::string init_from;    // empty: random weights
  std::string init_prefix;  // of their tensors' names; empty: the only one there is, or none

  struct Data {
    std::vector<Source> train;  // empty: not set
    std::string eval;           // empty: not set
    double labels = 1;          // fraction of the labels that may be used
    double holdout = 0;         // fraction of the labels that is kept for scoring
    double max_bad = 0.01;      // fraction of unreadable pictures that a run puts up with
    Crop crop = Crop::picture;  // what the hand network sees of a picture
    Side side = Side::right;    // of the hands to answer for; the network knows right ones
    // Share of the centre square's side that is seen before a hand is known; load_settings() fills
    // in first_share().
    std::optional<double> first_crop;
    int workers = 0;                 // 0: half of the cores, beside a GPU all but one
    Cache cache = Cache::automatic;  // where decoded pictures are kept
    double cache_gb = 1;             // the host's memory for them, GB
    // The authors' box fills 0.7 of a view, and the first of them shows a box of 0.33.
    double first_share() const { return first_crop.value_or(crop == Crop::box ? 0.47 : 0.7); }
    bool operator==(const Data&) const = default;
  } data;

  struct Model {
    static constexpr int kMinInput = 32, kMaxInput = 1024;
    int depth = 50;   // of the ResNet
    int input = 128;  // side of the picture that it sees, pixels
    bool operator==(const Model&) const = default;
  } model;

  struct Train {
    int epochs = 100;
    int batch_size = 128;  // pictures (pre-training makes two views of each)
    int accumulate = 1;    // batches an optimiser step
    Optimizer optimizer = Optimizer::adam;
    Freeze freeze = Freeze::none;         // what fine-tuning leaves as it starts
    std::optional<double> lr;             // load_settings() fills in peak_lr()
    std::optional<double> warmup_epochs;  // load_settings() fills in warmup()
    double weight_decay = 0;
    double save_seconds = 30;
    int keep_epochs = 0;  // every so many epochs the weights are kept; 0: none

    // 1e-4 sqrt(pictures an optimiser step), unless given.
    double peak_lr() const {
      return lr.value_or(1e-4 * std::sqrt(double(batch_size) * accumulate));
    }
    // A tenth of the epochs, unless given.
    double warmup() const { return warmup_epochs.value_or(epochs / 10.0); }
    bool operator==(const Train&) const = default;
  } train;

  struct Augment {
    int rotate = 45;           // whole degrees in -rotate..rotate
    double translate = 15;     // right and down by up to this, in 1/128 of 2.5 r
    Range scale{0.9, 1.5};     // margin: side of the crop in units of 2 r
    double colour_jitter = 1;  // probability
    Range hue{0.01, 1};        // factors of the jitter
    Range saturation{0.01, 1};
    Range value_gain{0.5, 1};
    Range value_offset{5, 20};      // added to the value, of 255
    double colour_drop = 0;         // probability of a grey picture
    Border border = Border::black;  // what lies outside the picture
    bool operator==(const Augment&) const = default;
  } augment;

  bool operator==(const Settings&) const = default;
};

// As they are written in settings, in the order of help.
template <>
inline constexpr Word<Settings::Precision> kWords<Settings::Precision>[] = {
    {Settings::Precision::f32, "f32"},
    {Settings::Precision::tf32, "tf32"},
    {Settings::Precision::bf16, "bf16"}};
template <>
inline constexpr Word<Settings::Method> kWords<Settings::Method>[] = {
    {Settings::Method::peclr, "peclr"}, {Settings::Method::simclr, "simclr"}};
template <>
inline constexpr Word<Settings::Optimizer> kWords<Settings::Optimizer>[] = {
    {Settings::Optimizer::adam, "adam"}, {Settings::Optimizer::lars, "lars"}};
template <>
inline constexpr Word<Settings::Border> kWords<Settings::Border>[] = {
    {Settings::Border::black, "black"}, {Settings::Border::reflect, "reflect"}};
template <>
inline constexpr Word<Settings::Cache> kWords<Settings::Cache>[] = {
    {Settings::Cache::automatic, "auto"},
    {Settings::Cache::gpu, "gpu"},
    {Settings::Cache::pinned, "pinned"},
    {Settings::Cache::none, "none"}};
template <>
inline constexpr Word<Settings::Crop> kWords<Settings::Crop>[] = {
    {Settings::Crop::picture, "picture"},
    {Settings::Crop::hand, "hand"},
    {Settings::Crop::box, "box"}};
template <>
inline constexpr Word<Settings::Side> kWords<Settings::Side>[] = {{Settings::Side::right, "right"},
                                                                  {Settings::Side::left, "left"}};
template <>
inline constexpr Word<Settings::Freeze> kWords<Settings::Freeze>[] = {
    {Settings::Freeze::none, "none"}, {Settings::Freeze::encoder, "encoder"}};

// What holds if nothing is said. Pre-training: the published recipe. Fine-tuning: the optimiser's
// numbers of the authors' earlier recipe, the rest our own (docs/method.md, Fine-tuning).
Settings default_settings(Command command);

bool is_setting(std::string_view key);

// Whether an argument is key=value, not a YAML file.
bool is_override(const std::string& arg);

// `args`: YAML files and key=value, in any order. Defaults < files (later ones win) < key=value
// (later ones win). A value of key=value is YAML where it begins with a bracket or a quote or is
// null, else the text as it stands. Throws Error(usage): unknown or duplicate key with the nearest
// known one, wrong type, value out of range, each with file and line or with the argument. The
// optional values of the result are filled in.
Settings load_settings(Command command, std::span<const std::string> args);
// The same on top of other defaults, e.g. those of a run that is resumed.
Settings load_settings(std::span<const std::string> args, const Settings& base);
// The same from a text, e.g. a stored config.yaml; `name` stands in messages.
Settings settings_from_yaml(Command command, std::string_view yaml, const std::string& name);

// The keys of the key=value among `args` that do not matter to the command.
std::vector<std::string> unused_keys(Command command, std::span<const std::string> args);

// A line for each data.train among `args` that replaces another one, whose sets may have been meant
// beside its own.
std::vector<std::string> replaced_sets(std::span<const std::string> args);

// A line for each key=value among `args` that matters to the command, but not beside these
// settings: "invert: has no effect with method=simclr".
std::vector<std::string> idle_keys(Command command, std::span<const std::string> args,
                                   const Settings& settings);
// The same, on stderr.
void tell_of_idle_keys(Command command, std::span<const std::string> args,
                       const Settings& settings);

// config.yaml: every key that matters to the command, in the table's order; reads back equal.
std::string settings_yaml(Command command, const Settings& settings);

// Whether a setting has a say in a run's result.
bool decides_result(std::string_view key);

// The keys of the command in which two settings differ, with both values, but for those that have
// no say in the result: where it is written, on which of several GPUs, who decodes, what is kept in
// memory, when to save.
struct SettingDifference {
  std::string key, stored, given;
};
std::vector<SettingDifference> setting_differences(Command command, const Settings& stored,
                                                   const Settings& given);

// For --help: key, default, meaning and limits of every setting of the command.
std::string settings_help(Command command);

}  // namespace peclr
