// SPDX-License-Identifier: Apache-2.0
#include "engine/gpu/kept_pictures.h"

#include <algorithm>

namespace peclr::gpu {
namespace {

// Large enough that a slab's rounding and the time to get it do not count, small enough that the
// last one wastes little of a card.
constexpr std::size_t kSlab = std::size_t{128} << 20;
constexpr std::size_t kAlignment = 64;

}  // namespace

KeptPictures::~KeptPictures() {
  for (const Shelf* shelf : {&device_, &pinned_})
    for (std::byte* slab : shelf->slabs) staging_.release(shelf->side, slab);
}

void KeptPictures::keep(const PictureKeeping& most) {
  device_.most = std::max(most.device, device_.taken);
  pinned_.most = std::max(most.pinned, pinned_.taken);
}

const KeptPictures::Kept* KeptPictures::find(std::uint64_t picture) const {
  const auto found = kept_.find(picture);
  return found == kept_.end() ? nullptr : &found->second;
}

std::optional<KeptPictures::Kept> KeptPictures::claim(std::uint64_t picture, std::size_t bytes) {
  if (picture == 0 || claimed_.contains(picture)) return {};
  for (Shelf* shelf : {&device_, &pinned_})
    if (std::byte* const pixels = place(*shelf, bytes)) {
      claimed_.insert(picture);
      return Kept{shelf->home, pixels};
    }
  return {};
}

// Null where the shelf is full, for good: it is not asked again.
std::byte* KeptPictures::place(Shelf& shelf, std::size_t bytes) {
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (shelf.slab_bytes - shelf.used < rounded) {
    const std::size_t slab = std::max(std::min(kSlab, shelf.most - shelf.taken), rounded);
    std::byte* block = nullptr;
    if (shelf.most - shelf.taken >= slab &&
        (shelf.side == Staging::Side::host || staging_.room() >= slab))
      block = staging_.allocate(shelf.side, slab);
    if (!block) {
      shelf.most = shelf.taken;
      return nullptr;
    }
    shelf.slabs.push_back(block);
    shelf.taken += slab;
    shelf.slab_bytes = slab;
    shelf.used = 0;
  }
  std::byte* const pixels = shelf.slabs.back() + shelf.used;
  shelf.used += rounded;
  return pixels;
}

}  // namespace peclr::gpu
