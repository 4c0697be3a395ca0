// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/hot/norm.h"

#include "engine/parallel.h"

PECLR_BEGIN
namespace {

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

// One number for each of a group's channels.
template <int L>
struct Channels {
  float v[L];
  explicit Channels(const float* from) {
    for (int l = 0; l < L; ++l) v[l] = from[l];
  }
};

// The gradient behind the activation; the mask is read from the output's sign.
template <class T, int L>
inline void masked(const NormReduce<T>& in, std::int64_t at, float* g) {
  for (int l = 0; l < L; ++l) g[l] = to_float(in.dy[at + l]);
  if (in.more)
    for (int l = 0; l < L; ++l) g[l] += to_float(in.more[at + l]);
  if (in.y)
    for (int l = 0; l < L; ++l) g[l] *= to_float(in.y[at + l]) > 0.f ? 1.f : in.slope;
}

// Runs body(a, b, offset) for every row of a chunk and adds its two lane arrays into
// partial[2][channels].
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
      float a[L] = {}, b[L] = {};
      for (std::int64_t q = p; q < end; ++q) row(base + q * e.block, a, b);
      for (int l = 0; l < L; ++l) first[l] += a[l];
      for (int l = 0; l < L; ++l) second[l] += b[l];
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
      Channels<L> origin(shift + c);
      return [x, origin](std::int64_t at, float* a, float* b) {
        float v[L];
        for (int l = 0; l < L; ++l) v[l] = to_float(x[at + l]) - origin.v[l];
        for (int l = 0; l < L; ++l) a[l] += v[l];
        for (int l = 0; l < L; ++l) b[l] += v[l] * v[l];
      };
    });
  });
}

template <class T>
void norm_apply(const NormExtent& e, const T* x, const float* scale, const float* shift,
                const T* residual, float slope, T* y) {
  with_lanes(e, [&]<int L>() {
    for_rows<L>(e, [&](std::int64_t base, std::int64_t c) {
      float s[L], t[L];
      for (int l = 0; l < L; ++l) s[l] = scale[c + l], t[l] = shift[c + l];
      for (std::int64_t p = 0, at = base; p < e.positions; ++p, at += e.block) {
        float v[L];
        for (int l = 0; l < L; ++l) v[l] = to_float(x[at + l]) * s[l] + t[l];
        if (residual)
          for (int l = 0; l < L; ++l) v[l] += to_float(residual[at + l]);
        for (int l = 0; l < L; ++l) store(y[at + l], v[l] > 0.f ? v[l] : v[l] * slope);
      }
    });
  });
}

template <class T>
void norm_backward_reduce(const NormExtent& e, const NormReduce<T>& in, double* sum_g,
                          double* sum_gx, double* scratch) {
  with_lanes(e, [&]<int L>() {
    reduce<L>(e, sum_g, sum_gx, scratch, [&](std::int64_t c) {
      const Channels<L> mean(in.mean + c), inv_std(in.inv_std + c);
      return [&in, mean, inv_std](std::int64_t at, float* a, float* b) {
        float g[L];
        masked<T, L>(in, at, g);
        if (in.keep)
          for (int l = 0; l < L; ++l) store(in.dy[at + l], g[l]);
        for (int l = 0; l < L; ++l) {
          a[l] += g[l];
          b[l] += g[l] * (to_float(in.x[at + l]) - mean.v[l]) * inv_std.v[l];
        }
      };
    });
  });
}

template <class T>
void norm_backward_apply(const NormExtent& e, const NormReduce<T>& in, const float* a,
                         const float* b, const float* c, T* dx) {
  with_lanes(e, [&]<int L>() {
    for_rows<L>(e, [&](std::int64_t base, std::int64_t channel) {
      float ca[L], cb[L], cc[L];
      for (int l = 0; l < L; ++l)
        ca[l] = a[channel + l], cb[l] = b[channel + l], cc[l] = c[channel + l];
      for (std::int64_t p = 0, at = base; p < e.positions; ++p, at += e.block) {
        float g[L];
        if (in.keep)
          for (int l = 0; l < L; ++l) g[l] = to_float(in.dy[at + l]);
        else
          masked<T, L>(in, at, g);
        for (int l = 0; l < L; ++l)
          store(dx[at + l], ca[l] * g[l] + cb[l] * to_float(in.x[at + l]) + cc[l]);
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
