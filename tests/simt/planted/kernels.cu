// SPDX-License-Identifier: Apache-2.0
#include "tests/simt/planted/kernels.h"

#include "kernels/last_block.h"
#include "kernels/launch.h"
#include "kernels/pack.h"
#include "kernels/reduce.h"

namespace peclr::planted {
namespace {

using namespace kernels;

template <class T>
struct Output {
  T* out;
  bool planted;
};
struct Values {
  float x[kThreads];
};

struct Neighbours {
  using Params = Output<float>;
  using Shared = Values;
  static constexpr int kThreads = planted::kThreads;
  static PECLR_DEVICE void run(const Params& p, Shared& s) {
    const unsigned t = threadIdx.x;
    s.x[t] = static_cast<float>(t);  // write of neighbours
    if (!p.planted) __syncthreads();
    p.out[t] = s.x[(t + kThreads - 1) % kThreads] + s.x[(t + 1) % kThreads];  // read of neighbours
  }
};

struct BeyondShared {
  using Params = Output<float>;
  using Shared = Values;
  static constexpr int kThreads = planted::kThreads;
  static PECLR_DEVICE void run(const Params& p, Shared& s) {
    const unsigned t = threadIdx.x;
    s.x[p.planted && t == kThreads - 2 ? t + 2 : t] = 1.f * t;  // write of beyond_shared
    __syncthreads();
    p.out[t] = s.x[t];
  }
};

struct UnwrittenShared {
  using Params = Output<float>;
  using Shared = Values;
  static constexpr int kThreads = planted::kThreads;
  static PECLR_DEVICE void run(const Params& p, Shared& s) {
    const unsigned t = threadIdx.x;
    if (!p.planted) s.x[t] = static_cast<float>(t);
    p.out[t] = s.x[t];
  }
};

struct ShuffledSum {
  using Params = Output<int>;
  using Shared = NoShared;
  static constexpr int kThreads = kWarp;
  static PECLR_DEVICE void run(const Params& p, Shared&) {
    int sum = static_cast<int>(threadIdx.x);
    const unsigned mask = p.planted ? 0xFFFF : kAllLanes;
    for (int bits = 16; bits > 0; bits /= 2) sum += __shfl_xor_sync(mask, sum, bits);
    p.out[threadIdx.x] = sum;
  }
};

struct ReadLane {
  using Params = Output<int>;
  using Shared = NoShared;
  static constexpr int kThreads = kWarp;
  static PECLR_DEVICE void run(const Params& p, Shared&) {
    if (p.planted && threadIdx.x == 31) return;
    const unsigned mask = p.planted ? 0x7FFFFFFF : kAllLanes;
    p.out[threadIdx.x] = __shfl_sync(mask, static_cast<int>(threadIdx.x), 31);
  }
};

struct ReadExitedLane {
  using Params = Output<int>;
  using Shared = NoShared;
  static constexpr int kThreads = kWarp;
  static PECLR_DEVICE void run(const Params& p, Shared&) {
    if (threadIdx.x >= 16) return;
    p.out[threadIdx.x] = __shfl_sync(kAllLanes, static_cast<int>(threadIdx.x), p.planted ? 16 : 15);
  }
};

struct TwoBarriers {
  using Params = Output<int>;
  using Shared = NoShared;
  static constexpr int kThreads = planted::kThreads;
  static PECLR_DEVICE void run(const Params& p, Shared&) {
    if (!p.planted || threadIdx.x < kThreads / 2) __syncthreads();
    if (!p.planted || threadIdx.x >= kThreads / 2) __syncthreads();
    p.out[threadIdx.x] = 1;
  }
};

struct Stuck {
  using Params = Output<int>;
  using Shared = NoShared;
  static constexpr int kThreads = planted::kThreads;
  static PECLR_DEVICE void run(const Params& p, Shared&) {
    if (p.planted && threadIdx.x == 5) __syncwarp();
    __syncthreads();
    p.out[threadIdx.x] = 1;
  }
};

struct WarpRing {
  using Params = Output<float>;
  using Shared = Values;
  static constexpr int kThreads = kWarp;
  static PECLR_DEVICE void run(const Params& p, Shared& s) {
    s.x[threadIdx.x] = static_cast<float>(threadIdx.x);  // write of warp_ring
    if (p.planted)
      __shfl_sync(kAllLanes, 0, 0);
    else
      __syncwarp();
    p.out[threadIdx.x] = s.x[(threadIdx.x + 1) % kWarp];  // read of warp_ring
  }
};

struct CountBlocks {
  using Params = Output<unsigned>;
  using Shared = NoShared;
  static constexpr int kThreads = kWarp;
  static PECLR_DEVICE void run(const Params& p, Shared&) {
    if (threadIdx.x != 0) return;
    if (p.planted)
      *p.out += 1;  // write of count_blocks
    else
      atomicAdd(p.out, 1u);
  }
};

struct LastBlockParams {
  float *partial, *out;
  unsigned* finished;
  bool planted;
};
struct LastBlockSum {
  using Params = LastBlockParams;
  struct Shared {
    bool last;
  };
  static constexpr int kThreads = kWarp;
  static PECLR_DEVICE void run(const Params& p, Shared& s) {
    if (threadIdx.x == 0) p.partial[blockIdx.x] = 1.f * blockIdx.x;  // write of last_block_sum
    bool last;
    if (p.planted) {
      if (threadIdx.x == 0) s.last = atomicInc(p.finished, gridDim.x - 1) == gridDim.x - 1;
      __syncthreads();
      last = s.last;
    } else {
      last = is_last_block(p.finished, gridDim.x, s.last);
    }
    if (!last || threadIdx.x != 0) return;
    float sum = 0;
    for (unsigned b = 0; b < gridDim.x; ++b) sum += p.partial[b];  // read of last_block_sum
    *p.out = sum;
  }
};

struct CopyPack {
  struct Params {
    const float* in;
    float* out;
  };
  using Shared = NoShared;
  static constexpr int kThreads = kWarp;
  static PECLR_DEVICE void run(const Params& p, Shared&) {
    if (threadIdx.x == 0) store_pack(p.out, load_pack(p.in));
  }
};

bool is(Fault fault) { return fault == Fault::planted; }

}  // namespace

void neighbours(float* out, Fault fault) { launch<Neighbours>({}, {out, is(fault)}, nullptr); }
void beyond_shared(float* out, Fault fault) { launch<BeyondShared>({}, {out, is(fault)}, nullptr); }
void unwritten_shared(float* out, Fault fault) {
  launch<UnwrittenShared>({}, {out, is(fault)}, nullptr);
}
void shuffled_sum(int* out, Fault fault) { launch<ShuffledSum>({}, {out, is(fault)}, nullptr); }
void read_lane(int* out, Fault fault) { launch<ReadLane>({}, {out, is(fault)}, nullptr); }
void read_exited_lane(int* out, Fault fault) {
  launch<ReadExitedLane>({}, {out, is(fault)}, nullptr);
}
void two_barriers(int* out, Fault fault) { launch<TwoBarriers>({}, {out, is(fault)}, nullptr); }
void stuck(int* out, Fault fault) { launch<Stuck>({}, {out, is(fault)}, nullptr); }
void warp_ring(float* out, Fault fault) { launch<WarpRing>({}, {out, is(fault)}, nullptr); }
void count_blocks(unsigned* out, Fault fault) {
  launch<CountBlocks>({.x = 6}, {out, is(fault)}, nullptr);
}
void last_block_sum(float* partial, float* out, unsigned* finished, int blocks, Fault fault) {
  launch<LastBlockSum>({.x = static_cast<unsigned>(blocks)}, {partial, out, finished, is(fault)},
                       nullptr);
}
void copy_pack(const float* in, float* out) { launch<CopyPack>({}, {in, out}, nullptr); }

}  // namespace peclr::planted
