// SPDX-License-Identifier: Apache-2.0
// Backend::augment on a GPU. Threads copy pictures into staging memory as they come, from where
// they travel to the device while it works, unless it has them already; one kernel makes all views
// of a batch when it is asked for.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/gpu/kept_pictures.h"
#include "engine/gpu/staging.h"
#include "kernels/augment_kernels.h"

namespace peclr::gpu {

class Augmenter {
 public:
  explicit Augmenter(Staging& staging) : staging_(staging), kept_(staging) {}  // outlives this
  ~Augmenter();
  Augmenter(const Augmenter&) = delete;
  Augmenter& operator=(const Augmenter&) = delete;

  // Copies the sources; neighbours in `requests` with the same source share a copy. From any
  // thread. images [N, S, S, 3, 4 or 8] f32 or bf16.
  void augment(std::span<const AugmentRequest> requests, const Tensor& images);
  // Makes all views asked for so far, in the order of `stream`.
  void finish(const Tensor& images, Stream stream);

  void keep(const PictureKeeping& most);
  PictureHome home(std::uint64_t picture);

 private:
  // Memory of the host with as much of the device's behind it.
  struct Chunk {
    std::byte *host, *device;
    std::size_t bytes, used;
    std::uint64_t mark;  // of the last kernel that reads it
  };
  struct Batch {
    std::uint64_t version = 0;  // of the images' storage
    std::vector<Chunk> chunks;
    std::vector<kernels::AugmentView> views;
  };
  struct Place {
    std::byte *host, *device;
    std::uint64_t mark;  // of a kernel that may still read it
  };

  Batch& batch_of(const Tensor& images);
  Place place(Batch& batch, std::size_t bytes);
  const std::byte* bring(const AugmentRequest& request, const Tensor& images);
  Chunk take_chunk(std::size_t bytes);
  void put_back(std::vector<Chunk>& chunks);

  Staging& staging_;
  std::mutex mutex_;  // guards what follows
  std::map<const void*, Batch> batches_;
  std::vector<Chunk> idle_;       // the one unused for longest first
  std::vector<Chunk> forgotten_;  // of batches that nobody will finish
  KeptPictures kept_;
};

}  // namespace peclr::gpu
