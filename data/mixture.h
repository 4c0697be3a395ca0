// SPDX-License-Identifier: Apache-2.0
// Which picture comes when, from one source or several. An epoch's order is a pure function of the
// sources' sizes and weights, the seed and the epoch: threads, resumes and the epochs before cannot
// change it.
#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace peclr {

// A picture of a mixture: sources[source], picture `index` of it.
struct PictureId {
  std::int32_t source = 0, index = 0;
  auto operator<=>(const PictureId&) const = default;
  // One for each picture, and never 0: AugmentRequest::picture.
  std::uint64_t number() const {
    return (static_cast<std::uint64_t>(source) << 32 | static_cast<std::uint32_t>(index)) + 1;
  }
};

struct Mixture {
  std::uint64_t seed = 0;
  std::vector<std::int64_t> sizes;  // pictures of each source
  std::vector<std::int64_t>
      turns;                    // positions of each source in an epoch; empty: every picture once
  std::int64_t epoch_size = 0;  // positions in an epoch: all pictures' number
};

// One weight a source: all 0 (every picture exactly once an epoch) or all positive (an epoch is as
// long, and source s has weight[s] / sum of its positions, rounded so that they add up). Throws
// Error(usage) for anything else, and for a weight so small that its source would never be seen.
Mixture make_mixture(std::span<const std::int64_t> sizes, std::span<const double> weights,
                     std::uint64_t seed);

// [epoch_size] pictures. With weights each source is walked through in shuffled passes, every
// picture once a pass, which go on from epoch to epoch: nothing comes twice before its source is
// exhausted.
std::vector<PictureId> epoch_order(const Mixture& mixture, std::int64_t epoch);

// Orders of the epochs in use, shared by the threads that work ahead across an epoch's end.
// Thread-safe.
class EpochOrders {
 public:
  using Order = std::shared_ptr<const std::vector<PictureId>>;

  explicit EpochOrders(Mixture mixture) : mixture_(std::move(mixture)) {}
  const Mixture& mixture() const { return mixture_; }
  Order of(std::int64_t epoch);

 private:
  struct Kept {
    std::int64_t epoch;
    Order order;
  };
  const Mixture mixture_;
  std::mutex mutex_;
  std::vector<Kept> kept_;  // at most two, the older first
};

}  // namespace peclr
