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
constexpr int kMostSamples = 16;  // an axis: samples_for

std::size_t source_bytes(const AugmentRequest& r) {
  return 4 * static_cast<std::size_t>(r.width) * static_cast<std::size_t>(r.height);
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
  for (const Chunk& chunk : idle_) {
    staging_.wait(chunk.mark);
    staging_.release(chunk.piece);
  }
}

void Augmenter::augment(std::span<const AugmentRequest> requests, const Tensor& images) {
  const std::int64_t rows = images.shape()[0];
  std::vector<kernels::AugmentView> views;
  const std::uint8_t *source = nullptr, *on_device = nullptr;
  for (const AugmentRequest& r : requests) {
    check(r.row >= 0 && r.row < rows, "augment: row {} of pictures {}", r.row,
          images.shape().text());
    check(std::max(r.params.samples_x, r.params.samples_y) <= kMostSamples,
          "augment: {} x {} samples a pixel, at most {} an axis", r.params.samples_x,
          r.params.samples_y, kMostSamples);
    if (r.source != source) {
      std::unique_lock lock(mutex_);
      const Place copy = place(batch_of(images), source_bytes(r));
      lock.unlock();
      source = r.source;
      on_device = reinterpret_cast<const std::uint8_t*>(send(source, source_bytes(r), copy));
    }
    views.push_back({on_device, r.row, plan_augment(r.params, r.width, r.height)});
  }
  const std::lock_guard lock(mutex_);
  std::vector<kernels::AugmentView>& all = batch_of(images).views;
  all.insert(all.end(), views.begin(), views.end());
}

void Augmenter::finish(const Tensor& images, Stream stream) {
  std::unique_lock lock(mutex_);
  Batch batch = std::move(batch_of(images));
  batches_.erase(images.raw());
  if (batch.views.empty()) return put_back(batch.chunks);
  const std::size_t bytes = batch.views.size() * sizeof(kernels::AugmentView);
  const Place table = place(batch, bytes);
  lock.unlock();

  const auto* views =
      reinterpret_cast<const kernels::AugmentView*>(send(batch.views.data(), bytes, table));
  staging_.join(stream);
  launch({views, static_cast<std::int64_t>(batch.views.size()), static_cast<int>(images.shape()[1]),
          static_cast<int>(images.shape()[3])},
         images, stream);
  const std::uint64_t mark = staging_.mark(stream);
  for (Chunk& chunk : batch.chunks) chunk.mark = mark;
  lock.lock();
  put_back(batch.chunks);
}

// The copy's address on the device. Waits, not holding the lock, for a kernel that may still read
// what was there.
const std::byte* Augmenter::send(const void* from, std::size_t bytes, const Place& to) {
  staging_.wait(to.mark);
  std::memcpy(to.piece.host + to.offset, from, bytes);
  staging_.upload(to.piece, to.offset, bytes);
  return to.piece.device + to.offset;
}

// What was asked for images that no longer exist, and whose memory these now have, is forgotten.
Augmenter::Batch& Augmenter::batch_of(const Tensor& images) {
  Batch& batch = batches_[images.raw()];
  if (batch.version != images.storage().version) {
    put_back(batch.chunks);
    batch = {images.storage().version, {}, {}};
  }
  return batch;
}

Augmenter::Place Augmenter::place(Batch& batch, std::size_t bytes) {
  if (batch.chunks.empty() || batch.chunks.back().piece.bytes - batch.chunks.back().used < bytes)
    batch.chunks.push_back(take_chunk(bytes));
  Chunk& chunk = batch.chunks.back();
  const Place place{chunk.piece, chunk.used, chunk.mark};
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  chunk.used = std::min(chunk.piece.bytes, chunk.used + rounded);
  return place;
}

Augmenter::Chunk Augmenter::take_chunk(std::size_t bytes) {
  const auto found = std::find_if(idle_.begin(), idle_.end(),
                                  [&](const Chunk& chunk) { return chunk.piece.bytes >= bytes; });
  if (found == idle_.end()) return {staging_.allocate(std::max(bytes, kChunk)), 0, 0};
  const Chunk chunk = *found;
  idle_.erase(found);
  return {chunk.piece, 0, chunk.mark};
}

void Augmenter::put_back(std::vector<Chunk>& chunks) {
  idle_.insert(idle_.end(), chunks.begin(), chunks.end());
  chunks.clear();
}

}  // namespace peclr::gpu
