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
  std::int64_t images, count;  // images a chunk
  explicit Chunks(const NormExtent& e) {
    images = norm_chunk_images(e);
    count = (e.images + images - 1) / images;
  }
};

// Where a group of L channels of image n begins.
template <int L>
inline std::int64_t group_offset(const NormExtent& e, std::int64_t n, std::int64_t group) {
  const std::int64_t c = group * L;
  return ((n * (e.channels / e.block) + c / e.block) * e.positions) * e.block + c % e.block;
}

// The gradient behind the activation; the mask is read from the output's sign.
template <class T, int L>
inline Lanes<L> masked(const NormReduce<T>& in, std::int64_t at) {
  Lanes<L> g = Lanes<L>::of(in.dy + at);
  if (in.more) g.v += Lanes<L>::of(in.more + at).v;
  return in.y ? g.masked_by(Lanes<L>::of(in.y + at), in.slope) : g;
}

// Runs row(offset, a, b) for every row of a chunk and adds its two sums into partial[2][channels].
template <int L, class Row>
inline void reduce_chunk(const NormExtent& e, const Chunks& chunks, std::int64_t chunk,
                         std::int64_t group, double* partial, Row row) {
  double first[L] = {}, second[L] = {};
  const std::int64_t n_end =
      (chunk + 1) * chunks.images < e.images ? (chunk + 1) * chunks.images : e.images;
  for (std::int64_t n = chunk * chunks.images; n < n_end; ++n) {
    const std::int64_t base = group_offset<L>(e, n, group);
    for (std::int64_t p = 0; p < e.positions; p += kRun) {
      const std::int64_t end = p + kRun < e.positions ? p + kRun : e.positions;
      Lanes<L> a{}, b{};
      for (std::int64_t q = p; q < end; ++q) row(base + q * e.block, a, b);
      float run_a[L], run_b[L];
      a.to(run_a);
      b.to(run_b);
      for (int l = 0; l < L; ++l) first[l] += run_a[l];
      for (int l = 0; l < L; ++l) second[l] += run_b[l];
    }
  }
  double* out = partial + chunk * 2 * e.channels + group * L;
  for (int l = 0; l < L; ++l) out[l] = first[l];
  for (int l = 0; l < L; ++l) out[e.channels + l] = second[l];
}

// make_row(channel) gives the row of the group that begins there.
template <int L, class MakeRow>
inline void reduce(const NormExtent& e, double* first, double* second, double* scratch,
                   MakeRow make_row) {
  const Chunks chunks(e);
  const std::int64_t groups = e.channels / L;
  parallel_for(groups * chunks.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      reduce_chunk<L>(e, chunks, i / groups, i % groups, scratch, make_row(i % groups * L));
  });
  for (std::int64_t c = 0; c < e.channels; ++c) {
    first[c] = second[c] = 0;
    for (std::int64_t k = 0; k < chunks.count; ++k) {
      first[c] += scratch[k * 2 * e.channels + c];
      second[c] += scratch[k * 2 * e.channels + e.channels + c];
    }
  }
}

// Runs row(offset, channel) for every row of every group.
template <int L, class Row>
inline void for_rows(const NormExtent& e, Row row) {
  const Chunks chunks(e);
  const std::int64_t groups = e.channels / L;
  parallel_for(groups * chunks.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t group = i % groups, first = i / groups * chunks.images;
      const std::int64_t last = first + chunks.images < e.images ? first + chunks.images : e.images;
      for (std::int64_t n = first; n < last; ++n) {
        const std::int64_t base = group_offset<L>(e, n, group);
        row(base, group * L);
      }
    }
  });
}

// Lanes that fit the layout: 16 on wide machines, 8 where the block is 8, 1 for odd channel counts.
template <class F>
inline void with_lanes(const NormExtent& e, F body) {
  if (e.block % 16 == 0)
    body.template operator()<16>();
  else if (e.block % 8 == 0)
    body.template operator()<8>();
  else
    body.template operator()<1>();
}

}  // namespace

template <class T>
void norm_sums(const NormExtent& e, const T* x, float* shift, double* sums, double* squares,
               double* scratch) {
  with_lanes(e, [&]<int L>() {
    for (std::int64_t c = 0; c < e.channels; ++c) shift[c] = to_float(x[group_offset<1>(e, 0, c)]);
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
void norm_apply(const NormExtent& e, const T* x, const float* scale, const float* shift,
                const T* residual, float slope, T* y) {
  with_lanes(e, [&]<int L>() {
    for_rows<L>(e, [&](std::int64_t base, std::int64_t c) {
      const Lanes<L> s = Lanes<L>::of(scale + c), t = Lanes<L>::of(shift + c);
      for (std::int64_t p = 0, at = base; p < e.positions; ++p, at += e.block) {
        Lanes<L> v{Lanes<L>::of(x + at).v * s.v + t.v};
        if (residual) v.v += Lanes<L>::of(residual + at).v;
        v.activated(slope).to(y + at);
      }
    });
  });
}

template <class T>
void norm_backward_reduce(const NormExtent& e, const NormReduce<T>& in, double* sum_g,
                          double* sum_gx, double* scratch) {
  with_lanes(e, [&]<int L>() {
    reduce<L>(e, sum_g, sum_gx, scratch, [&](std::int64_t c) {
      const auto mean = Lanes<L>::of(in.mean + c), inv_std = Lanes<L>::of(in.inv_std + c);
      return [&in, mean, inv_std](std::int64_t at, Lanes<L>& a, Lanes<L>& b) {
        const Lanes<L> g = masked<T, L>(in, at);
        if (in.keep) g.to(in.dy + at);
        a.v += g.v;
        b.v += g.v * (Lanes<L>::of(in.x + at).v - mean.v) * inv_std.v;
      };
    });
  });
}

template <class T>
void norm_backward_apply(const NormExtent& e, const NormReduce<T>& in, const float* a,
                         const float* b, const float* c, T* dx) {
  with_lanes(e, [&]<int L>() {
    for_rows<L>(e, [&](std::int64_t base, std::int64_t channel) {
      const auto ca = Lanes<L>::of(a + channel), cb = Lanes<L>::of(b + channel);
      const auto cc = Lanes<L>::of(c + channel);
      for (std::int64_t p = 0, at = base; p < e.positions; ++p, at += e.block) {
        const Lanes<L> g = in.keep ? Lanes<L>::of(in.dy + at) : masked<T, L>(in, at);
        Lanes<L>{ca.v * g.v + cb.v * Lanes<L>::of(in.x + at).v + cc.v}.to(dx + at);
      }
    });
  });
}

#define PECLR_INSTANTIATE(T)                                                                       \
  template void norm_sums<T>(const NormExtent&, const T*, float*, double*, double*, double*);      \
  template void norm_apply<T>(const NormExtent&, const T*, const float*, const float*, const T*,   \
                              float, T*);                                                          \
  template void norm_backward_reduce<T>(const NormExtent&, const NormReduce<T>&, double*, double*, \
                                        double*);                                                  \
  template void norm_backward_apply<T>(const NormExtent&, const NormReduce<T>&, const float*,      \
                                       const float*, const float*, T*);
PECLR_INSTANTIATE(float)
PECLR_INSTANTIATE(bf16)

PECLR_END
