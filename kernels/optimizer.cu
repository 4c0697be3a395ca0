// SPDX-License-Identifier: Apache-2.0
#include "kernels/optimizer_kernels.h"

#include <algorithm>

#include "kernels/last_block.h"
#include "kernels/launch.h"
#include "kernels/pack.h"
#include "kernels/reduce.h"

namespace peclr::kernels {
namespace {

constexpr int kChunk = 1 << 13;  // 224 KiB of traffic a block
constexpr int kBlock = 256;

struct AddNorms {
  PECLR_DEVICE SegmentNorms operator()(const SegmentNorms& a, const SegmentNorms& b) const {
    return {a.weight + b.weight, a.gradient + b.gradient};
  }
};

// Squares of a chunk. The block that finishes last of a tensor adds the tensor's and makes its
// rule; the one that finishes last of these adds all.
template <OptimizerKind kKind>
struct Norms {
  static constexpr int kThreads = kBlock;
  static constexpr bool kLars = kKind == OptimizerKind::lars;
  struct Params {
    OptimizerPlan plan;
    OptimizerArenas arenas;
    bool packs;
  };
  struct Shared {
    SegmentNorms partial[kThreads / kWarp];
    double total[kThreads / kWarp];
    bool last;
  };

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    const OptimizerPlan& plan = p.plan;
    const OptimizerChunk chunk = plan.chunks[blockIdx.x];
    const OptimizerSegment segment = plan.segments[chunk.segment];
    const int thread = static_cast<int>(threadIdx.x);
    const SegmentNorms squares = block_fold<kThreads>(squares_of(p, chunk), AddNorms{}, s.partial);
    if (thread == 0) plan.partials[blockIdx.x] = squares;
    if (!is_last_block(&plan.tickets[chunk.segment], static_cast<unsigned>(segment.chunks), s.last))
      return;

    SegmentNorms norms{};
    for (int c = thread; c < segment.chunks; c += kThreads)
      norms = AddNorms{}(norms, plan.partials[segment.first_chunk + c]);
    norms = block_fold<kThreads>(norms, AddNorms{}, s.partial);
    if (thread == 0) {
      const Segment decaying{0, 0, segment.weight_decay};
      plan.squares[chunk.segment] = norms.gradient;
      plan.rules[chunk.segment] =
          kLars ? lars_rule({}, decaying, {std::sqrt(norms.weight), std::sqrt(norms.gradient)},
                            plan.control->learning_rate)
                : adam_rule(decaying);
    }
    if (!is_last_block(&plan.tickets[plan.segment_count], static_cast<unsigned>(plan.segment_count),
                       s.last))
      return;

    double square = 0;
    for (int i = thread; i < plan.segment_count; i += kThreads) square += plan.squares[i];
    square = block_fold<kThreads>(square, Add{}, s.total);
    if (thread == 0) *plan.norm = static_cast<float>(sqrt(square));
  }

 private:
  // This thread's part of a chunk, in four lanes as far as packs reach.
  PECLR_DEVICE static SegmentNorms squares_of(const Params& p, const OptimizerChunk& chunk) {
    const int thread = static_cast<int>(threadIdx.x);
    const float scale = p.plan.control->gradient_scale;
    const float* gradient = p.arenas.gradient + chunk.begin;
    const float* weight = p.arenas.weight + chunk.begin;
    double sums[2][4] = {};
    const auto add = [](double& sum, float x) { sum += static_cast<double>(x) * x; };
    const int packed = p.packs && chunk.begin % 4 == 0 ? chunk.size / 4 * 4 : 0;
    constexpr int kUnroll = 4;
    for (int first = thread * 4; first < packed; first += kUnroll * kThreads * 4) {
      Pack<float> g[kUnroll], w[kUnroll];
      PECLR_UNROLL
      for (int u = 0; u < kUnroll; ++u) {  // no branch between the loads
        const int at = first + u * kThreads * 4 < packed ? first + u * kThreads * 4 : first;
        g[u] = load_pack(gradient + at);
        if constexpr (kLars) w[u] = load_pack(weight + at);
      }
      PECLR_UNROLL
      for (int u = 0; u < kUnroll; ++u) {
        if (first + u * kThreads * 4 >= packed) break;
        PECLR_UNROLL
        for (int i = 0; i < 4; ++i) {
          add(sums[1][i], g[u][i] * scale);
          if constexpr (kLars) add(sums[0][i], w[u][i]);
        }
      }
    }
    for (int i = packed + thread; i < chunk.size; i += kThreads) {
      add(sums[1][0], gradient[i] * scale);
      if constexpr (kLars) add(sums[0][0], weight[i]);
    }
    return {(sums[0][0] + sums[0][1]) + (sums[0][2] + sums[0][3]),
            (sums[1][0] + sums[1][1]) + (sums[1][2] + sums[1][3])};
  }
};

struct Update {
  static constexpr int kThreads = kBlock;
  using Shared = NoShared;
  struct Params {
    OptimizerPlan plan;
    OptimizerArenas arenas;
    bool packs;
  };

  // From the last chunk to the first: the norms have left the last ones in the cache.
  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const float norm = *p.plan.norm;
    if (!(norm - norm == 0)) return;  // infinite, or not a number
    const OptimizerChunk chunk =
        p.plan.chunks[p.plan.chunk_count - 1 - static_cast<int>(blockIdx.x)];
    const GradientRule rule = p.plan.rules[chunk.segment];
    const AdamStep step = p.plan.control->adam;
    const float scale = p.plan.control->gradient_scale;
    const int thread = static_cast<int>(threadIdx.x);
    float* weight = p.arenas.weight + chunk.begin;
    const float* gradient = p.arenas.gradient + chunk.begin;
    float* first_moment = p.arenas.first_moment + chunk.begin;
    float* second_moment = p.arenas.second_moment + chunk.begin;

    const int packed = p.packs && chunk.begin % 4 == 0 ? chunk.size / 4 * 4 : 0;
    for (int at = thread * 4; at < packed; at += kThreads * 4) {
      const Pack<float> g = load_pack_streaming(gradient + at);
      Pack<float> w = load_pack(weight + at), m = load_pack_streaming(first_moment + at),
                  v = load_pack_streaming(second_moment + at);
      PECLR_UNROLL
      for (int i = 0; i < 4; ++i) adam_update(step, rule, g[i] * scale, w[i], m[i], v[i]);
      store_pack(weight + at, w);
      store_pack_streaming(first_moment + at, m);
      store_pack_streaming(second_moment + at, v);
    }
    for (int i = packed + thread; i < chunk.size; i += kThreads)
      adam_update(step, rule, gradient[i] * scale, weight[i], first_moment[i], second_moment[i]);
  }
};

bool packs(const OptimizerArenas& a) {
  return take_packs({a.weight, a.gradient, a.first_moment, a.second_moment});
}

}  // namespace

OptimizerTables optimizer_tables(const std::vector<Segment>& segments) {
  OptimizerTables t;
  for (const Segment& s : segments) {
    const auto index = static_cast<int>(t.segments.size());
    const auto first = static_cast<int>(t.chunks.size());
    require(s.size > 0, "optimiser: a tensor without numbers");
    for (std::int64_t at = 0; at < s.size; at += kChunk)
      t.chunks.push_back(
          {s.begin + at, static_cast<int>(std::min<std::int64_t>(s.size - at, kChunk)), index});
    t.segments.push_back({first, static_cast<int>(t.chunks.size()) - first, s.weight_decay});
  }
  return t;
}

void optimizer_norms(const OptimizerPlan& plan, OptimizerKind kind, const OptimizerArenas& arenas,
                     Stream stream) {
  const auto run = [&]<OptimizerKind kKind>() {
    launch<Norms<kKind>>({.x = static_cast<unsigned>(plan.chunk_count)},
                         {plan, arenas, packs(arenas)}, stream);
  };
  if (kind == OptimizerKind::lars)
    run.template operator()<OptimizerKind::lars>();
  else
    run.template operator()<OptimizerKind::adam>();
}

void optimizer_update(const OptimizerPlan& plan, const OptimizerArenas& arenas, Stream stream) {
  launch<Update>({.x = static_cast<unsigned>(plan.chunk_count)}, {plan, arenas, packs(arenas)},
                 stream);
}

}  // namespace peclr::kernels
