// SPDX-License-Identifier: Apache-2.0
#include "tools/settings/settings_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "engine/error.h"
#include "engine/text.h"

namespace peclr {
namespace {

constexpr unsigned bit(Command command) { return 1u << static_cast<int>(command); }
constexpr unsigned kPretrain = bit(Command::pretrain), kFinetune = bit(Command::finetune);
constexpr unsigned kProbe = bit(Command::probe);
constexpr unsigned kAnswers = bit(Command::evaluate) | bit(Command::predict);
constexpr unsigned kTraining = kPretrain | kFinetune;
constexpr unsigned kAll = kTraining | kProbe | kAnswers;

struct Limits {
  double low, high;
  bool low_excluded = false;

  bool hold(double x) const { return (low_excluded ? x > low : x >= low) && x <= high; }
};

struct Row {
  const char* key;
  const char* meaning;
  unsigned commands;
};

// Each maker below takes `member`: a function from Settings& (or const Settings&) to the member,
// and returns one field.

template <class Member>
SettingField text(Row row, Member member) {
  return {row.key,
          "a name that is not empty",
          row.meaning,
          row.commands,
          [member](Settings& s, const YamlNode& node) {
            const auto value = yaml_string(node);
            if (value) member(s) = *value;
            return value.has_value();
          },
          [member](const Settings& s) { return yaml_quoted(member(s)); }};
}

template <class Member>
SettingField optional_text(Row row, const char* what, Member member) {
  return {
      row.key,
      what,
      row.meaning,
      row.commands,
      [member](Settings& s, const YamlNode& node) {
        const auto value = yaml_string(node);
        if (!value && node.kind != YamlNode::Kind::null) return false;
        member(s) = value.value_or("");
        return true;
      },
      [member](const Settings& s) { return member(s).empty() ? "null" : yaml_quoted(member(s)); }};
}

template <class Member>
SettingField whole(Row row, std::int64_t low, std::int64_t high, Member member) {
  const std::string expected = high == std::numeric_limits<std::int64_t>::max()
                                   ? fmt::format("a whole number from {} on", low)
                                   : fmt::format("a whole number from {} to {}", low, high);
  return {row.key,
          expected,
          row.meaning,
          row.commands,
          [=](Settings& s, const YamlNode& node) {
            const auto value = yaml_whole(node);
            if (!value || *value < low || *value > high) return false;
            member(s) = static_cast<std::decay_t<decltype(member(s))>>(*value);
            return true;
          },
          [member](const Settings& s) { return fmt::format("{}", member(s)); }};
}

template <class Member>
SettingField number(Row row, Limits limits, Member member) {
  const std::string expected =
      limits.low_excluded ? fmt::format("a number above {} and up to {}", limits.low, limits.high)
                          : fmt::format("a number from {} to {}", limits.low, limits.high);
  return {row.key,
          expected,
          row.meaning,
          row.commands,
          [=](Settings& s, const YamlNode& node) {
            const auto value = yaml_number(node);
            if (!value || !limits.hold(*value)) return false;
            member(s) = *value;
            return true;
          },
          [member](const Settings& s) {
            const std::optional<double> value = member(s);
            return value ? fmt::format("{}", *value) : std::string("automatic");
          }};
}

template <class Member>
SettingField range(Row row, Limits limits, Member member) {
  return {row.key,
          fmt::format("[low, high], two numbers from {} to {}", limits.low, limits.high),
          row.meaning,
          row.commands,
          [=](Settings& s, const YamlNode& node) {
            if (node.items.size() != 2) return false;
            const auto low = yaml_number(node.items[0]), high = yaml_number(node.items[1]);
            if (!low || !high || !limits.hold(*low) || !limits.hold(*high) || *low > *high)
              return false;
            member(s) = {*low, *high};
            return true;
          },
          [member](const Settings& s) {
            return fmt::format("[{}, {}]", member(s).low, member(s).high);
          }};
}

template <class Member>
SettingField truth(Row row, Member member) {
  return {row.key,
          "true or false",
          row.meaning,
          row.commands,
          [member](Settings& s, const YamlNode& node) {
            const auto value = yaml_truth(node);
            if (value) member(s) = *value;
            return value.has_value();
          },
          [member](const Settings& s) { return std::string(member(s) ? "true" : "false"); }};
}

// One of several words, each standing for a value.
template <class Value, std::size_t kCount, class Member>
SettingField choice(Row row, const Word<Value> (&words)[kCount], Member member) {
  std::vector<const char*> spellings;
  for (const Word<Value>& word : words) spellings.push_back(word.text);
  return {row.key,
          "one of " + joined(spellings, ", "),
          row.meaning,
          row.commands,
          [&words, member](Settings& s, const YamlNode& node) {
            if (node.kind != YamlNode::Kind::scalar) return false;
            const std::optional<Value> value = value_for(words, node.text);
            if (value) member(s) = *value;
            return value.has_value();
          },
          [&words, member](const Settings& s) { return std::string(word_for(words, member(s))); }};
}

constexpr Word<int> kDepths[] = {{18, "18"}, {34, "34"}, {50, "50"}, {101, "101"}, {152, "152"}};

constexpr std::pair<const char*, bool Settings::Invert::*> kInvertible[] = {
    {"translate", &Settings::Invert::translate},
    {"rotate", &Settings::Invert::rotate},
    {"scale", &Settings::Invert::scale}};

bool set_invert(Settings& settings, const YamlNode& node) {
  if (node.kind != YamlNode::Kind::list) return false;
  Settings::Invert invert{false, false, false};
  for (const YamlNode& item : node.items) {
    const auto* found = std::find_if(std::begin(kInvertible), std::end(kInvertible),
                                     [&](auto& word) { return yaml_string(item) == word.first; });
    if (found == std::end(kInvertible) || invert.*found->second) return false;
    invert.*found->second = true;
  }
  settings.invert = invert;
  return true;
}

std::string print_invert(const Settings& settings) {
  std::vector<const char*> words;
  for (const auto& [word, member] : kInvertible)
    if (settings.invert.*member) words.push_back(word);
  return fmt::format("[{}]", joined(words, ", "));
}

// A path, or {path: ..., weight: ...}.
std::optional<Settings::Source> source_of(const YamlNode& node) {
  if (const auto path = yaml_string(node)) return Settings::Source{*path};
  Settings::Source source;
  for (const YamlEntry& entry : node.entries) {
    const auto path = yaml_string(entry.value);
    const auto weight = yaml_number(entry.value);
    if (entry.key == "path" && path)
      source.path = *path;
    else if (entry.key == "weight" && weight && *weight > 0 && *weight <= 1e6)
      source.weight = *weight;
    else
      return std::nullopt;
  }
  if (source.path.empty()) return std::nullopt;
  return source;
}

bool set_sources(Settings& settings, const YamlNode& node) {
  std::vector<Settings::Source> sources;
  const bool one = node.kind == YamlNode::Kind::scalar || node.kind == YamlNode::Kind::map;
  if (!one && node.kind != YamlNode::Kind::list) return false;
  for (const YamlNode& item : one ? std::span(&node, 1) : std::span(node.items)) {
    const auto source = source_of(item);
    if (!source) return false;
    sources.push_back(*source);
  }
  // Once one source has a weight, the others count 1.
  const bool weighted =
      std::any_of(sources.begin(), sources.end(), [](auto& s) { return s.weight > 0; });
  for (Settings::Source& source : sources)
    if (weighted && source.weight == 0) source.weight = 1;
  settings.data.train = std::move(sources);
  return true;
}

std::string print_sources(const Settings& settings) {
  std::vector<std::string> sources;
  for (const auto& [path, weight] : settings.data.train)
    sources.push_back(weight == 0
                          ? yaml_quoted(path)
                          : fmt::format("{{path: {}, weight: {}}}", yaml_quoted(path), weight));
  return fmt::format("[{}]", joined(sources, ", "));
}

// A function from settings to one member, for reading and for writing.
#define MEMBER(name) \
  [](auto& settings) -> auto& { return settings.name; }

std::vector<SettingField> make_fields() {
  using S = Settings;
  constexpr std::int64_t kInt64Max = std::numeric_limits<std::int64_t>::max();
  return {
      text({"out", "folder for everything the run leaves", kAll}, MEMBER(out)),
      whole({"seed", "of all random numbers", kTraining | kProbe}, 0, kInt64Max, MEMBER(seed)),
      whole({"threads", "0: one for each core", kAll}, 0, 1024, MEMBER(threads)),
      choice({"device", "auto: the GPU if this build and machine have one; simt: builds for tests",
              kAll},
             kWords<S::Device>, MEMBER(device)),
      whole({"gpu", "which one, where there are several", kAll}, 0, 1023, MEMBER(gpu)),
      choice(
          {"precision",
           "of convolutions; tf32: f32 whose products a GPU may shorten; weights, statistics and "
           "loss are f32 (bf16 on a GPU: the loss of rounded projections)",
           kAll},
          kWords<S::Precision>, MEMBER(precision)),
      choice({"method", "simclr: no transform is undone", kPretrain}, kWords<S::Method>,
             MEMBER(method)),
      {"invert", "a list of translate, rotate, scale, each at most once",
       "transforms that PeCLR undoes in latent space", kPretrain, set_invert, print_invert},
      number({"temperature", "of the NT-Xent loss", kPretrain}, {0, 100, true},
             MEMBER(temperature)),
      truth({"paper_exact", "the official code's behaviour, quirks included (docs/method.md)",
             kTraining},
            MEMBER(paper_exact)),
      optional_text(
          {"init_from",
           "weights to start from: safetensors or .pth, with torchvision's or PeCLR's names; "
           "evaluate, predict and probe take out/model.safetensors before those of a YAML file",
           kAll},
          "a path", MEMBER(init_from)),
      optional_text({"init_prefix",
                     "what stands before the names that are meant in another program's file, "
                     "module.encoder_q. say; null: the only prefix that an encoder is behind",
                     kAll},
                    "a text", MEMBER(init_prefix)),

      {"data.train", "a path, {path: ..., weight: ...}, or a list of these",
       "folders to learn from: every picture once an epoch, or, where one has a weight, mixed by "
       "weight (1 if not given)",
       kTraining | kProbe, set_sources, print_sources},
      optional_text({"data.eval", "folder to score or to predict", kAll & ~kTraining}, "a path",
                    MEMBER(data.eval)),
      number({"data.labels",
              "fraction of the labels that may be used, chosen by the seed; all pictures of a "
              "label stay",
              kFinetune | kProbe},
             {0, 1, true}, MEMBER(data.labels)),
      number({"data.holdout",
              "fraction of the training labels that no training sees; evaluate and probe, told the "
              "same, score on these instead of the evaluation split",
              kTraining | kProbe | bit(Command::evaluate)},
             {0, 0.9}, MEMBER(data.holdout)),
      choice(
          {"data.crop",
           "the picture's centre square, or a square around the hand, or around the box of its "
           "joints as the authors' networks see it: where the labels have it in fine-tuning, where "
           "a first look finds it otherwise",
           kFinetune | kAnswers},
          kWords<S::Crop>, MEMBER(data.crop)),
      choice({"data.side", "of the hands: networks know right ones, left ones are seen mirrored",
              kAnswers},
             kWords<S::Side>, MEMBER(data.side)),
      number(
          {"data.first_crop",
           "share of the centre square's side that the first look sees; automatic: data.crop=hand "
           "0.7, box 0.47",
           kAnswers},
          {0.05, 1}, MEMBER(data.first_crop)),
      number({"data.max_bad", "fraction of unreadable pictures that stops a run", kAll}, {0, 1},
             MEMBER(data.max_bad)),
      whole({"data.workers",
             "threads that decode and augment; 0: half of the cores, beside a GPU all but one",
             kTraining},
            0, 256, MEMBER(data.workers)),
      choice({"data.cache", "where decoded pictures are kept", kTraining}, kWords<S::Cache>,
             MEMBER(data.cache)),
      number({"data.cache_gb", "memory of the host for decoded pictures", kTraining}, {0, 4096},
             MEMBER(data.cache_gb)),

      choice({"model.depth", "of the ResNet", kAll}, kDepths, MEMBER(model.depth)),
      whole({"model.input", "side of the network's picture, pixels", kAll}, S::Model::kMinInput,
            S::Model::kMaxInput, MEMBER(model.input)),

      whole({"train.epochs", "passes over the training pictures", kTraining}, 1, 1'000'000,
            MEMBER(train.epochs)),
      whole({"train.batch_size", "pictures a batch (pre-training: two views of each)", kTraining},
            2, 65'536, MEMBER(train.batch_size)),
      whole({"train.accumulate", "batches an optimiser step", kTraining}, 1, 65'536,
            MEMBER(train.accumulate)),
      choice({"train.optimizer", "lars: Adam inside LARS", kTraining}, kWords<S::Optimizer>,
             MEMBER(train.optimizer)),
      choice(
          {"train.freeze",
           "encoder: its weights and statistics stay as they start, and the head alone is trained",
           kFinetune},
          kWords<S::Freeze>, MEMBER(train.freeze)),
      number({"train.lr",
              "peak learning rate; automatic (pre-training): 1e-4 sqrt(batch_size accumulate)",
              kTraining},
             {0, 10, true}, MEMBER(train.lr)),
      number({"train.warmup_epochs",
              "automatic: a tenth of the epochs in pre-training, none in fine-tuning", kTraining},
             {0, 1e6}, MEMBER(train.warmup_epochs)),
      number({"train.weight_decay", "not for biases and norms", kTraining}, {0, 1},
             MEMBER(train.weight_decay)),
      number({"train.save_seconds", "time between saves; epoch ends are saved anyway", kTraining},
             {0, 1e6}, MEMBER(train.save_seconds)),
      whole({"train.keep_epochs",
             "every so many epochs the weights are kept in out/epoch_0010.safetensors; 0: none",
             kTraining},
            0, 1'000'000, MEMBER(train.keep_epochs)),

      whole({"augment.rotate", "largest rotation either way, degrees", kTraining}, 0, 180,
            MEMBER(augment.rotate)),
      number(
          {"augment.translate",
           "largest move right and down (data.crop=hand or box: or left and up), in 1/128 of 2.5 "
           "hand radii",
           kTraining},
          {0, 128}, MEMBER(augment.translate)),
      range({"augment.scale", "side of the crop in hand diameters; 1.25 is neutral", kTraining},
            {0.1, 10}, MEMBER(augment.scale)),
      number({"augment.colour_jitter", "probability", kTraining}, {0, 1},
             MEMBER(augment.colour_jitter)),
      range({"augment.hue", "factor of the jitter", kTraining}, {0, 2}, MEMBER(augment.hue)),
      range({"augment.saturation", "factor of the jitter", kTraining}, {0, 10},
            MEMBER(augment.saturation)),
      range({"augment.value_gain", "factor of the jitter", kTraining}, {0, 10},
            MEMBER(augment.value_gain)),
      range({"augment.value_offset", "added by the jitter, of 255", kTraining}, {-255, 255},
            MEMBER(augment.value_offset)),
      number({"augment.colour_drop", "probability of a grey picture", kTraining}, {0, 1},
             MEMBER(augment.colour_drop)),
      choice({"augment.border", "what lies outside the picture", kTraining | kAnswers},
             kWords<S::Border>, MEMBER(augment.border)),
  };
}

#undef MEMBER

}  // namespace

std::span<const SettingField> setting_fields() {
  static const std::vector<SettingField> fields = make_fields();
  return fields;
}

std::string setting_text(std::string_view key, const Settings& settings) {
  const std::span<const SettingField> fields = setting_fields();
  const auto field = std::ranges::find(fields, key, &SettingField::key);
  check(field != fields.end(), "setting_text: there is no setting {}", key);
  return field->print(settings);
}

}  // namespace peclr
