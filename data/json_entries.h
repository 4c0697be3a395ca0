// SPDX-License-Identifier: Apache-2.0
// Annotation files in COCO's form, one object of lists of objects: {"images": [{…}, …],
// "annotations": [{…}, …]}. Some hold gigabytes, so an entry is handed over as it is read and then
// forgotten.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>

namespace peclr {

// Truth as lists write it: true, or a number that is not 0.
bool is_true(const nlohmann::json& value);

// A whole number that fits T (the library's get() takes any, and makes of it what it will). Throws
// as that does.
template <class T>
T whole(const nlohmann::json& value) {
  using nlohmann::json;
  const bool fits = value.is_number_unsigned()
                        ? std::in_range<T>(value.get<std::uint64_t>())
                        : value.is_number_integer() && std::in_range<T>(value.get<std::int64_t>());
  if (!fits)
    throw json::type_error::create(302, "a whole number is needed, or a smaller one", &value);
  return value.get<T>();
}

struct EntryList {
  std::string_view key;  // of a list that the file must have; other keys are passed over
  std::function<void(std::int64_t index, const nlohmann::json& entry)> read;
};

// Hands every entry of the lists to its reader, in the file's order. A reader takes fields by
// entry.at("key").get<T>(); what nlohmann::json throws there, like a fault of the file (a list that
// it lacks or holds twice, an entry that is no object), becomes Error(data) with the file, the list
// and the entry.
void read_json_entries(const std::filesystem::path& path, std::span<const EntryList> lists);

// The whole of a smaller document, for `read` to take what it needs of. Throws as above, without
// the entry.
void read_json_document(const std::filesystem::path& path,
                        const std::function<void(const nlohmann::json& document)>& read);

}  // namespace peclr
