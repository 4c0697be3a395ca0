// SPDX-License-Identifier: Apache-2.0
// Backend::augment on a GPU. Threads put pictures and plans into staging memory as they come; one
// upload and one kernel make all views of a batch when it is asked for.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/gpu/staging.h"
#include "kernels/augment.h"

namespace peclr::gpu {

class Augmenter {
 public:
  // `memory` gives the device's memory; both outlive this.
  Augmenter(Backend& memory, Staging& staging) : memory_(memory), staging_(staging) {}
  ~Augmenter();
  Augmenter(const Augmenter&) = delete;
  Augmenter& operator=(const Augmenter&) = delete;

  // Copies the sources; neighbours in `requests` with the same source share a copy. From any
  // thread. images [N, S, S, 3, 4 or 8] f32 or bf16.
  void augment(std::span<const AugmentRequest> requests, const Tensor& images);
  // Makes all views asked for so far, in the order of `stream`.
  void finish(const Tensor& images, Stream stream);

 private:
  struct Chunk {
    std::byte* data;
    std::size_t bytes, used;
    std::uint64_t mark;  // of its last upload
  };
  struct Place {
    std::size_t chunk, offset;
  };
  struct View {
    Place source;
    std::int64_t row;
    AugmentPlan plan;
  };
  struct Batch {
    std::uint64_t version = 0;  // of the images' storage
    std::vector<Chunk> chunks;
    std::vector<View> views;
  };

  Batch& batch_of(const Tensor& images);
  Place place(Batch& batch, std::size_t bytes);
  Chunk take_chunk(std::size_t bytes);
  void put_back(std::vector<Chunk>& chunks);

  Backend& memory_;
  Staging& staging_;
  std::mutex mutex_;  // guards what follows
  std::map<const void*, Batch> batches_;
  std::vector<Chunk> idle_;  // the one unused for longest first
};

}  // namespace peclr::gpu
