// SPDX-License-Identifier: Apache-2.0
#include "kernels/elementwise_kernels.h"

#include "kernels/column_reduce.h"
#include "kernels/column_walk.h"
#include "kernels/lanes.h"
#include "kernels/launch.h"

namespace peclr::kernels {
namespace {

// Eight values a thread: one pack of bf16 or two of floats.
constexpr int kEach = 8;
using Eight = Pack<float, kEach>;

template <class T>
PECLR_DEVICE Eight load_eight(const T* p) {
  Eight out;
  PECLR_UNROLL
  for (int i = 0; i < kEach; i += kPackSize<T>) {
    const Pack<float, kPackSize<T>> part = to_floats(load_pack(p + i));
    PECLR_UNROLL
    for (int j = 0; j < kPackSize<T>; ++j) out[i + j] = part[j];
  }
  return out;
}

template <class T>
PECLR_DEVICE void store_eight(T* p, const Eight& values) {
  PECLR_UNROLL
  for (int i = 0; i < kEach; i += kPackSize<T>) {
    Pack<float, kPackSize<T>> part;
    PECLR_UNROLL
    for (int j = 0; j < kPackSize<T>; ++j) part[j] = values[i + j];
    store_pack(p + i, from_floats<T>(part));
  }
}

// to[i] = Map(from[i], to[i], factor).
template <class Map, class From, class To>
struct Elementwise {
  using Shared = NoShared;
  static constexpr int kThreads = 256;
  struct Params {
    std::int64_t count;
    bool packs;  // all addresses allow them
    const From* from;
    To* to;
    const float* factor;
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const std::int64_t first =
        (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kEach;
    if (first >= p.count) return;
    const float factor = p.factor ? *p.factor : 1.f;
    if (p.packs && first + kEach <= p.count) {
      Eight x = load_eight(p.from + first), old{};
      if constexpr (Map::kReadsOld) old = load_eight(p.to + first);
      PECLR_UNROLL
      for (int i = 0; i < kEach; ++i) x[i] = Map::of(x[i], old[i], factor);
      store_eight(p.to + first, x);
      return;
    }
    for (std::int64_t i = first; i < first + kEach && i < p.count; ++i) {
      const float old = Map::kReadsOld ? to_float(p.to[i]) : 0.f;
      store(p.to[i], Map::of(to_float(p.from[i]), old, factor));
    }
  }
};

template <class Map, class From, class To>
void map(std::int64_t count, const From* from, To* to, const float* factor, Stream stream) {
  using Kernel = Elementwise<Map, From, To>;
  launch<Kernel>({.x = blocks_for(count, Kernel::kThreads * kEach)},
                 {count, take_packs({from, to}), from, to, factor}, stream);
}

struct Sum {
  static constexpr bool kReadsOld = true;
  PECLR_DEVICE static float of(float x, float old, float) { return old + x; }
};
struct Product {
  static constexpr bool kReadsOld = false;
  PECLR_DEVICE static float of(float x, float, float factor) { return x * factor; }
};
struct Same {
  static constexpr bool kReadsOld = false;
  PECLR_DEVICE static float of(float x, float, float) { return x; }
};

template <class To, int kChannels>
struct PadChannels {
  using Shared = NoShared;
  static constexpr int kThreads = 256;
  struct alignas(sizeof(To) * kChannels > 16 ? 16 : sizeof(To) * kChannels) Pixel {
    To channel[kChannels];
  };
  struct Params {
    std::int64_t pixels;
    const float* from;
    Pixel* to;
  };

  PECLR_DEVICE static void run(const Params& p, Shared&) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
    if (i >= p.pixels) return;
    Pixel pixel{};
    PECLR_UNROLL
    for (int c = 0; c < 3; ++c) store(pixel.channel[c], p.from[i * 3 + c]);
    p.to[i] = pixel;
  }
};

template <int kLanes>
struct ColumnSums {
  using Reduce = ColumnReduce<kLanes, 1, 8>;
  using Floats = Pack<float, kLanes>;
  using Shared = typename Reduce::Shared;
  static constexpr int kThreads = Reduce::kThreads;
  struct Params {
    ColumnShares shares;
    const float* x;
    float* sums;
    bool accumulate;
    ColumnScratch scratch;
  };

  PECLR_DEVICE static void run(const Params& p, Shared& s) {
    const float* x = p.x + Reduce::pack() * kLanes;
    const auto load = [&](std::int64_t row) {
      return load_lanes<kLanes>(x + row * p.shares.packs * kLanes);
    };
    const auto add = [](std::int64_t, const Floats& v, typename Reduce::Sums& sums) {
      PECLR_UNROLL
      for (int l = 0; l < kLanes; ++l) sums[0][l] += v[l];
    };
    if (!Reduce::run(p.shares, p.scratch, s, load, add) || !Reduce::has_channel(p.shares)) return;
    float& sum = p.sums[Reduce::channel()];
    sum = (p.accumulate ? sum : 0.f) + static_cast<float>(Reduce::total(s, 0));
  }
};

}  // namespace

template <class T>
void add_into(std::int64_t count, const T* x, T* into, Stream stream) {
  map<Sum>(count, x, into, nullptr, stream);
}
template void add_into<float>(std::int64_t, const float*, float*, Stream);
template void add_into<bf16>(std::int64_t, const bf16*, bf16*, Stream);

void scale(std::int64_t count, float* x, const float* factor, Stream stream) {
  map<Product>(count, x, x, factor, stream);
}

template <class From, class To>
void cast(std::int64_t count, const From* from, To* to, Stream stream) {
  map<Same>(count, from, to, nullptr, stream);
}
template void cast<float, bf16>(std::int64_t, const float*, bf16*, Stream);
template void cast<bf16, float>(std::int64_t, const bf16*, float*, Stream);

template <class To>
void pad_channels(std::int64_t pixels, const float* from, int channels, To* to, Stream stream) {
  require(channels == 4 || channels == 8, "pad_channels: 4 or 8 channels");
  require(take_packs({to}), "pad_channels: pictures must lie on 16 bytes");
  const auto run = [&]<int kChannels>() {
    using Kernel = PadChannels<To, kChannels>;
    launch<Kernel>({.x = blocks_for(pixels, Kernel::kThreads)},
                   {pixels, from, reinterpret_cast<typename Kernel::Pixel*>(to)}, stream);
  };
  if (channels == 4)
    run.template operator()<4>();
  else
    run.template operator()<8>();
}
template void pad_channels<float>(std::int64_t, const float*, int, float*, Stream);
template void pad_channels<bf16>(std::int64_t, const float*, int, bf16*, Stream);

void column_sums(std::int64_t rows, int channels, const float* x, bool accumulate, float* sums,
                 const ColumnScratch& scratch, Stream stream) {
  with_lanes<float>(channels, {x}, [&]<int kLanes>() {
    using Kernel = ColumnSums<kLanes>;
    const ColumnShares shares = Kernel::Reduce::shares(rows, channels);
    launch<Kernel>(grid_of(shares), {shares, x, sums, accumulate, scratch}, stream);
  });
}

}  // namespace peclr::kernels
