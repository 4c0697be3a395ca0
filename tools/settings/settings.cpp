// SPDX-License-Identifier: Apache-2.0
#include "tools/settings/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "engine/error.h"
#include "engine/files/yaml.h"
#include "engine/say.h"
#include "engine/text.h"
#include "tools/settings/nearest.h"
#include "tools/settings/settings_fields.h"

namespace peclr {
namespace {

const SettingField* find_field(std::string_view key) {
  for (const SettingField& field : setting_fields())
    if (field.key == key) return &field;
  return nullptr;
}

std::string group_of(std::string_view key) {
  return std::string(key.substr(0, key.rfind('.') + 1));
}

bool is_group(std::string_view name) {
  const auto fields = setting_fields();
  return std::any_of(fields.begin(), fields.end(),
                     [&](auto& field) { return field.key.starts_with(fmt::format("{}.", name)); });
}

std::string nearest_key(std::string_view key) {
  std::vector<std::string> known;
  for (const SettingField& field : setting_fields()) known.push_back(field.key);
  return nearest(key, known);
}

// Applies one file or one argument. Keys may be nested or dotted; `lines` finds a key that is given
// in both ways.
struct Reader {
  Settings& settings;
  const YamlOrigin& origin;
  std::map<std::string, int> lines = {};

  void entry(const std::string& key, int line, const YamlNode& value) {
    if (const SettingField* field = find_field(key)) {
      if (const auto [first, inserted] = lines.emplace(key, line); !inserted)
        fail(ErrorKind::usage, "{}: duplicate key {}: it stands on line {} already",
             origin.at(line), shown(key), first->second);
      if (!field->set(settings, value))
        fail(ErrorKind::usage, "{}: {} must be {}, not {}", origin.at(line), key, field->expected,
             describe(value));
    } else if (is_group(key)) {
      if (value.kind != YamlNode::Kind::map && value.kind != YamlNode::Kind::null)
        fail(ErrorKind::usage, "{}: {} is a group of settings ({}), not {}", origin.at(line), key,
             nearest_key(key + "."), describe(value));
      for (const YamlEntry& inner : value.entries)
        entry(key + "." + inner.key, inner.line, inner.value);
    } else if (value.kind == YamlNode::Kind::map && !value.entries.empty()) {
      // A misspelt group: name the key inside, which says more.
      entry(key + "." + value.entries[0].key, line, value.entries[0].value);
    } else {
      fail(ErrorKind::usage, "{}: unknown key {}; did you mean {}?", origin.at(line), shown(key),
           shown(nearest_key(key)));
    }
  }

  void document(const YamlNode& root) {
    if (root.kind != YamlNode::Kind::map && root.kind != YamlNode::Kind::null)
      fail(ErrorKind::usage, "{}: needs lines of the form 'key: value', not {}",
           origin.at(root.line), describe(root));
    for (const YamlEntry& e : root.entries) entry(e.key, e.line, e.value);
  }
};

// The '=' of key=value, or npos: a file may have '=' in its name, but not after a word of letters
// and dots.
std::size_t override_sign(const std::string& arg) {
  constexpr std::string_view kWord =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  const auto end = arg.find_first_not_of(kWord);
  return end != std::string::npos && end > 0 && arg[end] == '=' ? end : std::string::npos;
}

// What stands after the '=' of key=value. Lists, maps, quotes and null are YAML; anything else is
// the text as it stands, for a path may hold " #" and ": ", where YAML has comments and maps.
YamlNode argument_value(std::string_view text, const YamlOrigin& origin) {
  constexpr std::string_view kBlank = " \t\r\n", kYaml = "[{\"'";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  text.remove_suffix(text.size() - (text.find_last_not_of(kBlank) + 1));
  const bool yaml =
      text == "null" || text == "~" || (!text.empty() && kYaml.find(text[0]) != kYaml.npos);
  if (yaml || !is_clean_utf8(text)) return parse_yaml(text, origin);
  YamlNode node;
  node.kind = YamlNode::Kind::scalar;
  node.text = text;
  return node;
}

// The value of a key that holds a list, as items of a list.
std::string list_items(const std::string& value) {
  if (value.starts_with('[') && value.ends_with(']')) return value.substr(1, value.size() - 2);
  const bool yaml = std::string_view("{\"'").find(value[0]) != std::string_view::npos;
  return yaml || value.find_first_of(" ,:#[]{}&*!|>%@`") == value.npos ? value : yaml_quoted(value);
}

void read_file(Settings& settings, const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    if (find_field(path)) fail(ErrorKind::usage, "{}: write {}=VALUE to set it", path, path);
    fail(ErrorKind::usage, "{}: no such file; settings are YAML files and key=value",
         printable(path));
  }
  const YamlOrigin origin{YamlOrigin::Kind::file, path};
  Reader{settings, origin}.document(read_yaml_file(path));
}

Settings resolved(Settings settings) {
  settings.train.lr = settings.train.peak_lr();
  settings.train.warmup_epochs = settings.train.warmup();
  settings.data.first_crop = settings.data.first_share();
  return settings;
}

}  // namespace

Settings default_settings(Command command) {
  Settings settings;
  settings.out = std::string("out/") + name_of(command);
  if (command == Command::pretrain) {
    settings.train.accumulate = 16;
    settings.train.optimizer = Settings::Optimizer::lars;
    settings.train.weight_decay = 1e-6;
  } else {
    settings.train.lr = 5e-4;
    settings.train.warmup_epochs = 0;
    settings.train.weight_decay = 2e-4;
    settings.augment.scale = {1, 1.5};
    settings.augment.colour_jitter = 0;
  }
  return settings;
}

bool is_setting(std::string_view key) { return find_field(key) != nullptr; }

bool is_override(const std::string& arg) { return override_sign(arg) != std::string::npos; }

Settings load_settings(Command command, std::span<const std::string> args) {
  return load_settings(args, default_settings(command));
}

Settings load_settings(std::span<const std::string> args, const Settings& base) {
  Settings settings = base;
  for (const std::string& arg : args)
    if (!is_override(arg)) read_file(settings, arg);
  for (const std::string& arg : args) {
    const std::size_t sign = override_sign(arg);
    if (sign == std::string::npos) continue;
    const YamlOrigin origin{YamlOrigin::Kind::argument, arg};
    Reader{settings, origin}.entry(arg.substr(0, sign), 1,
                                   argument_value(std::string_view(arg).substr(sign + 1), origin));
  }
  return resolved(settings);
}

Settings settings_from_yaml(Command command, std::string_view yaml, const std::string& name) {
  Settings settings = default_settings(command);
  const YamlOrigin origin{YamlOrigin::Kind::file, name};
  Reader{settings, origin}.document(parse_yaml(yaml, origin));
  return resolved(settings);
}

std::vector<std::string> unused_keys(Command command, std::span<const std::string> args) {
  std::vector<std::string> keys;
  for (const std::string& arg : args) {
    const std::size_t sign = override_sign(arg);
    const SettingField* field = sign == arg.npos ? nullptr : find_field(arg.substr(0, sign));
    if (field && !field->matters_to(command)) keys.push_back(field->key);
  }
  return keys;
}

std::vector<std::string> idle_keys(Command command, std::span<const std::string> args,
                                   const Settings& settings) {
  struct Pair {
    const char *idle, *beside;
    bool holds;
  };
  const bool no_jitter = settings.augment.colour_jitter == 0;
  const Pair pairs[] = {
      {"invert", "method", settings.method == Settings::Method::simclr},
      {"augment.border", "paper_exact", settings.paper_exact},
      {"data.first_crop", "data.crop", settings.data.crop == Settings::Crop::picture},
      {"data.cache_gb", "data.cache", settings.data.cache == Settings::Cache::none},
      {"augment.hue", "augment.colour_jitter", no_jitter},
      {"augment.saturation", "augment.colour_jitter", no_jitter},
      {"augment.value_gain", "augment.colour_jitter", no_jitter},
      {"augment.value_offset", "augment.colour_jitter", no_jitter}};
  std::vector<std::string> lines;
  for (const auto& [idle, beside, holds] : pairs) {
    const bool given = std::any_of(args.begin(), args.end(), [&, key = idle](auto& arg) {
      return arg.substr(0, override_sign(arg)) == key;
    });
    const SettingField& other = *find_field(beside);
    if (holds && given && find_field(idle)->matters_to(command) && other.matters_to(command))
      lines.push_back(
          fmt::format("{}: has no effect with {}={}", idle, beside, other.print(settings)));
  }
  return lines;
}

std::vector<std::string> replaced_sets(std::span<const std::string> args) {
  constexpr std::string_view kKey = "data.train=";
  std::vector<std::string> lines;
  std::string before;
  for (const std::string& arg : args) {
    if (!arg.starts_with(kKey)) continue;
    const std::string now = arg.substr(kKey.size());
    if (!before.empty() && now != before)
      lines.push_back(
          fmt::format("data.train={} replaces data.train={}; for both: data.train=[{},{}]", now,
                      before, list_items(before), list_items(now)));
    before = now;
  }
  return lines;
}

void tell_of_idle_keys(Command command, std::span<const std::string> args,
                       const Settings& settings) {
  for (const std::string& line : idle_keys(command, args, settings)) say("{}\n", line);
}

std::string settings_yaml(Command command, const Settings& settings) {
  const Settings complete = resolved(settings);
  std::string text, group;
  for (const SettingField& field : setting_fields()) {
    if (!field.matters_to(command)) continue;
    if (const std::string own = group_of(field.key); own != group) {
      group = own;
      text += fmt::format("{}:\n", group.substr(0, group.size() - 1));
    }
    text += fmt::format("{}{}: {}\n", group.empty() ? "" : "  ", field.key.substr(group.size()),
                        field.print(complete));
  }
  return text;
}

bool decides_result(std::string_view key) {
  // The device is compared as what it stands for (RunFolder).
  static const std::set<std::string_view> none{"out",
                                               "device",
                                               "gpu",
                                               "data.max_bad",
                                               "data.workers",
                                               "data.cache",
                                               "data.cache_gb",
                                               "train.save_seconds",
                                               "train.keep_epochs"};
  return !none.contains(key);
}

std::vector<SettingDifference> setting_differences(Command command, const Settings& stored,
                                                   const Settings& given) {
  const Settings a = resolved(stored), b = resolved(given);
  std::vector<SettingDifference> differences;
  for (const SettingField& field : setting_fields()) {
    if (!field.matters_to(command) || !decides_result(field.key)) continue;
    if (std::string x = field.print(a), y = field.print(b); x != y)
      differences.push_back({field.key, x, y});
  }
  return differences;
}

std::string settings_help(Command command) {
  const Settings defaults = default_settings(command);
  std::string text;
  for (const SettingField& field : setting_fields()) {
    if (!field.matters_to(command)) continue;
    text += fmt::format("  {:<22} {:<19} {}\n{:46}{}\n", field.key, field.print(defaults),
                        field.meaning, "", field.expected);
  }
  return text;
}

}  // namespace peclr
