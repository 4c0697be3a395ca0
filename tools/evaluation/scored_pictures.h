// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "data/pictures.h"
#include "tools/settings/settings.h"

namespace peclr {

// The pictures of `path` to score on: the evaluation split, or what data.holdout keeps from
// training.
PictureSet open_scored(const Settings& settings, const std::string& path);

}  // namespace peclr
