// SPDX-License-Identifier: Apache-2.0
#include "data/picture.h"

#include <algorithm>
#include <utility>

#include "data/views.h"
#include "engine/error.h"
#include "engine/text.h"

namespace peclr {
namespace {

// Shorter side of what is seen, pixels.
int side_seen(const PictureSet& set, std::int64_t index, const Image& image, Seen seen) {
  const int whole = std::min(image.width, image.height);
  if (seen == Seen::centre || !has_pixels(set.known)) return whole;
  const HandLabel& label = set.label(index);
  const Around around = seen == Seen::box ? Around::box : Around::mean;
  const double side = plain_side(project(label.K, label.xyz), around);
  return side >= 1 && side < whole ? static_cast<int>(side) : whole;
}

}  // namespace

Picture read_picture(const PictureSet& set, std::int64_t index, int target, Seen seen) {
  Image image = read_image(set.path(index));
  // No view can be drawn of a line of pixels: counted with the pictures that cannot be read.
  if (image.width < kMinSide || image.height < kMinSide)
    fail(ErrorKind::data, "{}: a picture of {} x {} pixels is too small, give at least {} x {}",
         printable(set.path(index).string()), image.width, image.height, kMinSide, kMinSide);
  const int side = side_seen(set, index, image, seen);
  const int factor = reduction_for(side, side, target);
  return {factor == 1 ? std::move(image) : box_reduce(image, factor), factor};
}

}  // namespace peclr
