// SPDX-License-Identifier: Apache-2.0
// Looks at every picture and label of a set before days are spent on it: what cannot be read, and
// what can, but is hardly what it should be (another unit, labels of other pictures).
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/label_look.h"
#include "data/pictures.h"
#include "data/turns.h"

namespace peclr {

struct SetFindings {
  std::vector<std::string> faults;  // of pictures that cannot be read, each with its file, in order
  std::map<std::pair<int, int>, std::int64_t> sizes;  // pictures by width and height
  struct Noted {
    std::int64_t count = 0;
    std::string first;  // picture
  };
  // Where joints are known: of pictures whose hand has its middle outside.
  Noted hand_outside;
  // Where metres are: of labels whose scale is not the length of bone 9-10, by more than a part in
  // a hundred; all those lengths, sorted; and what the labels together look like.
  Noted scale_differs;
  std::vector<float> bones;
  LabelLook look;
};

// Decodes every picture. The findings do not depend on threads. Throws what read_image throws but
// Error(data).
SetFindings examine(const PictureSet& set, const CountProgress& progress = {});

}  // namespace peclr
