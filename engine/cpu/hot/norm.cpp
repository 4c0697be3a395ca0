// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/hot/norm.h"

#include "engine/cpu/hot/float_lanes.h"
#include "engine/parallel.h"

PECLR_BEGIN
namespace {

template <int L>
using Lanes = FloatLanes<L>;

constexpr std::int64_t kRun = 64;  // rows summed in f32 before they go to double

struct Chunks {
  std::int64_t all, images, count;  // images of all chunks, and of one
  explicit Chunks(const NormExtent& e) : all(e.images), images(norm_chunk_images(e)) {
    count = (all + images - 1) / images;
  }
  std::int64_t begin(std::int64_t chunk) const { return chunk * images; }
  std::int64_t end(std::int64_t chunk) const {
    return (chunk + 1) * images < all ? (chunk + 1) * images : all;
  }
};

// Where a group of L channels of image n begins.
template <int L>
inline std::int64_t group_offset(const NormExtent& e, std::int64_t n, std::int64_t group) {
  const std::int64_t c = group * L;
  return ((n * (e.channels / e.block) + c / e.block) * e.positions) * e.block + c % e.block;
}

// Where the sign of an output is found: nowhere, as the activation is none; from x, by its line,
// since x is read anyway; in the output that was kept, where a residual was added.
enum class Sign { none, line, output };

// One row of both passes of the gradient, for the channels from c on: g, what is behind the
// activation.
template <class T, int L, Sign kSign, bool kMore>
struct GradientRow {
  T* dy;
  const T *more, *y;
  Lanes<L> scale{}, shift{};
  float slope;

  GradientRow(const NormReduce<T>& in, std::int64_t c)
      : dy(in.dy), more(in.more), y(in.y), slope(in.slope) {
    if constexpr (kSign == Sign::line) {
      scale = Lanes<L>::of(in.scale + c);
      shift = Lanes<L>::of(in.shift + c);
    }
  }
  Lanes<L> operator()(std::int64_t at, const Lanes<L>& x) const {
    Lanes<L> g = Lanes<L>::of(dy + at);
    if constexpr (kMore) g.v += Lanes<L>::of(more + at).v;
    if constexpr (kSign == Sign::line) return g.masked_by({x.v * scale.v + shift.v}, slope);
    if constexpr (kSign == Sign::output) return g.masked_by(Lanes<L>::of(y + at), slope);
    return g;
  }
};

// body<kSign, kMore, kKeep>() for what arrives: decided once, not at every row.
template <class T, class F>
void with_gradient(const NormReduce<T>& in, F body) {
  const auto kept = [&]<Sign kSign>() {
    if (in.more)
      body.template operator()<kSign, true, true>();
    else
      body.template operator()<kSign, false, true>();
  };
  const bool none = in.slope == 1.f;
  if (!in.keep && none) return body.template operator()<Sign::none, false, false>();
  if (!in.keep) return body.template operator()<Sign::line, false, false>();
  if (none) return kept.template operator()<Sign::none>();
  if (in.y) return kept.template operator()<Sign::output>();
  kept.template operator()<Sign::line>();
}

// Adds the two sums of a chunk into partial[2][channels], for the group of L channels that begins
// at c. make_row(channel) gives a group's row(offset, a, b).
template <int L, class MakeRow>
inline void reduce_group(const NormExtent& e, const Chunks& chunks, std::int64_t chunk,
                         std::int64_t c, double* partial, MakeRow make_row) {
  double first[L] = {}, second[L] = {};
  const auto row = make_row(c);
  for (std::int64_t n = chunks.begin(chunk); n < chunks.end(chunk); ++n) {
    const std::int64_t base = group_offset<L>(e, n, c / L);
    for (std::int64_t p = 0; p < e.positions; p += kRun) {
      const std::int64_t end = p + kRun < e.positions ? p + kRun : e.positions;
      // Rows by turns: sums that do not wait for each other.
      Lanes<L> a{}, b{}, odd_a{}, odd_b{};
      std::int64_t q = p;
      for (; q + 1 < end; q += 2) {
        row(base + q * e.block, a, b);
        row(base + (q + 1) * e.block, odd_a, odd_b);
      }
      if (q < end) row(base + q * e.block, a, b);
      a.v += odd_a.v;
      b.v += odd_b.v;
      float run_a[L], run_b[L];
      a.to(run_a);
      b.to(run_b);
      for (int l = 0; l < L; ++l) first[l] += run_a[l];
      for (int l = 0; l < L; ++l) second[l] += run_b[l];
    }
  }
  for (int l = 0; l < L; ++l) partial[c + l] = first[l];
  for (int l = 0; l < L; ++l) partial[e.channels + c + l] = second[l];
}

// The same for channels [begin, end) that lie side by side, in the order of memory: a few rows at a
// time, with the sums in the nearest cache.
constexpr std::int64_t kSlice = 512;
template <int L, class MakeRow>
inline void reduce_slice(const NormExtent& e, const Chunks& chunks, std::int64_t chunk,
                         std::int64_t begin, std::int64_t end, double* partial, MakeRow make_row) {
  constexpr int kRows = 4;
  double *first = partial + begin, *second = first + e.channels;
  const std::int64_t width = end - begin;
  for (std::int64_t c = 0; c < width; ++c) first[c] = second[c] = 0;
  for (std::int64_t n = chunks.begin(chunk); n < chunks.end(chunk); ++n)
    for (std::int64_t p = 0; p < e.positions; p += kRun) {
      float a[kSlice], b[kSlice];
      for (std::int64_t c = 0; c < width; ++c) a[c] = b[c] = 0;
      const std::int64_t rows = e.positions - p < kRun ? e.positions - p : kRun;
      for (std::int64_t q = 0; q < rows; q += kRows) {
        const std::int64_t base = (n * e.positions + p + q) * e.channels + begin;
        for (std::int64_t c = 0; c < width; c += L) {
          const auto row = make_row(begin + c);
          Lanes<L> sum_a = Lanes<L>::of(a + c), sum_b = Lanes<L>::of(b + c);
          if (q + kRows <= rows) {
            for (int k = 0; k < kRows; ++k) row(base + k * e.channels + c, sum_a, sum_b);
          } else {
            for (std::int64_t k = 0; k < rows - q; ++k)
              row(base + k * e.channels + c, sum_a, sum_b);
          }
          sum_a.to(a + c);
          sum_b.to(b + c);
        }
      }
      for (std::int64_t c = 0; c < width; ++c) first[c] += a[c];
      for (std::int64_t c = 0; c < width; ++c) second[c] += b[c];
    }
}

template <int L, class MakeRow>
inline void reduce(const NormExtent& e, double* first, double* second, double* scratch,
                   MakeRow make_row) {
  const Chunks chunks(e);
  // Few chunks leave work for several threads in their slices.
  const std::int64_t slice = e.block == L ? L : chunks.count >= 8 ? kSlice : 128;
  const std::int64_t slices = (e.end - e.begin + slice - 1) / slice;
  parallel_for(slices * chunks.count, 1, [&](std::int64_t item, std::int64_t) {
    const std::int64_t chunk = item / slices, c = e.begin + item % slices * slice;
    double* partial = scratch + chunk * 2 * e.channels;
    if (e.block == L) return reduce_group<L>(e, chunks, chunk, c, partial, make_row);
    const std::int64_t end = c + slice < e.end ? c + slice : e.end;
    reduce_slice<L>(e, chunks, chunk, c, end, partial, make_row);
  });
  for (std::int64_t c = e.begin; c < e.end; ++c) first[c] = second[c] = 0;
  for (std::int64_t k = 0; k < chunks.count; ++k) {
    const double* partial = scratch + k * 2 * e.channels;
    for (std::int64_t c = e.begin; c < e.end; ++c) first[c] += partial[c];
    for (std::int64_t c = e.begin; c < e.end; ++c) second[c] += partial[e.channels + c];
  }
}

// make_row(channel) gives row(offset), the new values of the L channels that begin there; writes
// them in the order of memory.
template <int L, class T, class MakeRow>
inline void for_rows(const NormExtent& e, T* out, MakeRow make_row) {
  const std::int64_t blocks = (e.end - e.begin) / e.block, runs = (e.positions + kRun - 1) / kRun;
  const LaneWriter<L, T> writer(out, e.images * e.positions * e.channels);
  parallel_for(e.images * blocks * runs, 16, [&](std::int64_t begin, std::int64_t end) {
    const LaneWriter<L, T> write = writer;  // whose fields no store can change
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t plane = i / runs, p = i % runs * kRun;
      const std::int64_t n = plane / blocks, c = e.begin + plane % blocks * e.block;
      const std::int64_t rows = e.positions - p < kRun ? e.positions - p : kRun;
      const std::int64_t base = group_offset<1>(e, n, c) + p * e.block;
      if (e.block == L) {
        const auto row = make_row(c);
        for (std::int64_t q = 0; q < rows; ++q) write(base + q * L, row(base + q * L));
      } else {
        for (std::int64_t q = 0; q < rows; ++q)
          for (std::int64_t k = 0; k < e.block; k += L) {
            const std::int64_t at = base + q * e.block + k;
            write(at, make_row(c + k)(at));
          }
      }
    }
    write.finish();
  });
}

}  // namespace

template <class T>
void norm_sums(const NormExtent& e, const T* x, float* shift, double* sums, double* squares,
               double* scratch) {
  with_lanes(e.block, [&]<int L>() {
    for (std::int64_t c = e.begin; c < e.end; ++c) shift[c] = to_float(x[group_offset<1>(e, 0, c)]);
    reduce<L>(e, sums, squares, scratch, [&](std::int64_t c) {
      return [x, origin = Lanes<L>::of(shift + c)](std::int64_t at, Lanes<L>& a, Lanes<L>& b) {
        const auto v = Lanes<L>::of(x + at).v - origin.v;
        a.v += v;
        b.v += v * v;
      };
    });
  });
}

template <class T>
void norm_apply(const NormExtent& e, const NormOn<T>& in, const NormOn<T>& residual, float slope,
                T* y) {
  with_lanes(e.block, [&]<int L>() {
    const auto on_lines = [](const NormOn<T>& of, std::int64_t c) {
      return [x = of.x, s = Lanes<L>::of(of.scale + c), t = Lanes<L>::of(of.shift + c)](
                 std::int64_t at) { return Lanes<L>::of(x + at).v * s.v + t.v; };
    };
    if (!residual.scale)
      for_rows<L>(e, y, [=](std::int64_t c) {
        return [=, line = on_lines(in, c), added = residual.x](std::int64_t at) {
          Lanes<L> v{line(at)};
          if (added) v.v += Lanes<L>::of(added + at).v;
          return v.activated(slope);
        };
      });
    else
      for_rows<L>(e, y, [=](std::int64_t c) {
        return [=, line = on_lines(in, c), beside = on_lines(residual, c)](std::int64_t at) {
          return Lanes<L>{line(at) + beside(at)}.activated(slope);
        };
      });
  });
}

template <class T>
void norm_backward_reduce(const NormExtent& e, const NormReduce<T>& in, double* sum_g,
                          double* sum_gx, double* scratch) {
  with_lanes(e.block, [&]<int L>() {
    with_gradient(in, [&]<Sign kSign, bool kMore, bool kKeep>() {
      reduce<L>(e, sum_g, sum_gx, scratch, [&](std::int64_t c) {
        return [row = GradientRow<T, L, kSign, kMore>(in, c), x = in.x,
                mean = Lanes<L>::of(in.mean + c)](std::int64_t at, Lanes<L>& a, Lanes<L>& b) {
          const Lanes<L> v = Lanes<L>::of(x + at), g = row(at, v);
          if constexpr (kKeep) g.to(row.dy + at);
          a.v += g.v;
          b.v += g.v * (v.v - mean.v);
        };
      });
    });
  });
  for (std::int64_t c = e.begin; c < e.end; ++c) sum_gx[c] *= in.inv_std[c];
}

template <class T>
void norm_backward_apply(const NormExtent& e, const NormReduce<T>& in, const float* a,
                         const float* b, const float* c, T* dx) {
  with_lanes(e.block, [&]<int L>() {
    const auto apply = [&]<Sign kSign>() {
      for_rows<L>(e, dx, [=, &in](std::int64_t channel) {
        return [row = GradientRow<T, L, kSign, false>(in, channel), x = in.x,
                ca = Lanes<L>::of(a + channel), cb = Lanes<L>::of(b + channel),
                cc = Lanes<L>::of(c + channel)](std::int64_t at) {
          const Lanes<L> v = Lanes<L>::of(x + at);
          return Lanes<L>{ca.v * row(at, v).v + cb.v * v.v + cc.v};
        };
      });
    };
    if (in.keep || in.slope == 1.f)
      apply.template operator()<Sign::none>();
    else
      apply.template operator()<Sign::line>();
  });
}

#define PECLR_INSTANTIATE(T)                                                                       \
  template void norm_sums<T>(const NormExtent&, const T*, float*, double*, double*, double*);      \
  template void norm_apply<T>(const NormExtent&, const NormOn<T>&, const NormOn<T>&, float, T*);   \
  template void norm_backward_reduce<T>(const NormExtent&, const NormReduce<T>&, double*, double*, \
                                        double*);                                                  \
  template void norm_backward_apply<T>(const NormExtent&, const NormReduce<T>&, const float*,      \
                                       const float*, const float*, T*);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

PECLR_END
