// SPDX-License-Identifier: Apache-2.0
#include "tools/probe/features.h"

#include <algorithm>
#include <cmath>

#include "data/bad_pictures.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "engine/text.h"
#include "tools/model_files.h"
#include "tools/progress.h"

namespace peclr {
namespace {

constexpr std::int64_t kBatch = 32;  // views

// The views of picture i, from row `first_row` of the batch on.
void add_views(const FrozenEncoder& encoder, const ProbeViews& views, std::int64_t i,
               const Tensor& images, std::int64_t first_row) {
  const Picture picture = read_picture(views.set, i, 2 * encoder.settings.model.input);
  const Image& image = picture.image;
  for (int v = 0; v < views.per_picture; ++v) {
    const View view = views.view_of(picture, i, v);
    const AugmentRequest request{image.pixels.data(), image.width, image.height, view.pixels,
                                 first_row + v};
    encoder.backend.augment({&request, 1}, images);
  }
}

}  // namespace

FrozenFeatures FrozenEncoder::features(const ProbeViews& views) const {
  check(views.per_picture >= 1 && kBatch % views.per_picture == 0,
        "probe: {} views of a picture do not divide a batch of {}", views.per_picture, kBatch);
  const std::int64_t pictures = views.set.size(), step = kBatch / views.per_picture;
  const std::int64_t side = settings.model.input;
  FrozenFeatures out{.dims = network.plan().features()};
  const std::int64_t width = views.per_picture * out.dims;  // of all views of a picture
  BadPictures bad(pictures, settings.data.max_bad);
  const Tensor images = backend.pictures(kBatch, side, compute_type(settings));
  backend.zero(images);
  Progress progress({.label = "probe", .steps = pictures, .style = progress_style_of_stderr()});
  for (std::int64_t first = 0; first < pictures; first += step) {
    const std::int64_t count = std::min(step, pictures - first);
    parallel_for(count, 1, [&](std::int64_t k, std::int64_t) {
      try {
        add_views(*this, views, first + k, images, k * views.per_picture);
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::data) throw;
        bad.add({0, static_cast<std::int32_t>(first + k)}, e.what());
      }
    });
    backend.finish_augment(images);
    Tape tape(Mode::evaluate);
    const std::vector<float> rows =
        network.forward(tape, {images, -1}, compute_type(settings)).value.to_host();
    for (std::int64_t k = 0; k < count; ++k) {
      if (bad.contains({0, static_cast<std::int32_t>(first + k)})) continue;
      const auto begin = rows.begin() + k * width;
      if (!std::all_of(begin, begin + width, [](float x) { return std::isfinite(x); }))
        fail(ErrorKind::data, "{}: its features are not finite; check the weights",
             printable(views.set.path(first + k).string()));
      out.values.insert(out.values.end(), begin, begin + width);
      out.pictures.insert(out.pictures.end(), static_cast<std::size_t>(views.per_picture),
                          first + k);
    }
    progress.update_count(first + count, views.per_picture * count);
  }
  out.bad_summary = bad.summary();
  return out;
}

}  // namespace peclr
