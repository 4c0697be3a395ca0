// SPDX-License-Identifier: Apache-2.0
#include "tools/run/unread_pictures.h"

#include "data/folder.h"
#include "engine/say.h"
#include "engine/text.h"

namespace peclr {

void tell_of_unread(const PictureSet& set) {
  if (set.known != Known::nothing) return;
  const std::vector<std::string> files = list_files(set.root, kUnreadEndings);
  if (!files.empty())
    say("{}: {} files are not read (the first {}); convert them to JPEG or PNG\n",
        printable(set.root.string()), files.size(), printable(files.front()));
}

}  // namespace peclr
