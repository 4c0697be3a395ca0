// SPDX-License-Identifier: Apache-2.0
// The pictures that a GPU keeps, by number. What is kept stays until the end: nobody else may have
// the pixels any more, and in a shuffled epoch every picture is as likely to come next.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/gpu/staging.h"
#include "engine/picture_keeping.h"

namespace peclr::gpu {

class KeptPictures {
 public:
  explicit KeptPictures(Staging& staging) : staging_(staging) {}  // which outlives this
  ~KeptPictures();
  KeptPictures(const KeptPictures&) = delete;
  KeptPictures& operator=(const KeptPictures&) = delete;

  struct Kept {
    PictureHome home;  // pinned or device
    std::byte* pixels;
  };

  // From now on up to so much; what is kept already stays.
  void keep(const PictureKeeping& most);

  // Null where `picture` is not kept.
  const Kept* find(std::uint64_t picture) const;
  // A place for a picture that is to be kept, once: nothing where there is no room, where another
  // thread fills its place, or for picture 0.
  std::optional<Kept> claim(std::uint64_t picture, std::size_t bytes);
  // From now on it is found. The copy to a place on the device must have been queued.
  void enter(std::uint64_t picture, const Kept& kept) { kept_.emplace(picture, kept); }

 private:
  // Memory of one side, taken slab by slab.
  struct Shelf {
    Staging::Side side;
    PictureHome home;
    std::size_t most = 0, taken = 0;  // bytes
    std::vector<std::byte*> slabs;
    std::size_t slab_bytes = 0, used = 0;  // of the last slab
  };
  std::byte* place(Shelf& shelf, std::size_t bytes);

  Staging& staging_;
  Shelf device_{Staging::Side::device, PictureHome::device},
      pinned_{Staging::Side::host, PictureHome::pinned};
  std::unordered_map<std::uint64_t, Kept> kept_;
  std::unordered_set<std::uint64_t> claimed_;
};

}  // namespace peclr::gpu
