// SPDX-License-Identifier: Apache-2.0
// Frozen features: what an encoder that learns no more says of views of pictures.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/picture.h"
#include "data/pictures.h"
#include "data/views.h"
#include "engine/backend.h"
#include "models/resnet.h"
#include "models/ridge.h"
#include "tools/settings/settings.h"

namespace peclr {

// Which views of a set are looked at. `view_of` gives view v of picture i of the set, which has
// been decoded and perhaps reduced; it is called from several threads, for different pictures.
struct ProbeViews {
  const PictureSet& set;
  int per_picture = 1;
  std::function<View(const Picture& picture, std::int64_t i, int v)> view_of;
  Seen seen = Seen::centre;
};

// Of the pictures that could be read, in the set's order, all views of each.
struct FrozenFeatures {
  std::int64_t dims = 0;
  std::vector<float> values = {};           // [rows, dims]
  std::vector<std::int64_t> pictures = {};  // of each row: the number of its picture
  std::string bad_summary = {};             // names the pictures that were skipped

  MatrixView matrix() const {
    return {values.data(), static_cast<std::int64_t>(pictures.size()), dims};
  }
};

// The encoder in evaluation mode. Random weights, the untrained baseline, keep their first running
// statistics, 0 and 1: statistics estimated on the pictures make random features far worse (digits
// of hand photos, linear: 78 % -> 59 % with ResNet-18, 73 % -> 23 % with ResNet-50), and a baseline
// should be as strong as it can be.
struct FrozenEncoder {
  const Settings& settings;
  const ResNet& network;
  Backend& backend;

  // Features [rows, 512 or 2048]. Throws Error(data) when more than data.max_bad of the pictures
  // are bad, or a feature is not finite.
  FrozenFeatures features(const ProbeViews& views) const;
};

}  // namespace peclr
