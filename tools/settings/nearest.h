// SPDX-License-Identifier: Apache-2.0
// "Did you mean ...?": the known word that is fewest slips of the fingers away.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace peclr {

// Letters to insert, delete, replace, or swap with their neighbour (optimal string alignment).
inline int edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = static_cast<int>(i + j);
        continue;
      }
      d[i][j] =
          std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

// The nearest of `known`, the first of equals, by slips per letter. Dotted keys also match by their
// last part or its beginning: "epochs" is "train.epochs", "batch" is "train.batch_size".
inline std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t kLongest = 64;  // what is longer is no slip
  word = word.substr(0, kLongest);
  const auto last_part = [](std::string_view key) { return key.substr(key.rfind('.') + 1); };
  const auto slips = [](std::string_view a, std::string_view b) {
    return double(edit_distance(a, b)) / double(std::max({a.size(), b.size(), std::size_t{1}}));
  };
  const auto distance = [&](std::string_view key) {
    const std::string_view part = last_part(word), key_part = last_part(key);
    const bool begins = part.size() >= 3 && key_part.starts_with(part);
    return std::min(slips(word, key), 0.05 + (begins ? 0.1 : slips(part, key_part)));
  };
  const auto best = std::min_element(known.begin(), known.end(),
                                     [&](auto& a, auto& b) { return distance(a) < distance(b); });
  return best == known.end() ? std::string() : *best;
}

}  // namespace peclr
