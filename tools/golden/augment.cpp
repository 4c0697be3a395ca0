// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "data/image.h"
#include "engine/backend.h"
#include "engine/error.h"
#include "tools/golden/golden.h"

namespace peclr::golden {

Results run_augment(const TensorFile& file, Backend& backend) {
  const auto number = [&](const char* key) { return std::stod(file.metadata_at(key)); };
  const StoredTensor& source = wanted(file, "source", StoredType::u8, {kAny, kAny, 3});
  const auto height = static_cast<int>(source.shape[0]), width = static_cast<int>(source.shape[1]);
  const auto out = file.whole_at("out", 1, kMaxSide);
  if (std::min(source.shape[0], source.shape[1]) < 2 ||
      std::max(source.shape[0], source.shape[1]) > kMaxSide)
    fail(ErrorKind::data, "{}: tensor source is {}; sides from 2 to {} are needed", file.path(),
         text_of(source.shape), kMaxSide);
  const auto* rgb = reinterpret_cast<const std::uint8_t*>(source.bytes.data());
  std::vector<std::uint8_t> pixels;
  for (std::size_t i = 0; i < source.bytes.size(); i += 3)
    pixels.insert(pixels.end(), {rgb[i], rgb[i + 1], rgb[i + 2], 255});

  AugmentParams params =
      view_pixels({number("angle_deg"),
                   {static_cast<float>(number("centre_x")), static_cast<float>(number("centre_y"))},
                   number("crop_x"),
                   number("crop_y"),
                   number("crop_width"),
                   number("crop_height"),
                   static_cast<int>(out)});
  if (!positions_fit(params.to_source, static_cast<int>(out)))
    fail(ErrorKind::data, "{}: its crop reaches more than {} pixels from the origin", file.path(),
         kMaxPosition);

  params.scale = PixelScale::levels;
  params.jitter = {static_cast<float>(number("hue")), static_cast<float>(number("saturation")),
                   static_cast<float>(number("value_gain")),
                   static_cast<float>(number("value_offset"))};
  params.jitter_colour = number("hue") != 1 || number("saturation") != 1 ||
                         number("value_gain") != 1 || number("value_offset") != 0;
  const Tensor images(backend, {1, out, out, 3}, DType::f32);
  const AugmentRequest request{pixels.data(), width, height, params, 0};
  backend.augment({&request, 1}, images);
  backend.finish_augment(images);
  return {compare(file, "image", images.to_host(),
                  {Measure::psnr, params.jitter_colour ? 40.0 : 45.0})};
}

}  // namespace peclr::golden
