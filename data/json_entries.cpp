// SPDX-License-Identifier: Apache-2.0
#include "data/json_entries.h"

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/files/file.h"
#include "engine/text.h"

namespace peclr {
namespace {

using nlohmann::json;
using Event = json::parse_event_t;

std::ifstream open(const std::filesystem::path& path) {
  const InputFile checked(path.string(), ErrorKind::data);
  return std::ifstream(path, std::ios::binary);
}

// What the library says, without its own name for it: "[json.exception.out_of_range.403] key …".
std::string reason_of(const json::exception& error) {
  const std::string text = error.what();
  const std::size_t end = text.find("] ");
  return printable(end == std::string::npos ? text : text.substr(end + 2), 200);
}

// Follows the parser and hands the entries of the lists on.
class EntryParser {
 public:
  EntryParser(const std::filesystem::path& path, std::span<const EntryList> lists)
      : name_(printable(path.string())), lists_(lists), counts_(lists.size(), -1) {}

  // False: the parser forgets the value.
  bool operator()(int depth, Event event, json& value) {
    if (event == Event::key && depth == 1) {
      list_ = find(value.get_ref<const std::string&>());
      return list_ != kNone;
    }
    if (list_ == kNone) return true;
    if (depth == 1 && event == Event::array_start && std::exchange(counts_[list_], 0) >= 0)
      fail(ErrorKind::data, "{}: holds the list \"{}\" twice; mend it", name_, lists_[list_].key);
    if (depth == 1 && (event == Event::object_start || event == Event::value))
      fail(ErrorKind::data, "{}: \"{}\" is no list; mend it", name_, lists_[list_].key);
    if (depth != 2 || event == Event::object_start || event == Event::key) return true;
    if (event == Event::object_end)
      read(value);
    else
      fail(ErrorKind::data, "{}: entry {} of \"{}\" is no object; mend it", name_, counts_[list_],
           lists_[list_].key);
    return false;
  }

  void check_complete() const {
    for (std::size_t list = 0; list < lists_.size(); ++list)
      if (counts_[list] < 0)
        fail(ErrorKind::data, "{}: holds no list \"{}\"; give the annotations' file", name_,
             lists_[list].key);
  }

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};

  std::size_t find(const std::string& key) const {
    for (std::size_t list = 0; list < lists_.size(); ++list)
      if (lists_[list].key == key) return list;
    return kNone;
  }

  void read(const json& entry) {
    try {
      lists_[list_].read(counts_[list_]++, entry);
    } catch (const json::exception& error) {
      fail(ErrorKind::data, "{}: entry {} of \"{}\": {}; mend it", name_, counts_[list_] - 1,
           lists_[list_].key, reason_of(error));
    }
  }

  std::string name_;
  std::span<const EntryList> lists_;
  std::vector<std::int64_t> counts_;  // entries of each list; -1: not seen yet
  std::size_t list_ = kNone;          // that the parser is in
};

[[noreturn]] void fail_parsing(const std::filesystem::path& path, const json::exception& error) {
  fail(ErrorKind::data, "{}: {}; fetch or write it again", printable(path.string()),
       reason_of(error));
}

}  // namespace

bool is_true(const json& value) {
  return value.is_boolean() ? value.get<bool>() : value.get<double>() != 0;
}

void read_json_entries(const std::filesystem::path& path, std::span<const EntryList> lists) {
  std::ifstream in = open(path);
  EntryParser parser(path, lists);
  try {
    [[maybe_unused]] const json rest = json::parse(
        in, [&](int depth, Event event, json& value) { return parser(depth, event, value); });
  } catch (const json::exception& error) {
    fail_parsing(path, error);
  }
  parser.check_complete();
}

void read_json_document(const std::filesystem::path& path,
                        const std::function<void(const json& document)>& read) {
  std::ifstream in = open(path);
  try {
    read(json::parse(in));
  } catch (const json::exception& error) {
    fail_parsing(path, error);
  }
}

}  // namespace peclr
