// SPDX-License-Identifier: Apache-2.0
// The table of all settings.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "engine/files/yaml.h"
#include "tools/settings/settings.h"

namespace peclr {

struct SettingField {
  std::string key;       // dotted
  std::string expected;  // completes "must be ...": "a whole number from 1 to 100"
  std::string meaning;
  unsigned commands = 0;  // bit 1 << int(Command): which ones it matters to
  std::function<bool(Settings&, const YamlNode&)>
      set;  // false, and nothing set, if the value is not as expected
  std::function<std::string(const Settings&)> print;  // as YAML; set() takes it back

  bool matters_to(Command command) const { return commands >> static_cast<int>(command) & 1u; }
};

// In the order of help and config.yaml: keys with a common prefix stand together.
std::span<const SettingField> setting_fields();

// What settings have under a key of the table, as YAML. Throws Error(failure) for another key.
std::string setting_text(std::string_view key, const Settings& settings);

}  // namespace peclr
