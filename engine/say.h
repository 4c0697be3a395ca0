// SPDX-License-Identifier: Apache-2.0
// Notes for whoever runs the program, on stderr.
#pragma once
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

namespace peclr {

// Writes the formatted text to stderr. What stderr does not take is dropped: a note is a courtesy,
// and a terminal that went away or a full disk must not end a run. (fmt::print would throw.)
template <class... Args>
void say(fmt::format_string<Args...> text, Args&&... args) {
  const std::string note = fmt::format(text, std::forward<Args>(args)...);
  if (std::fwrite(note.data(), 1, note.size(), stderr) < note.size()) std::clearerr(stderr);
}

}  // namespace peclr
