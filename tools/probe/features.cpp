// SPDX-License-Identifier: Apache-2.0
#include "tools/probe/features.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/text.h"
#include "tools/evaluation/picture_pass.h"
#include "tools/settings/engine_options.h"

namespace peclr {

FrozenFeatures FrozenEncoder::features(const ProbeViews& views) const {
  FrozenFeatures out{.dims = network.plan().features()};
  const std::int64_t width = views.per_picture * out.dims;  // of all views of a picture
  PicturePass pass(views.set, settings, backend, "probe", views.per_picture);
  const auto read = [&](std::int64_t i, std::int64_t first_row) {
    const Picture picture = read_picture(views.set, i, 2 * settings.model.input, views.seen);
    for (int v = 0; v < views.per_picture; ++v)
      pass.add_view(picture.image, views.view_of(picture, i, v).pixels, first_row + v);
  };
  pass.run(read, [&](std::int64_t first, std::int64_t count) {
    Tape tape(Mode::evaluate);
    const std::vector<float> rows =
        network.forward(tape, {pass.images(), -1}, compute_type(settings)).value.to_host();
    for (std::int64_t k = 0; k < count; ++k) {
      if (pass.is_bad(first + k)) continue;
      const auto begin = rows.begin() + k * width;
      if (!std::all_of(begin, begin + width, [](float x) { return std::isfinite(x); }))
        fail(ErrorKind::data, "{}: its features are not finite; check the weights",
             printable(views.set.path(first + k).string()));
      out.values.insert(out.values.end(), begin, begin + width);
      out.pictures.insert(out.pictures.end(), static_cast<std::size_t>(views.per_picture),
                          first + k);
    }
  });
  out.bad_summary = pass.bad_summary();
  return out;
}

}  // namespace peclr
