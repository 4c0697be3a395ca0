// SPDX-License-Identifier: Apache-2.0
#include "tools/evaluation/scored_pictures.h"

namespace peclr {

PictureSet open_scored(const Settings& settings, const std::string& path) {
  if (settings.data.holdout == 0) return open_pictures(path, Split::evaluation);
  PictureSet set = open_pictures(path, Split::training);
  keep_part(set, settings.data.holdout, Part::held_out);
  return set;
}

}  // namespace peclr
