// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/pinned_ring.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>

#include "engine/cuda/context.h"

namespace peclr::cuda {

void PinnedRing::Unpin::operator()(std::byte* block) const { cudaFreeHost(block); }

PinnedRing::PinnedRing() {
  enter_gpu();
  void* all = nullptr;
  check_cuda(cudaMallocHost(&all, pieces_.size() * kPieceBytes),
             "pinning memory for copies to the GPU");
  all_.reset(static_cast<std::byte*>(all));
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    pieces_[i].data = all_.get() + i * kPieceBytes;
    pieces_[i].read = new_event();
  }
}

PinnedRing::~PinnedRing() {
  for (Piece& piece : pieces_) cudaEventSynchronize(piece.read.get());
}

void PinnedRing::upload(const void* from, std::size_t bytes, void* to, Stream stream) {
  enter_gpu();
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t part = std::min(bytes - done, kPieceBytes);
    Piece& piece = pieces_[next_++ % pieces_.size()];
    const std::lock_guard lock(piece.mutex);
    check_cuda(cudaEventSynchronize(piece.read.get()), "waiting for a copy to the GPU");
    std::memcpy(piece.data, static_cast<const std::byte*>(from) + done, part);
    check_cuda(cudaMemcpyAsync(static_cast<std::byte*>(to) + done, piece.data, part,
                               cudaMemcpyHostToDevice, stream),
               "copying to the GPU");
    check_cuda(cudaEventRecord(piece.read.get(), stream), "recording an event");
    done += part;
  }
}

}  // namespace peclr::cuda
