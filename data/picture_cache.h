// SPDX-License-Identifier: Apache-2.0
// Decoded pictures, kept in memory so that an epoch after the first reads nothing from disk and
// decodes nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "data/bad_pictures.h"
#include "data/mixture.h"
#include "data/picture.h"
#include "data/pictures.h"
#include "engine/picture_keeping.h"

namespace peclr {

// Half of the memory that this process may have.
std::size_t most_cache_bytes();

struct PictureCacheOptions {
  int target = 0;  // pixels that are kept (read_picture), e.g. 2 * model.input; 0: never reduced
  Seen seen = Seen::centre;
  std::size_t max_bytes = most_cache_bytes();
};

// Thread-safe. What fits is kept for good: in a shuffled epoch every picture is as likely to come
// next, so throwing one out for another gains nothing. The content returned never depends on what
// is kept.
class PictureCache {
 public:
  // The sets must outlive the cache; set s is source s of the ids.
  PictureCache(std::span<const PictureSet> sets, const PictureCacheOptions& options);

  // Throws what read_image throws.
  std::shared_ptr<const Picture> get(PictureId id);

  // `picture`, which get() gave, has a home with a device: from now on get() gives its size and
  // factor without pixels. In pinned memory they still count as kept.
  void drop_pixels(PictureId id, const Picture& picture, PictureHome home);

  std::size_t bytes() const;                     // of the pixels kept
  std::int64_t dropped(PictureHome home) const;  // pictures whose pixels are there

 private:
  const std::span<const PictureSet> sets_;
  const PictureCacheOptions options_;
  mutable std::mutex mutex_;
  struct Place {
    std::shared_ptr<const Picture> picture;
    std::size_t bytes = 0;  // counted
    PictureHome home = PictureHome::caller;
  };
  Place& place_of(PictureId id);
  std::vector<std::vector<Place>> kept_;  // [source][index]
  std::size_t bytes_ = 0;
};

struct UsedPicture {
  PictureId id;
  std::shared_ptr<const Picture> picture;
};

// The picture at `position` of an epoch's order or, if it is bad, the next good one in the order
// (from the end on to the start): a function of the order and the files alone. Faults go to `bad`,
// which throws when there are too many; errors other than Error(data) pass.
UsedPicture read_or_next(PictureCache& cache, BadPictures& bad, std::span<const PictureId> order,
                         std::int64_t position);

}  // namespace peclr
