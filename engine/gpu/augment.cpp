// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/augment.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace peclr::gpu {
namespace {

// Of one size, so that any can be used again for any picture.
constexpr std::size_t kChunk = std::size_t{16} << 20;
constexpr std::size_t kAlignment = 64;

std::size_t row_bytes(int pixels) { return 4 * static_cast<std::size_t>(pixels); }

// Of a request's pixels as the kernel reads them, in rows that are apart.
std::size_t source_bytes(const AugmentRequest& r) {
  return row_bytes(kernels::source_pitch(r.width)) * static_cast<std::size_t>(r.height);
}
void copy_source(const AugmentRequest& r, std::byte* to) {
  const std::size_t row = row_bytes(r.width), pitch = row_bytes(kernels::source_pitch(r.width));
  for (int y = 0; y < r.height; ++y)
    std::memcpy(to + static_cast<std::size_t>(y) * pitch,
                r.source + static_cast<std::size_t>(y) * row, row);
}

void launch(const kernels::AugmentBatch& batch, const Tensor& images, Stream stream) {
  if (images.dtype() == DType::bf16)
    kernels::augment(batch, images.data<bf16>(), stream);
  else
    kernels::augment(batch, images.data<float>(), stream);
}

}  // namespace

Augmenter::~Augmenter() {
  for (auto& [key, batch] : batches_) put_back(batch.chunks);
  put_back(forgotten_);
  for (const Chunk& chunk : idle_) {
    try {
      staging_.wait(chunk.mark);
    } catch (const Error&) {  // a card with a fault, which is told already, copies no more
    }
    staging_.release(Staging::Side::host, chunk.host);
    staging_.release(Staging::Side::device, chunk.device);
  }
}

void Augmenter::augment(std::span<const AugmentRequest> requests, const Tensor& images) {
  const std::int64_t rows = images.shape()[0];
  std::vector<kernels::AugmentView> views;
  const AugmentRequest* before = nullptr;
  const std::byte* pixels = nullptr;
  for (const AugmentRequest& r : requests) {
    check(r.row >= 0 && r.row < rows, "augment: row {} of pictures {}", r.row,
          images.shape().text());
    check(std::max(r.params.samples_x, r.params.samples_y) <= kMostSamples,
          "augment: {} x {} samples a pixel, at most {} an axis", r.params.samples_x,
          r.params.samples_y, kMostSamples);
    if (!before || r.source != before->source || r.picture != before->picture)
      pixels = bring(r, images);
    before = &r;
    views.push_back({reinterpret_cast<const std::uint8_t*>(pixels), r.row,
                     kernels::source_pitch(r.width), plan_augment(r.params, r.width, r.height)});
  }
  const std::lock_guard lock(mutex_);
  std::vector<kernels::AugmentView>& all = batch_of(images).views;
  all.insert(all.end(), views.begin(), views.end());
}

void Augmenter::finish(const Tensor& images, Stream stream) {
  std::unique_lock lock(mutex_);
  Batch batch = std::move(batch_of(images));
  batches_.erase(images.raw());
  if (batch.views.empty()) {
    forgotten_.insert(forgotten_.end(), batch.chunks.begin(), batch.chunks.end());
    return;
  }
  const std::size_t bytes = batch.views.size() * sizeof(kernels::AugmentView);
  const Place table = place(batch, bytes);
  std::vector<Chunk> forgotten = std::exchange(forgotten_, {});
  lock.unlock();

  staging_.wait(table.mark);
  std::memcpy(table.host, batch.views.data(), bytes);
  staging_.upload(table.host, table.device, bytes);
  staging_.join(stream);
  launch({reinterpret_cast<const kernels::AugmentView*>(table.device),
          static_cast<std::int64_t>(batch.views.size()), static_cast<int>(images.shape()[1]),
          static_cast<int>(images.shape()[3])},
         images, stream);
  const std::uint64_t mark = staging_.mark(stream);
  lock.lock();
  for (std::vector<Chunk>* chunks : {&batch.chunks, &forgotten}) {
    for (Chunk& chunk : *chunks) chunk.mark = mark;
    put_back(*chunks);
  }
}

void Augmenter::keep(const PictureKeeping& most) {
  const std::lock_guard lock(mutex_);
  kept_.keep(most);
}

PictureHome Augmenter::home(std::uint64_t picture) {
  const std::lock_guard lock(mutex_);
  const KeptPictures::Kept* kept = kept_.find(picture);
  return kept ? kept->home : PictureHome::caller;
}

// The address on the device of a request's pixels. They come from the caller once where they are
// kept: straight to their home on the device, or to pinned memory, whence they travel each time.
const std::byte* Augmenter::bring(const AugmentRequest& r, const Tensor& images) {
  const std::size_t bytes = source_bytes(r);
  std::unique_lock lock(mutex_);
  std::optional<KeptPictures::Kept> home;
  const KeptPictures::Kept* const found = kept_.find(r.picture);
  if (found) home = *found;
  if (found && home->home == PictureHome::device) return home->pixels;
  check(found || r.source, "augment: a picture without pixels, which is not kept");
  const Place place = this->place(batch_of(images), bytes);
  if (!found) home = kept_.claim(r.picture, bytes);
  lock.unlock();

  std::byte *from = place.host, *to = place.device;
  if (home) (home->home == PictureHome::device ? to : from) = home->pixels;
  staging_.wait(place.mark);
  if (!found) copy_source(r, from);
  staging_.upload(from, to, bytes);
  if (found || !home) return to;
  lock.lock();
  kept_.enter(r.picture, *home);
  return to;
}

// What was asked for images that no longer exist, and whose memory these now have, is forgotten.
// Its copies to the device may be under way still: no kernel waits for them, so the next one's mark
// stands for them.
Augmenter::Batch& Augmenter::batch_of(const Tensor& images) {
  Batch& batch = batches_[images.raw()];
  if (batch.version != images.storage().version) {
    forgotten_.insert(forgotten_.end(), batch.chunks.begin(), batch.chunks.end());
    batch = {images.storage().version, {}, {}};
  }
  return batch;
}

Augmenter::Place Augmenter::place(Batch& batch, std::size_t bytes) {
  if (batch.chunks.empty() || batch.chunks.back().bytes - batch.chunks.back().used < bytes)
    batch.chunks.push_back(take_chunk(bytes));
  Chunk& chunk = batch.chunks.back();
  const Place place{chunk.host + chunk.used, chunk.device + chunk.used, chunk.mark};
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  chunk.used = std::min(chunk.bytes, chunk.used + rounded);
  return place;
}

Augmenter::Chunk Augmenter::take_chunk(std::size_t bytes) {
  const auto found = std::find_if(idle_.begin(), idle_.end(),
                                  [&](const Chunk& chunk) { return chunk.bytes >= bytes; });
  if (found != idle_.end()) {
    Chunk chunk = *found;
    idle_.erase(found);
    chunk.used = 0;
    return chunk;
  }
  const std::size_t size = std::max(bytes, kChunk);
  std::byte* const host = staging_.allocate(Staging::Side::host, size);
  std::byte* const device = host ? staging_.allocate(Staging::Side::device, size) : nullptr;
  if (device) return {host, device, size, 0, 0};
  if (host) staging_.release(Staging::Side::host, host);
  throw OutOfMemory(
      fmt::format("out of memory: {} MiB asked for on the {}, for pictures on their way",
                  size >> 20, host ? "device" : "host"));
}

void Augmenter::put_back(std::vector<Chunk>& chunks) {
  idle_.insert(idle_.end(), chunks.begin(), chunks.end());
  chunks.clear();
}

}  // namespace peclr::gpu
