// SPDX-License-Identifier: Apache-2.0
#include "tools/probe/features.h"

#include <algorithm>
#include <cmath>

#include "data/bad_pictures.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "tools/model_files.h"
#include "tools/progress.h"

namespace peclr {
namespace {

constexpr std::int64_t kBatch = 32;  // views

std::int64_t batch_pictures(const ProbeViews& views) {
  check(views.per_picture >= 1 && kBatch % views.per_picture == 0,
        "probe: {} views of a picture do not divide a batch of {}", views.per_picture, kBatch);
  return kBatch / views.per_picture;
}

Picture read_picture(const PictureSet& set, std::int64_t i, int size) {
  Picture picture{read_image(set.path(i))};
  picture.factor = reduction_for(picture.image.width, picture.image.height, 2 * size);
  if (picture.factor > 1) picture.image = box_reduce(picture.image, picture.factor);
  return picture;
}

// Views of some pictures as one batch of inputs [kBatch, S, S, 3].
class ViewBatch {
 public:
  ViewBatch(const ProbeViews& views, const FrozenEncoder& encoder)
      : views_(views),
        size_(encoder.settings.model.input),
        backend_(encoder.backend),
        bad_(views.set.size(), encoder.settings.data.max_bad),
        images_(backend_, {kBatch, size_, size_, 3}, DType::f32) {
    backend_.zero(images_);
  }

  // Fills the rows of the pictures with these numbers; returns which are good. The rows of the
  // others, and those beyond, keep what they held.
  std::vector<char> fill(const std::vector<std::int64_t>& pictures) {
    std::vector<char> good(pictures.size());
    parallel_for(static_cast<std::int64_t>(pictures.size()), 1, [&](std::int64_t k, std::int64_t) {
      const std::int64_t i = pictures[static_cast<std::size_t>(k)];
      try {
        add_views(read_picture(views_.set, i, size_), i, k * views_.per_picture);
        good[static_cast<std::size_t>(k)] = true;
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::data) throw;
        bad_.add({0, static_cast<std::int32_t>(i)}, e.what());
      }
    });
    backend_.finish_augment(images_);
    return good;
  }

  const Tensor& images() const { return images_; }
  std::string bad_summary() const { return bad_.summary(); }

 private:
  void add_views(const Picture& picture, std::int64_t i, std::int64_t first_row) {
    for (int v = 0; v < views_.per_picture; ++v) {
      const View view = views_.view_of(picture, i, v);
      const AugmentRequest request{picture.image.pixels.data(), picture.image.width,
                                   picture.image.height, view.pixels, first_row + v};
      backend_.augment({&request, 1}, images_);
    }
  }

  const ProbeViews& views_;
  const int size_;
  Backend& backend_;
  BadPictures bad_;
  Tensor images_;
};

}  // namespace

FrozenFeatures FrozenEncoder::features(const ProbeViews& views) const {
  const std::int64_t pictures = views.set.size(), step = batch_pictures(views);
  FrozenFeatures out{.dims = network.plan().features()};
  ViewBatch batch(views, *this);
  Progress progress({.label = "probe", .steps = pictures, .style = progress_style_of_stderr()});
  for (std::int64_t first = 0; first < pictures; first += step) {
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = first; i < std::min(first + step, pictures); ++i) numbers.push_back(i);
    const std::vector<char> good = batch.fill(numbers);
    Tape tape(Mode::evaluate);
    const std::vector<float> rows =
        network.forward(tape, {batch.images(), -1}, compute_type(settings)).value.to_host();
    const std::int64_t width = views.per_picture * out.dims;  // of all views of a picture
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      if (!good[k]) continue;
      const auto begin = rows.begin() + static_cast<std::int64_t>(k) * width;
      if (!std::all_of(begin, begin + width, [](float x) { return std::isfinite(x); }))
        fail(ErrorKind::data, "{}: its features are not finite; check the weights",
             views.set.path(numbers[k]).string());
      out.values.insert(out.values.end(), begin, begin + width);
      out.pictures.insert(out.pictures.end(), static_cast<std::size_t>(views.per_picture),
                          numbers[k]);
    }
    progress.update_count(first + static_cast<std::int64_t>(numbers.size()),
                          views.per_picture * static_cast<std::int64_t>(numbers.size()));
  }
  out.bad_summary = batch.bad_summary();
  return out;
}

void FrozenEncoder::estimate_statistics(ParameterStore& store, const ProbeViews& views) const {
  const std::int64_t pictures = views.set.size(), step = batch_pictures(views);
  const std::int64_t batches = std::clamp(pictures / step, std::int64_t{1}, kStatisticsBatches);
  ViewBatch batch(views, *this);
  for (std::int64_t b = 0; b < batches; ++b) {
    std::vector<std::int64_t> numbers;  // small sets: a picture may come twice
    for (std::int64_t k = 0; k < step; ++k)
      numbers.push_back((k * batches + b) * pictures / (step * batches));
    batch.fill(numbers);
    Tape tape(Mode::train);
    network.forward(tape, {batch.images(), -1}, compute_type(settings));
  }
  // What the running means still hold of their first values, 0 and 1, is taken out.
  const float first_share = std::pow(1 - NormSpec{}.momentum, static_cast<float>(batches));
  for (const StateBuffer& buffer : store.buffers()) {
    const float first = buffer.name.ends_with("running_var") ? 1 : 0;
    std::vector<float> values = buffer.value.to_host();
    for (float& v : values) v = (v - first_share * first) / (1 - first_share);
    buffer.value.copy_from_host(values);
  }
}

}  // namespace peclr
