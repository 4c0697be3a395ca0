// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/ptx/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <tuple>

namespace peclr::ptx {

void Traffic::note(const Thread& thread, const Instruction& i, Access::Space space,
                   std::uint64_t at, std::size_t bytes) {
  if (space == Access::Space::param) return;
  const unsigned visit = visits_[{&i, thread.index}]++;
  touches_.push_back({&i, thread.index / 32, visit, thread.index % 32, at, bytes, space});
}

void Traffic::end_block(const Function& function) {
  const auto access = [](const Touch& t) {
    return std::tuple(t.instruction, t.space, t.warp, t.visit);
  };
  std::sort(touches_.begin(), touches_.end(), [&](const Touch& a, const Touch& b) {
    return std::tuple(access(a), a.lane) < std::tuple(access(b), b.lane);
  });
  auto& counts = counts_[function.name];
  for (std::size_t first = 0; first < touches_.size();) {
    std::size_t last = first;
    while (last < touches_.size() && access(touches_[last]) == access(touches_[first])) ++last;
    const Touch *begin = &touches_[first], *end = begin + (last - first);
    const bool shared = begin->space == Access::Space::shared;
    Count& count = counts[{shared ? begin->space : Access::Space::global, begin->instruction}];
    if (count.accesses++ == 0)
      count.where = fmt::format("line {}: {}", begin->instruction->line, begin->instruction->text);
    count.passes += passes(begin, end);
    if (!shared) count.sectors += sectors(begin, end);
    first = last;
  }
  touches_.clear();
  visits_.clear();
}

// Accesses of 8 and 16 bytes are made by halves and quarters of a warp.
Traffic::Ratio Traffic::passes(const Touch* first, const Touch* last) {
  const unsigned together = first->bytes >= 16 ? 8 : first->bytes >= 8 ? 16 : 32;
  Ratio sum;
  for (unsigned part = 0; part < 32; part += together) {
    std::set<std::uint64_t> words[32];
    std::size_t most = 0;
    for (const Touch* t = first; t < last; ++t)
      if (t->lane / together == part / together)
        for (std::uint64_t w = t->at / 4; w <= (t->at + t->bytes - 1) / 4; ++w)
          words[w % 32].insert(w);
    for (const auto& bank : words) most = std::max(most, bank.size());
    sum += {static_cast<std::int64_t>(most), most > 0};
  }
  return sum;
}

Traffic::Ratio Traffic::sectors(const Touch* first, const Touch* last) {
  std::set<std::uint64_t> sectors, bytes;
  for (const Touch* t = first; t < last; ++t)
    for (std::uint64_t b = t->at; b < t->at + t->bytes; ++b) {
      sectors.insert(b / 32);
      bytes.insert(b);
    }
  return {static_cast<std::int64_t>(sectors.size()),
          static_cast<std::int64_t>((bytes.size() + 31) / 32)};
}

std::string Traffic::text(const Count& c) {
  std::string text =
      fmt::format("{} accesses, {} passes of {}", c.accesses, c.passes.touched, c.passes.least);
  if (c.sectors.touched > 0)
    text += fmt::format(", {} sectors of {}", c.sectors.touched, c.sectors.least);
  return text;
}

std::string Traffic::report() const {
  const auto wasteful = [](const Ratio& r) { return 20 * r.touched > 21 * r.least; };
  std::string text;
  for (const auto& [kernel, counts] : counts_)
    for (const Access::Space space : {Access::Space::global, Access::Space::shared}) {
      Count all;
      std::string lines;
      for (const auto& [place, c] : counts) {
        if (place.first != space) continue;
        all.accesses += c.accesses;
        all.passes += c.passes;
        all.sectors += c.sectors;
        if (wasteful(c.passes) || wasteful(c.sectors))
          lines += fmt::format("  {}: {}\n", c.where, Traffic::text(c));
      }
      if (all.accesses > 0)
        text += fmt::format("{}, {} memory: {}\n{}", kernel,
                            space == Access::Space::shared ? "shared" : "global",
                            Traffic::text(all), lines);
    }
  return text;
}

Traffic* traffic() {
  static Traffic* const one = [] {
    if (!std::getenv("PECLR_PTX_TRAFFIC")) return static_cast<Traffic*>(nullptr);
    std::atexit([] { std::fputs(traffic()->report().c_str(), stderr); });
    return new Traffic;
  }();
  return one;
}

}  // namespace peclr::ptx
