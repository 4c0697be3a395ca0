// SPDX-License-Identifier: Apache-2.0
#include "data/folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>
#include <utility>

#include "engine/error.h"
#include "engine/files/file.h"
#include "engine/text.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;

bool ends_in(const std::string& name, std::string_view endings) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || dot == 0) return false;
  std::string ending = name.substr(dot);
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  while (!endings.empty()) {
    const std::size_t end = std::min(endings.find(' '), endings.size());
    if (endings.substr(0, end) == ending) return true;
    endings.remove_prefix(std::min(end + 1, endings.size()));
  }
  return false;
}

// Folders already entered, by what they are rather than by what they are called: a link that leads
// back, or to a folder that another path has reached, adds nothing.
using Entered = std::set<std::pair<dev_t, ino_t>>;

bool enter(const fs::path& folder, Entered& entered) {
  struct stat about {};
  return ::stat(folder.c_str(), &about) == 0 && entered.insert({about.st_dev, about.st_ino}).second;
}

}  // namespace

std::vector<std::string> list_files(const fs::path& folder, std::string_view endings) {
  std::error_code error;
  const fs::file_status root = fs::status(folder, error);
  if (root.type() == fs::file_type::not_found)
    fail(ErrorKind::data, "{}: no such folder; check the path", printable(folder.string()));
  if (root.type() == fs::file_type::none)
    fail_reading(folder.string(), "cannot look into the folder", error.value(), ErrorKind::data);
  if (!fs::is_directory(root))
    fail(ErrorKind::data, "{}: is not a folder; give the folder that holds the pictures",
         printable(folder.string()));

  std::vector<std::string> files;
  Entered entered;
  enter(folder, entered);
  std::vector<std::string> waiting = {""};  // folders, relative, each with its '/' at the end
  while (!waiting.empty()) {
    const std::string inside = std::move(waiting.back());
    waiting.pop_back();
    std::vector<std::string> folders;
    fs::directory_iterator entry(folder / inside, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (name.starts_with('.')) continue;
      std::error_code
          unknown;  // a link to nowhere: a picture by its name is reported when it is read
      if (entry->is_directory(unknown)) {
        folders.push_back(inside + name + "/");
      } else if (ends_in(name, endings)) {
        files.push_back(inside + name);
      }
    }
    if (error)
      fail_reading((folder / inside).string(), "cannot list the folder", error.value(),
                   ErrorKind::data);
    // Sorted, so that of several paths to one folder the same one is taken everywhere.
    std::sort(folders.begin(), folders.end());
    std::erase_if(folders, [&](const std::string& f) { return !enter(folder / f, entered); });
    waiting.insert(waiting.end(), folders.rbegin(), folders.rend());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> list_pictures(const fs::path& folder) {
  std::vector<std::string> files = list_files(folder, kPictureEndings);
  if (files.empty())
    fail(ErrorKind::data,
         "{}: holds no pictures (looked for {}, in sub-folders too); check the path",
         printable(folder.string()), kPictureEndings);
  return files;
}

}  // namespace peclr
