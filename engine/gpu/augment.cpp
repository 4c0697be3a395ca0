// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/augment.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/augment_kernels.h"

namespace peclr::gpu {
namespace {

// Large enough for a fast copy; all of one size, so that the device's allocator always has one.
constexpr std::size_t kChunk = std::size_t{16} << 20;
constexpr std::size_t kAlignment = 64;

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
    staging_.release(chunk.data, chunk.bytes);
  }
}

void Augmenter::augment(std::span<const AugmentRequest> requests, const Tensor& images) {
  const std::int64_t rows = images.shape()[0];
  std::vector<View> views;
  const std::uint8_t* source = nullptr;
  Place at{};
  for (const AugmentRequest& r : requests) {
    check(r.row >= 0 && r.row < rows, "augment: row {} of pictures {}", r.row,
          images.shape().text());
    if (r.source != source) {
      std::byte* copy;
      {
        std::lock_guard lock(mutex_);
        Batch& batch = batch_of(images);
        at = place(batch, source_bytes(r));
        copy = batch.chunks[at.chunk].data + at.offset;
      }
      std::memcpy(copy, r.source, source_bytes(r));
      source = r.source;
    }
    views.push_back({at, r.row, plan_augment(r.params, r.width, r.height)});
  }
  std::lock_guard lock(mutex_);
  std::vector<View>& all = batch_of(images).views;
  all.insert(all.end(), views.begin(), views.end());
}

void Augmenter::finish(const Tensor& images, Stream stream) {
  std::unique_lock lock(mutex_);
  Batch batch = std::move(batch_of(images));
  batches_.erase(images.raw());
  if (batch.views.empty()) return;
  const Place table = place(batch, batch.views.size() * sizeof(kernels::AugmentView));
  lock.unlock();

  std::vector<Tensor> device;
  for (const Chunk& chunk : batch.chunks)
    device.emplace_back(memory_, Shape{static_cast<std::int64_t>(chunk.bytes)}, DType::u8);
  const auto on_device = [&](Place place) {
    return static_cast<std::byte*>(device[place.chunk].raw()) + place.offset;
  };
  auto* views =
      reinterpret_cast<kernels::AugmentView*>(batch.chunks[table.chunk].data + table.offset);
  for (const View& view : batch.views)
    *views++ = {reinterpret_cast<const std::uint8_t*>(on_device(view.source)), view.row, view.plan};
  for (std::size_t i = 0; i < batch.chunks.size(); ++i)
    staging_.upload(batch.chunks[i].data, device[i].raw(), batch.chunks[i].used, stream);
  launch({reinterpret_cast<const kernels::AugmentView*>(on_device(table)),
          static_cast<std::int64_t>(batch.views.size()), static_cast<int>(images.shape()[1]),
          static_cast<int>(images.shape()[3])},
         images, stream);

  const std::uint64_t mark = staging_.mark(stream);
  for (Chunk& chunk : batch.chunks) chunk.mark = mark;
  lock.lock();
  put_back(batch.chunks);
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
  if (batch.chunks.empty() || batch.chunks.back().bytes - batch.chunks.back().used < bytes)
    batch.chunks.push_back(take_chunk(bytes));
  Chunk& chunk = batch.chunks.back();
  const Place place{batch.chunks.size() - 1, chunk.used};
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  chunk.used = std::min(chunk.bytes, chunk.used + rounded);
  return place;
}

Augmenter::Chunk Augmenter::take_chunk(std::size_t bytes) {
  const auto found = std::find_if(idle_.begin(), idle_.end(),
                                  [&](const Chunk& chunk) { return chunk.bytes >= bytes; });
  if (found != idle_.end()) {
    const Chunk chunk = *found;
    idle_.erase(found);
    staging_.wait(chunk.mark);
    return {chunk.data, chunk.bytes, 0, 0};
  }
  const std::size_t size = std::max(bytes, kChunk);
  void* data = staging_.allocate(size);
  check(data != nullptr, "augment: no memory to stage {} MiB of pictures", size >> 20);
  return {static_cast<std::byte*>(data), size, 0, 0};
}

void Augmenter::put_back(std::vector<Chunk>& chunks) {
  idle_.insert(idle_.end(), chunks.begin(), chunks.end());
  chunks.clear();
}

}  // namespace peclr::gpu
