// SPDX-License-Identifier: Apache-2.0
#include "data/mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "data/shuffle.h"
#include "engine/error.h"

namespace peclr {
namespace {

// Positions of each source: weight / sum of `total`, rounded by largest remainders (the first
// source wins a tie).
std::vector<std::int64_t> share_positions(std::int64_t total, std::span<const double> weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::int64_t> turns(weights.size());
  std::vector<double> remainders(weights.size());
  for (std::size_t s = 0; s < weights.size(); ++s) {
    const double exact = static_cast<double>(total) * (weights[s] / sum);
    turns[s] = static_cast<std::int64_t>(exact);
    remainders[s] = exact - std::floor(exact);
  }
  std::vector<std::size_t> by_remainder(weights.size());
  std::iota(by_remainder.begin(), by_remainder.end(), std::size_t{0});
  std::stable_sort(by_remainder.begin(), by_remainder.end(),
                   [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
  std::int64_t left = total - std::accumulate(turns.begin(), turns.end(), std::int64_t{0});
  for (std::size_t i = 0; left > 0; i = (i + 1) % by_remainder.size(), --left) {
    ++turns[by_remainder[i]];
  }
  return turns;
}

std::vector<PictureId> every_picture_once(const Mixture& mixture, std::int64_t epoch) {
  std::vector<PictureId> order;
  order.reserve(static_cast<std::size_t>(mixture.epoch_size));
  for (std::size_t s = 0; s < mixture.sizes.size(); ++s) {
    for (std::int64_t i = 0; i < mixture.sizes[s]; ++i) {
      order.push_back({static_cast<std::int32_t>(s), static_cast<std::int32_t>(i)});
    }
  }
  shuffle(order, mixture.seed, Shuffle::epoch, static_cast<std::uint64_t>(epoch));
  return order;
}

// The pictures that source s draws in this epoch: numbers epoch * turns and on of its endless row
// of shuffled passes.
std::vector<PictureId> draws(const Mixture& mixture, std::size_t s, std::int64_t epoch) {
  const std::int64_t size = mixture.sizes[s], turns = mixture.turns[s];
  std::vector<PictureId> drawn;
  drawn.reserve(static_cast<std::size_t>(turns));
  std::vector<std::uint32_t> pass;
  for (std::int64_t draw = epoch * turns, end = draw + turns; draw < end; ++draw) {
    if (pass.empty() || draw % size == 0) {
      pass = shuffled(static_cast<std::size_t>(size), mixture.seed, Shuffle::source,
                      static_cast<std::uint64_t>(draw / size), s);
    }
    const std::uint32_t index = pass[static_cast<std::size_t>(draw % size)];
    drawn.push_back({static_cast<std::int32_t>(s), static_cast<std::int32_t>(index)});
  }
  return drawn;
}

}  // namespace

Mixture make_mixture(std::span<const std::int64_t> sizes, std::span<const double> weights,
                     std::uint64_t seed) {
  check(!sizes.empty() && sizes.size() == weights.size(), "make_mixture: {} sizes and {} weights",
        sizes.size(), weights.size());
  Mixture mixture{.seed = seed, .sizes = {sizes.begin(), sizes.end()}, .turns = {}};
  for (const std::int64_t size : sizes) {
    check(size > 0, "make_mixture: a source of {} pictures", size);
    mixture.epoch_size += size;
  }
  if (mixture.epoch_size > std::numeric_limits<std::int32_t>::max()) {
    fail(ErrorKind::data,
         "{} pictures in all are more than a run can use (2^31 - 1); name fewer folders",
         mixture.epoch_size);
  }
  for (const double weight : weights) {
    if (!(weight >= 0) || !std::isfinite(weight)) {
      fail(ErrorKind::usage, "the weight of a data source is {}; it must be 0 or more", weight);
    }
  }
  const auto unweighted = std::count(weights.begin(), weights.end(), 0.0);
  if (unweighted == static_cast<std::ptrdiff_t>(weights.size())) return mixture;
  if (unweighted != 0) {
    fail(ErrorKind::usage, "{} of {} data sources have no weight; give one to all or to none",
         unweighted, weights.size());
  }
  mixture.turns = share_positions(mixture.epoch_size, weights);
  for (std::size_t s = 0; s < weights.size(); ++s) {
    if (mixture.turns[s] > 0) continue;
    fail(ErrorKind::usage, "weight {} gives data source {} none of the {} positions of an epoch",
         weights[s], s, mixture.epoch_size);
  }
  return mixture;
}

std::vector<PictureId> epoch_order(const Mixture& mixture, std::int64_t epoch) {
  check(epoch >= 0, "epoch_order: epoch {}", epoch);
  if (mixture.turns.empty()) return every_picture_once(mixture, epoch);
  // Only the sources' turns are shuffled: each source's pictures come in the order of its passes.
  std::vector<std::vector<PictureId>> drawn;
  std::vector<std::uint32_t> turns;
  for (std::size_t s = 0; s < mixture.sizes.size(); ++s) {
    drawn.push_back(draws(mixture, s, epoch));
    turns.insert(turns.end(), drawn[s].size(), static_cast<std::uint32_t>(s));
  }
  shuffle(turns, mixture.seed, Shuffle::turns, static_cast<std::uint64_t>(epoch));
  std::vector<std::size_t> next(drawn.size());
  std::vector<PictureId> order;
  order.reserve(turns.size());
  for (const std::uint32_t s : turns) order.push_back(drawn[s][next[s]++]);
  return order;
}

EpochOrders::Order EpochOrders::of(std::int64_t epoch) {
  std::lock_guard lock(mutex_);
  for (const Kept& kept : kept_) {
    if (kept.epoch == epoch) return kept.order;
  }
  // Made under the lock: the threads that ask meanwhile want the same one.
  auto order = std::make_shared<const std::vector<PictureId>>(epoch_order(mixture_, epoch));
  if (kept_.size() == 2) kept_.erase(kept_.begin());
  kept_.push_back({epoch, order});
  return order;
}

}  // namespace peclr
