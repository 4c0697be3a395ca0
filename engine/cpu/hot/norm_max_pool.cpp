// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/hot/norm_max_pool.h"

#include "engine/cpu/hot/float_lanes.h"
#include "engine/parallel.h"

PECLR_BEGIN
namespace {

template <int L>
using Lanes = FloatLanes<L>;

// Runs body(plane, row) over rows of windows of all planes, an image's channels of one block, and
// then finish() on the same thread.
template <class F, class Finish>
inline void for_window_rows(const PoolExtent& e, F body, Finish finish) {
  const std::int64_t rows = (e.height + 1) / 2, planes = e.images * (e.channels / e.block);
  parallel_for(planes * rows, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) body(i / rows, i % rows);
    finish();
  });
}

// Three values of a map, one below the other, and the x they are made of. Outside of the map they
// win against nothing.
template <int L>
struct Column {
  using F = typename LaneTypes<L>::F;
  F value[3] = {F{} - __builtin_inff(), F{} - __builtin_inff(), F{} - __builtin_inff()}, x[3] = {};
};

// The largest so far of a window.
template <int L>
struct Largest {
  using F = typename LaneTypes<L>::F;
  F value = F{} - __builtin_inff(), x;
  typename LaneTypes<L>::U place = typename LaneTypes<L>::U{} + 4;

  explicit Largest(const F& middle) : x(middle) {}
  void join(const Column<L>& column, int row, std::uint32_t at) {
    const F v = column.value[row];
    const auto wins = (v > value) | (v != v);  // a NaN wins and stays
    value = wins ? v : value;
    x = wins ? column.x[row] : x;
    place = wins ? decltype(place){} + at : place;
  }
};

// g of a window and the winner's place; outside of the map no place is.
template <int L>
struct Window {
  typename LaneTypes<L>::F g{};
  typename LaneTypes<L>::U place = typename LaneTypes<L>::U{} + 9;

  typename LaneTypes<L>::F at(std::uint32_t k) const {
    return place == k ? g : typename LaneTypes<L>::F{};
  }
};

}  // namespace

template <class T>
void norm_max_pool(const PoolExtent& e, const NormOn<T>& in, float slope, T* y,
                   const WindowWinners<T>& won) {
  const std::int64_t oh = (e.height + 1) / 2, ow = (e.width + 1) / 2, block = e.block;
  const std::int64_t blocks = e.channels / block;
  with_lanes(block, [&]<int L>() {
    const auto row_of_windows = [&](std::int64_t plane, std::int64_t i) {
      const std::int64_t first = i == 0 ? 1 : 0, end = 2 * i + 1 < e.height ? 3 : 2;
      const T* rows = in.x + (plane * e.height + 2 * i - 1) * e.width * block;
      for (std::int64_t c = 0; c < block; c += L) {
        const std::int64_t channel = plane % blocks * block + c;
        const auto scale = Lanes<L>::of(in.scale + channel).v,
                   shift = Lanes<L>::of(in.shift + channel).v;
        const auto column = [&](std::int64_t s) {
          Column<L> out;
          for (std::int64_t r = first; r < end; ++r) {
            out.x[r] = Lanes<L>::of(rows + (r * e.width + s) * block + c).v;
            T held[L];
            Lanes<L>{out.x[r] * scale + shift}.activated(slope).to(held);
            out.value[r] = Lanes<L>::of(held).v;
          }
          return out;
        };
        Column<L> left;
        for (std::int64_t j = 0; j < ow; ++j) {
          const Column<L> middle = column(2 * j),
                          right = 2 * j + 1 < e.width ? column(2 * j + 1) : Column<L>{};
          Largest<L> best(middle.x[1]);
          for (int r = 0; r < 3; ++r) {
            const auto at = static_cast<std::uint32_t>(3 * r);
            best.join(left, r, at);
            best.join(middle, r, at + 1);
            best.join(right, r, at + 2);
          }
          left = right;
          const std::int64_t at = ((plane * oh + i) * ow + j) * block + c;
          Lanes<L>{best.value}.to(y + at);
          if (!won.where) continue;
          Lanes<L>{best.x}.to(won.x + at);
          const auto bytes = LaneTypes<L>::to_bytes(best.place);
          std::memcpy(won.where + at, &bytes, sizeof bytes);
        }
      }
    };
    for_window_rows(e, row_of_windows, [] {});
  });
}

template <class T>
void norm_max_pool_backward(const PoolExtent& e, const NormUnpool<T>& in, T* dx) {
  const std::int64_t oh = (e.height + 1) / 2, ow = (e.width + 1) / 2, block = e.block;
  const std::int64_t blocks = e.channels / block;
  with_lanes(block, [&]<int L>() {
    const LaneWriter<L, T> write(dx, e.images * e.height * e.width * e.channels);
    // The places in the middle of window (i, j) and right below lie in four windows.
    const auto row_of_windows = [&](std::int64_t plane, std::int64_t i) {
      const std::int64_t top = (plane * e.height + 2 * i) * e.width * block;
      for (std::int64_t c = 0; c < block; c += L) {
        const std::int64_t channel = plane % blocks * block + c;
        const auto of_g = Lanes<L>::of(in.a + channel).v, of_x = Lanes<L>::of(in.b + channel).v,
                   constant = Lanes<L>::of(in.c + channel).v;
        const auto window = [&](std::int64_t row, std::int64_t j) {
          Window<L> out;
          if (row >= oh || j >= ow) return out;
          const std::int64_t at = ((plane * oh + row) * ow + j) * block + c;
          typename LaneTypes<L>::B bytes;
          std::memcpy(&bytes, in.where + at, sizeof bytes);
          out.place = LaneTypes<L>::from_bytes(bytes);
          out.g = Lanes<L>::of(in.g + at).v;
          return out;
        };
        const auto put = [&](std::int64_t row, std::int64_t s, const auto& g) {
          const std::int64_t at = top + (row * e.width + s) * block + c;
          write(at, Lanes<L>{of_g * g + of_x * Lanes<L>::of(in.x + at).v + constant});
        };
        const bool two_rows = 2 * i + 1 < e.height;
        Window<L> here = window(i, 0), below = window(i + 1, 0);
        for (std::int64_t j = 0; j < ow; ++j) {
          const Window<L> beside = window(i, j + 1), across = window(i + 1, j + 1);
          const bool two_columns = 2 * j + 1 < e.width;
          put(0, 2 * j, here.at(4));
          if (two_columns) put(0, 2 * j + 1, here.at(5) + beside.at(3));
          if (two_rows) put(1, 2 * j, here.at(7) + below.at(1));
          if (two_rows && two_columns)
            put(1, 2 * j + 1, here.at(8) + beside.at(6) + below.at(2) + across.at(0));
          here = beside;
          below = across;
        }
      }
    };
    for_window_rows(e, row_of_windows, [&] { write.finish(); });
  });
}

#define PECLR_INSTANTIATE(T)                                                     \
  template void norm_max_pool<T>(const PoolExtent&, const NormOn<T>&, float, T*, \
                                 const WindowWinners<T>&);                       \
  template void norm_max_pool_backward<T>(const PoolExtent&, const NormUnpool<T>&, T*);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

PECLR_END
