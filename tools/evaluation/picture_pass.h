// SPDX-License-Identifier: Apache-2.0
// All pictures of a set through a network that does not learn, a batch at a time.
#pragma once
#include <algorithm>
#include <string>

#include "data/bad_pictures.h"
#include "data/pictures.h"
#include "engine/backend.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "tools/run/progress.h"
#include "tools/settings/engine_options.h"
#include "tools/settings/settings.h"

namespace peclr {

class PicturePass {
 public:
  static constexpr std::int64_t kRows = 32;  // of a batch

  // A picture takes `rows_each` rows side by side, which divide kRows; `label` is for the progress
  // line. All must outlive this.
  PicturePass(const PictureSet& set, const Settings& settings, Backend& backend, const char* label,
              std::int64_t rows_each = 1)
      : set_(set),
        backend_(backend),
        rows_each_(rows_each),
        images_(backend.pictures(kRows, settings.model.input, compute_type(settings))),
        bad_(set.size(), settings.data.max_bad),
        progress_({.label = label, .steps = set.size(), .style = progress_style_of_stderr()}) {
    check(rows_each >= 1 && kRows % rows_each == 0,
          "{}: {} views of a picture do not divide a batch of {}", label, rows_each, kRows);
    backend.zero(images_);
  }

  const Tensor& images() const { return images_; }  // [kRows, S, S, C], see Backend::pictures
  bool is_bad(std::int64_t picture) const { return bad_.contains(place(picture)); }
  std::string fault(std::int64_t picture) const { return bad_.fault(place(picture)); }
  std::string bad_summary() const { return bad_.summary(); }

  // To be called by `read` below: makes a view of `image` in a row of the batch.
  void add_view(const Image& image, const AugmentParams& pixels, std::int64_t row) const {
    const AugmentRequest request{image.pixels.data(), image.width, image.height, pixels, row};
    backend_.augment({&request, 1}, images_);
  }

  // For each batch: read(picture, first row), in parallel, for each of its pictures, which is bad
  // if that throws Error(data); then answer(first picture, count). The rows of bad pictures hold
  // what they held before. Throws Error(data) when more than data.max_bad of all are bad.
  template <class Read, class Answer>
  void run(Read read, Answer answer) {
    const std::int64_t pictures = kRows / rows_each_;
    for (std::int64_t first = 0; first < set_.size(); first += pictures) {
      const std::int64_t count = std::min(pictures, set_.size() - first);
      parallel_for(count, 1, [&](std::int64_t k, std::int64_t) {
        noting_faults(first + k, [&] { read(first + k, k * rows_each_); });
      });
      backend_.finish_augment(images_);
      answer(first, count);
      progress_.update_count(first + count, count * rows_each_);
    }
  }

  // To be called by `answer`, with what it was called with: look(row), in parallel, makes another
  // view of each good picture, or leaves it as it is; bad if that throws, as above. One row a
  // picture.
  template <class Look>
  void look_again(std::int64_t first, std::int64_t count, Look look) {
    parallel_for(count, 1, [&](std::int64_t row, std::int64_t) {
      if (!is_bad(first + row)) noting_faults(first + row, [&] { look(row); });
    });
    backend_.finish_augment(images_);
  }

 private:
  template <class Work>
  void noting_faults(std::int64_t picture, Work work) {
    try {
      work();
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::data) throw;
      bad_.add(place(picture), e.what());
    }
  }
  static PictureId place(std::int64_t picture) { return {0, static_cast<std::int32_t>(picture)}; }

  const PictureSet& set_;
  Backend& backend_;
  std::int64_t rows_each_;
  Tensor images_;
  BadPictures bad_;
  Progress progress_;
};

}  // namespace peclr
