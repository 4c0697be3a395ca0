// SPDX-License-Identifier: Apache-2.0
#include "data/picture_cache.h"

#include <algorithm>
#include <utility>

#include "engine/error.h"
#include "engine/host_memory.h"

namespace peclr {
std::size_t most_cache_bytes() { return host_memory_bytes() / 2; }

PictureCache::PictureCache(std::span<const PictureSet> sets, const PictureCacheOptions& options)
    : sets_(sets), options_(options) {
  for (const PictureSet& set : sets) kept_.emplace_back(set.files.size());
}

PictureCache::Place& PictureCache::place_of(PictureId id) {
  const auto source = static_cast<std::size_t>(id.source),
             index = static_cast<std::size_t>(id.index);
  check(source < kept_.size() && index < kept_[source].size(), "PictureCache: no picture {} of {}",
        id.index, id.source);
  return kept_[source][index];
}

std::shared_ptr<const Picture> PictureCache::get(PictureId id) {
  Place& place = place_of(id);
  {
    std::lock_guard lock(mutex_);
    if (place.picture) return place.picture;
  }
  auto picture = std::make_shared<const Picture>(read_picture(
      sets_[static_cast<std::size_t>(id.source)], id.index, options_.target, options_.seen));
  const std::size_t size = picture->image.pixels.size();
  std::lock_guard lock(mutex_);
  // Another thread may have read the same picture meanwhile; the two are equal.
  if (!place.picture && bytes_ + size <= options_.max_bytes) {
    place = {picture, size, PictureHome::caller};
    bytes_ += size;
  }
  return picture;
}

void PictureCache::drop_pixels(PictureId id, const Picture& picture, PictureHome home) {
  auto outline = std::make_shared<Picture>();
  outline->image.width = picture.image.width;
  outline->image.height = picture.image.height;
  outline->factor = picture.factor;
  const std::size_t counted = home == PictureHome::pinned ? picture.image.pixels.size() : 0;
  Place& place = place_of(id);
  std::lock_guard lock(mutex_);
  bytes_ = bytes_ - place.bytes + counted;
  place = {std::move(outline), counted, home};
}

std::int64_t PictureCache::dropped(PictureHome home) const {
  std::lock_guard lock(mutex_);
  std::int64_t count = 0;
  for (const std::vector<Place>& places : kept_)
    count += std::count_if(places.begin(), places.end(),
                           [&](const Place& place) { return place.home == home; });
  return count;
}

std::size_t PictureCache::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

UsedPicture read_or_next(PictureCache& cache, BadPictures& bad, std::span<const PictureId> order,
                         std::int64_t position) {
  const auto size = static_cast<std::int64_t>(order.size());
  check(position >= 0 && position < size, "read_or_next: position {} of {}", position, size);
  for (std::int64_t step = 0; step < size; ++step) {
    const PictureId id = order[static_cast<std::size_t>((position + step) % size)];
    if (bad.contains(id)) continue;
    try {
      return {id, cache.get(id)};
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      bad.add(id, error.what());
    }
  }
  fail(ErrorKind::data,
       "none of the {} pictures of this epoch can be read; mend them, or leave their folder out of "
       "data.train",
       size);
}

}  // namespace peclr
