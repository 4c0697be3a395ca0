// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/cases.h"
#include "benchmarks/gpu/random_tensor.h"
#include "data/views.h"
#include "engine/gpu/records.h"
#include "kernels/augment_kernels.h"

namespace peclr::bench {
namespace {

// Views as pre-training draws them, with colours, of random levels.
Case augment(Machine& m, const Sizes& s, int channels) {
  Backend& backend = m.backend();
  const int pitch = kernels::source_pitch(s.source);
  const std::int64_t picture = 4ll * pitch * s.source;
  const Tensor sources = random_tensor(backend, {s.pictures, picture / 4}, DType::f32, 1, 2);
  const auto* levels = static_cast<const std::uint8_t*>(sources.raw());  // bits of the floats
  AugmentOptions options;
  options.out = s.view;
  std::vector<kernels::AugmentView> views;
  for (int i = 0; i < s.pictures; ++i)
    for (int second = 0; second < 2; ++second) {
      const View view = sample_view(options, s.source, s.source, {}, Rng::of(2, i, second));
      views.push_back({levels + i * picture, i + std::int64_t{second} * s.pictures, pitch,
                       plan_augment(view.pixels, s.source, s.source)});
    }
  const Tensor table = gpu::lasting_records<kernels::AugmentView>(backend, views.size());
  gpu::upload<kernels::AugmentView>(views, table);
  const Tensor out(backend, {2ll * s.pictures, s.view, s.view, channels}, DType::bf16);
  const kernels::AugmentBatch batch{gpu::records_in<kernels::AugmentView>(table),
                                    static_cast<std::int64_t>(views.size()), s.view, channels};
  return {[=, stream = m.stream()] {
    static_cast<void>(sources);
    static_cast<void>(table);
    kernels::augment(batch, out.data<bf16>(), stream);
  }};
}

Tensor transforms(Backend& backend, int rows) {
  return random_tensor(backend, {rows, 4}, DType::f32, .1f, .9f);
}

Case invert(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Tensor projection = random_tensor(backend, {s.rows, s.dim}),
               views = transforms(backend, s.rows), z(backend, {s.rows, s.dim}, DType::f32);
  return {[=, &backend] { backend.invert_views(projection, views, {}, z); }};
}

Case invert_backward(Machine& m, const Sizes& s) {
  Backend& backend = m.backend();
  const Tensor projection = random_tensor(backend, {s.rows, s.dim}),
               views = transforms(backend, s.rows), dz = random_tensor(backend, {s.rows, s.dim}),
               out(backend, {s.rows, s.dim}, DType::f32);
  return {[=, &backend] { backend.invert_views_backward(projection, views, {}, dz, out); }};
}

enum class Passes { loss, gradient };

Case ntxent(Machine& m, const Sizes& s, int rows, Passes passes) {
  Backend& backend = m.backend();
  const Tensor z(backend, {rows, s.dim}, DType::f32);  // unit vectors
  {
    const Tensor projection = random_tensor(backend, {rows, s.dim});
    backend.invert_views(projection, transforms(backend, rows), {}, z);
  }
  const Tensor anchors(backend, {2, rows}, DType::f32),
      summary(backend, {kNtxentSummary}, DType::f32),
      dloss = Tensor::from_host(backend, {1}, std::vector<float>{1});
  const NtxentOptions options{.temperature = .5f, .operands = DType::bf16};
  return {[=, &backend] {
    backend.ntxent(z, options, anchors, summary);
    if (passes == Passes::loss) return;
    const Tensor dz(backend, z.shape(), DType::f32);
    backend.ntxent_backward(z, options, anchors, dloss, dz);
  }};
}

Case ntxent_gradient(Machine& m, const Sizes& s) {
  Case c = ntxent(m, s, s.rows, Passes::gradient);
  if (Libraries* libraries = m.libraries())
    c.library = libraries->ntxent(random_tensor(m.backend(), {s.rows, s.dim}));
  return c;
}

}  // namespace

std::vector<CaseEntry> contrastive_cases() {
  using M = Machine;
  using S = Sizes;
  return {
      {"augment", [](M& m, const S& s) { return augment(m, s, 8); }, {.microseconds = 1000}},
      {"augment, 4 channels", [](M& m, const S& s) { return augment(m, s, 4); }},
      {"invert_views", invert},
      {"invert_views_backward", invert_backward},
      {"ntxent", [](M& m, const S& s) { return ntxent(m, s, s.rows, Passes::loss); }},
      {"ntxent + gradient", ntxent_gradient, {.microseconds = 60}},
      {"ntxent + gradient, many",
       [](M& m, const S& s) {
         Case c = ntxent(m, s, s.many_rows, Passes::gradient);
         if (m.libraries()) c.library.what = "none: the matrix alone is rows^2 numbers";
         return c;
       },
       {.microseconds = 12'000, .bytes = 100e6}},
  };
}

}  // namespace peclr::bench
