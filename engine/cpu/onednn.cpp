// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/onednn.h"

#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "engine/cpu/window_rows.h"
#include "engine/error.h"
#include "engine/parallel.h"

#if DNNL_VERSION_MAJOR != 2
#error "engine/cpu/onednn.cpp is written for oneDNN 2.x (Debian 12: apt-get install libdnnl-dev)"
#endif

namespace peclr {
namespace {

using dnnl::memory;

memory::data_type type_of(DType type) {
  switch (type) {
    case DType::f32:
      return memory::data_type::f32;
    case DType::bf16:
      return memory::data_type::bf16;
    default:
      fail(ErrorKind::failure, "oneDNN: no arithmetic on {}", name_of(type));
  }
}

memory::desc picture(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c,
                     std::int64_t block, DType type) {
  const auto tag = block == c    ? memory::format_tag::nhwc
                   : block == 16 ? memory::format_tag::nChw16c
                                 : memory::format_tag::nChw8c;
  return {{n, c, h, w}, type_of(type), tag};
}

memory::desc any(const memory::desc& d, DType type) {
  return {d.dims(), type_of(type), memory::format_tag::any};
}

enum class Direction { forward, backward_data, backward_weights };

// The weight gradient as matrix products, one for each place (r, s) in the window:
// dW[:, r, s, :] = dY^T X_rs, with X_rs from gather_window_rows. For 1x1 windows and for small maps
// oneDNN's products keep AMX far busier than its convolutions do.
struct WeightProduct {
  dnnl::matmul run;
  memory::desc dy, x, dw, scratchpad;
  std::size_t gathered;  // bytes of X_rs where that is not x itself
};

// A primitive and the layouts it wants; the reorders bridge to the layouts the caller has.
struct Plan {
  dnnl::primitive run;
  memory::desc x, w, y, scratchpad;
  std::optional<dnnl::reorder> x_in, x_out, w_in, w_out;
  std::optional<WeightProduct> product;  // instead of all but w, which is plain

  std::size_t scratch_bytes() const {
    return product ? product->gathered + product->scratchpad.get_size() : scratchpad.get_size();
  }
};

struct Prepared {
  std::uint64_t version = 0;
  void* data = nullptr;
  std::size_t bytes = 0;
};

// Equal parts of the batch, worked on at the same time, one thread each. oneDNN's own threads would
// meet at barriers that spin inside each primitive: one of them without a core stops all the
// others. A part is worked on in calls of few images, whose data stay in the core's cache.
struct Split {
  Split(const ConvShape& whole, std::int64_t most)
      : parts(std::min<std::int64_t>(threads(), whole.images)), shape(whole) {
    while (whole.images % parts != 0) --parts;
    shape.images /= parts;
    if (shape.images % most == 0) {
      calls = shape.images / most;
      shape.images = most;
    }
  }
  std::int64_t parts, calls = 1;
  ConvShape shape;  // of a call
};
constexpr std::int64_t kAllImages = std::int64_t{1} << 40;
std::int64_t images_a_call(const ConvShape& s) {
  return s.y_type == DType::f32 && s.kernel == 3 && s.stride == 1 ? 16 : 8;
}

// In f32 oneDNN may take Winograd's algorithm for 3x3 windows of batches that are worth it: about
// 1e-6 of relative error, against 2e-7. It misjudges maps no larger than Winograd's own tile, but
// not their weight gradients.
dnnl::algorithm algorithm_for(const ConvShape& s, Direction direction) {
  constexpr std::int64_t kTile = 4 * 4;
  const bool may_be_winograd =
      s.y_type == DType::f32 &&
      (direction == Direction::backward_weights || s.out_height() * s.out_width() > kTile);
  return may_be_winograd ? dnnl::algorithm::convolution_auto : dnnl::algorithm::convolution_direct;
}

// oneDNN takes its number of threads from OpenMP, when a primitive is made and when it runs.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

// body(part) for all parts.
template <class F>
void for_parts(std::int64_t parts, F body) {
  parallel_for(parts, 1, [&](std::int64_t part, std::int64_t) {
    const OneThread one;
    body(part);
  });
}

// body(part, call) for all calls of all parts.
template <class F>
void for_calls(std::int64_t parts, std::int64_t calls, F body) {
  for_parts(parts, [&](std::int64_t part) {
    for (std::int64_t call = part * calls; call < (part + 1) * calls; ++call) body(part, call);
  });
}

bool processor_has(dnnl::cpu_isa isa) {
  const auto bits = static_cast<unsigned>(isa);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

std::size_t part_bytes(std::int64_t images, std::int64_t h, std::int64_t w, std::int64_t c,
                       DType type) {
  return static_cast<std::size_t>(images * h * w * c) * size_of(type);
}

const void* advance(const void* data, std::int64_t part, std::size_t bytes) {
  return static_cast<const std::byte*>(data) + static_cast<std::size_t>(part) * bytes;
}

std::size_t x_bytes(const ConvShape& s) {
  return part_bytes(s.images, s.height, s.width, s.in, s.x_type);
}
std::size_t y_bytes(const ConvShape& s) {
  return part_bytes(s.images, s.out_height(), s.out_width(), s.out, s.y_type);
}

}  // namespace

struct OneDnn::Impl {
  explicit Impl(CachingAllocator& allocator) : memory_(allocator) {}

  CachingAllocator& memory_;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<std::pair<ConvShape, Direction>, Plan> plans;
  std::map<std::tuple<const float*, const Plan*>, Prepared> prepared;

  // Scratch for the time of one call.
  struct Scratch {
    CachingAllocator& from;
    std::size_t bytes;
    void* data;
    Scratch(CachingAllocator& a, std::size_t n)
        : from(a), bytes(n), data(n ? a.allocate(n) : nullptr) {}
    ~Scratch() {
      if (data) from.release(data, bytes);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
  };

  // Scratch for all parts, taken before they start: how many blocks are in use must not depend on
  // who is faster.
  struct PartScratch : Scratch {
    PartScratch(CachingAllocator& a, std::int64_t parts, std::size_t size)
        : Scratch(a, static_cast<std::size_t>(parts) * rounded(size)), stride(rounded(size)) {}
    void* of(std::int64_t part) const {
      return static_cast<std::byte*>(data) + static_cast<std::size_t>(part) * stride;
    }
    static std::size_t rounded(std::size_t size) { return (size + 63) / 64 * 64; }
    std::size_t stride;
  };

  // x in the layout that the plan wants; `room` is where it goes if that is not the caller's.
  const void* bridged(const ConvShape& s, Plan& plan, const void* x, void* room) {
    if (!plan.x_in) return x;
    const memory::desc have = picture(s.images, s.height, s.width, s.in, s.in_block, s.x_type);
    plan.x_in->execute(dnnl::stream(engine),
                       {{DNNL_ARG_FROM, wrap(have, x)}, {DNNL_ARG_TO, wrap(plan.x, room)}});
    return room;
  }

  memory wrap(const memory::desc& d, const void* data) {
    return {d, engine, const_cast<void*>(data)};
  }

  dnnl::reorder bridge(const memory::desc& from, const memory::desc& to) {
    return dnnl::reorder(dnnl::reorder::primitive_desc(engine, from, engine, to));
  }

  Plan& plan(const ConvShape& s, Direction direction) {
    const std::pair key(s, direction);
    if (const auto it = plans.find(key); it != plans.end()) return it->second;
    Plan made;
    if (direction == Direction::backward_weights && uses_product(s)) {
      make_product(s, made);
    } else {
      make(s, direction, made);
      make_weight_bridge(s, direction, made);
    }
    return plans.emplace(key, std::move(made)).first->second;
  }

  // By shape and processor alone, so that a run that goes on computes what it would have computed.
  // A window of several places reads x as often, which pays where the output is small.
  static bool uses_product(const ConvShape& s) {
    constexpr std::int64_t kSmallMap = 64;
    const bool plain = s.x_type == DType::bf16 && s.in_block == s.in && s.out_block == s.out;
    return plain && processor_has(dnnl::cpu_isa::avx512_core_amx) &&
           (s.kernel == 1 || s.out_height() * s.out_width() <= kSmallMap);
  }

  void make_product(const ConvShape& s, Plan& plan) {
    using Tag = memory::format_tag;
    const OneThread one;
    const std::int64_t rows = s.images * s.out_height() * s.out_width();
    const memory::desc dy({s.out, rows}, type_of(s.y_type), Tag::ba);
    const memory::desc x({rows, s.in}, type_of(s.x_type), Tag::ab);
    const memory::desc dw({s.out, s.in}, memory::data_type::f32,
                          memory::dims{s.kernel * s.kernel * s.in, 1});
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::matmul::primitive_desc pd({dy, x, dw}, attr, engine);
    const bool gathers = s.kernel > 1 || s.stride > 1 || s.padding > 0;
    plan.product = {dnnl::matmul(pd),
                    dy,
                    x,
                    dw,
                    pd.scratchpad_desc(),
                    gathers ? PartScratch::rounded(x.get_size()) : 0};
    plan.w = plain_weights(s);
  }

  void run_product(const ConvShape& s, const WeightProduct& p, const void* x, const void* dy,
                   float* dw, void* scratch) {
    dnnl::stream stream(engine);
    void* scratchpad = static_cast<std::byte*>(scratch) + p.gathered;
    for (std::int64_t place = 0; place < s.kernel * s.kernel; ++place) {
      if (p.gathered > 0)
        gather_window_rows(s, place / s.kernel, place % s.kernel, static_cast<const bf16*>(x),
                           static_cast<bf16*>(scratch));
      p.run.execute(stream, {{DNNL_ARG_SRC, wrap(p.dy, dy)},
                             {DNNL_ARG_WEIGHTS, wrap(p.x, p.gathered > 0 ? scratch : x)},
                             {DNNL_ARG_DST, wrap(p.dw, dw + place * s.in)},
                             {DNNL_ARG_SCRATCHPAD, wrap(p.scratchpad, scratchpad)}});
    }
  }

  void make(const ConvShape& s, Direction direction, Plan& plan) {
    const OneThread one;
    const memory::desc have_x = picture(s.images, s.height, s.width, s.in, s.in_block, s.x_type);
    const memory::desc y =
        picture(s.images, s.out_height(), s.out_width(), s.out, s.out_block, s.y_type);
    const memory::desc w = plain_weights(s);
    // The stem's picture has 3 plain channels: let oneDNN choose, and reorder. Elsewhere the layout
    // is already right.
    const bool foreign_x = s.x_type != s.y_type || s.in % 8 != 0;
    const memory::desc x = foreign_x ? any(have_x, s.y_type) : have_x;
    const memory::dims strides{s.stride, s.stride}, padding{s.padding, s.padding};
    const dnnl::algorithm algorithm = algorithm_for(s, direction);
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);

    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, algorithm, x, any(w, s.y_type), y, strides, padding,
         padding},
        attr, engine);
    if (direction == Direction::forward) {
      plan = {.run = dnnl::convolution_forward(forward),
              .x = forward.src_desc(),
              .w = forward.weights_desc(),
              .y = y,
              .scratchpad = forward.scratchpad_desc()};
    } else if (direction == Direction::backward_data) {
      const dnnl::convolution_backward_data::primitive_desc pd(
          {algorithm, x, any(w, s.y_type), y, strides, padding, padding}, attr, engine, forward);
      plan = {.run = dnnl::convolution_backward_data(pd),
              .x = pd.diff_src_desc(),
              .w = pd.weights_desc(),
              .y = y,
              .scratchpad = pd.scratchpad_desc()};
    } else {
      const dnnl::convolution_backward_weights::primitive_desc pd(
          {algorithm, x, any(w, DType::f32), y, strides, padding, padding}, attr, engine, forward);
      plan = {.run = dnnl::convolution_backward_weights(pd),
              .x = pd.src_desc(),
              .w = pd.diff_weights_desc(),
              .y = y,
              .scratchpad = pd.scratchpad_desc()};
    }
    if (plan.x != have_x) {
      if (direction == Direction::backward_data)
        plan.x_out = bridge(plan.x, have_x);
      else
        plan.x_in = bridge(have_x, plan.x);
    }
  }

  // Weights are brought over once, by all threads.
  void make_weight_bridge(const ConvShape& s, Direction direction, Plan& plan) {
    if (direction == Direction::backward_weights)
      plan.w_out = bridge(plan.w, plain_weights(s));
    else
      plan.w_in = bridge(plain_weights(s), plan.w);
  }

  memory::desc plain_weights(const ConvShape& s) {
    return {{s.out, s.in, s.kernel, s.kernel}, memory::data_type::f32, memory::format_tag::ohwi};
  }

  // The weights as the plan wants them, from the cache unless they changed.
  const void* weights(const ConvShape& s, Plan& plan, WeightRef w) {
    Prepared& p = prepared[{w.data, &plan}];
    if (p.data == nullptr) {
      p.bytes = plan.w.get_size();
      p.data = memory_.allocate_lasting(p.bytes);
    }
    if (p.version != w.version) {
      plan.w_in->execute(stream, {{DNNL_ARG_FROM, wrap(plain_weights(s), w.data)},
                                  {DNNL_ARG_TO, wrap(plan.w, p.data)}});
      p.version = w.version;
    }
    return p.data;
  }
};

OneDnn::OneDnn(CachingAllocator& memory) : impl_(std::make_unique<Impl>(memory)) {}
OneDnn::~OneDnn() { forget(nullptr, reinterpret_cast<const void*>(~std::uintptr_t{0})); }

std::string OneDnn::version() const {
  const dnnl_version_t* v = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", v->major, v->minor, v->patch);
}

int OneDnn::preferred_block(DType type) const {
  if (type == DType::bf16 && processor_has(dnnl::cpu_isa::avx512_core_amx)) return 0;
  return processor_has(dnnl::cpu_isa::avx512_core) ? 16 : 8;
}

bool OneDnn::has_bf16() const { return processor_has(dnnl::cpu_isa::avx512_core); }

// Intel's AVX-512 multiplies bf16 at half of f32's rate where there is no AMX; without instructions
// for bf16 it takes four times as long.
bool OneDnn::gains_from_bf16() const {
  return processor_has(dnnl::cpu_isa::avx512_core_amx) ||
         (processor_has(dnnl::cpu_isa::avx512_core_bf16) && __builtin_cpu_is("amd"));
}

void OneDnn::forget(const void* begin, const void* end) {
  auto& prepared = impl_->prepared;
  for (auto it = prepared.lower_bound({static_cast<const float*>(begin), nullptr});
       it != prepared.end() && static_cast<const void*>(std::get<0>(it->first)) < end;
       it = prepared.erase(it))
    if (it->second.data) impl_->memory_.release(it->second.data, it->second.bytes);
}

void OneDnn::conv_forward(const ConvShape& whole, const void* x, WeightRef w, void* y) {
  const Split split(whole, images_a_call(whole));
  const std::int64_t parts = split.parts, calls = split.calls;
  const ConvShape& s = split.shape;
  Plan& plan = impl_->plan(s, Direction::forward);
  const void* weights = impl_->weights(s, plan, w);
  const Impl::PartScratch scratchpads(impl_->memory_, parts, plan.scratchpad.get_size());
  const Impl::PartScratch rooms(impl_->memory_, parts, plan.x_in ? plan.x.get_size() : 0);
  for_calls(parts, calls, [&](std::int64_t part, std::int64_t call) {
    const void* in = impl_->bridged(s, plan, advance(x, call, x_bytes(s)), rooms.of(part));
    plan.run.execute(dnnl::stream(impl_->engine),
                     {{DNNL_ARG_SRC, impl_->wrap(plan.x, in)},
                      {DNNL_ARG_WEIGHTS, impl_->wrap(plan.w, weights)},
                      {DNNL_ARG_DST, impl_->wrap(plan.y, advance(y, call, y_bytes(s)))},
                      {DNNL_ARG_SCRATCHPAD, impl_->wrap(plan.scratchpad, scratchpads.of(part))}});
  });
}

void OneDnn::conv_backward_data(const ConvShape& whole, const void* dy, WeightRef w, void* dx) {
  const Split split(whole, images_a_call(whole));
  const std::int64_t parts = split.parts, calls = split.calls;
  const ConvShape& s = split.shape;
  Plan& plan = impl_->plan(s, Direction::backward_data);
  const void* weights = impl_->weights(s, plan, w);
  const memory::desc have = picture(s.images, s.height, s.width, s.in, s.in_block, s.x_type);
  const Impl::PartScratch scratchpads(impl_->memory_, parts, plan.scratchpad.get_size());
  const Impl::PartScratch rooms(impl_->memory_, parts, plan.x_out ? plan.x.get_size() : 0);
  for_calls(parts, calls, [&](std::int64_t part, std::int64_t call) {
    void* target = const_cast<void*>(advance(dx, call, x_bytes(s)));
    void* result = plan.x_out ? rooms.of(part) : target;
    dnnl::stream stream(impl_->engine);
    plan.run.execute(stream,
                     {{DNNL_ARG_DIFF_DST, impl_->wrap(plan.y, advance(dy, call, y_bytes(s)))},
                      {DNNL_ARG_WEIGHTS, impl_->wrap(plan.w, weights)},
                      {DNNL_ARG_DIFF_SRC, impl_->wrap(plan.x, result)},
                      {DNNL_ARG_SCRATCHPAD, impl_->wrap(plan.scratchpad, scratchpads.of(part))}});
    if (plan.x_out)
      plan.x_out->execute(stream, {{DNNL_ARG_FROM, impl_->wrap(plan.x, result)},
                                   {DNNL_ARG_TO, impl_->wrap(have, target)}});
  });
}

// Each part sums over its own images; the parts' sums are then added in order.
void OneDnn::conv_backward_weights(const ConvShape& whole, const void* x, const void* dy, float* dw,
                                   bool accumulate) {
  const Split split(whole, kAllImages);
  const std::int64_t parts = split.parts;
  const ConvShape& s = split.shape;
  Plan& plan = impl_->plan(s, Direction::backward_weights);
  const std::size_t bytes = plan.w.get_size();
  const Impl::Scratch gradients(impl_->memory_, static_cast<std::size_t>(parts) * bytes);
  const Impl::PartScratch scratchpads(impl_->memory_, parts, plan.scratch_bytes());
  const Impl::PartScratch rooms(impl_->memory_, parts, plan.x_in ? plan.x.get_size() : 0);
  for_parts(parts, [&](std::int64_t part) {
    const void *x_part = advance(x, part, x_bytes(s)), *dy_part = advance(dy, part, y_bytes(s));
    const void* sums = advance(gradients.data, part, bytes);
    if (plan.product)
      return impl_->run_product(s, *plan.product, x_part, dy_part,
                                static_cast<float*>(const_cast<void*>(sums)), scratchpads.of(part));
    const void* in = impl_->bridged(s, plan, x_part, rooms.of(part));
    plan.run.execute(dnnl::stream(impl_->engine),
                     {{DNNL_ARG_SRC, impl_->wrap(plan.x, in)},
                      {DNNL_ARG_DIFF_DST, impl_->wrap(plan.y, dy_part)},
                      {DNNL_ARG_DIFF_WEIGHTS, impl_->wrap(plan.w, sums)},
                      {DNNL_ARG_SCRATCHPAD, impl_->wrap(plan.scratchpad, scratchpads.of(part))}});
  });
  auto* sum = static_cast<float*>(gradients.data);
  const auto floats = static_cast<std::int64_t>(bytes / sizeof(float));
  const bool plain = plan.product.has_value();
  parallel_for(plain || parts > 1 ? floats : 0, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = 1; part < parts; ++part)
      for (std::int64_t i = begin; i < end; ++i) sum[i] += sum[part * floats + i];
    if (plain)
      for (std::int64_t i = begin; i < end; ++i) dw[i] = accumulate ? dw[i] + sum[i] : sum[i];
  });
  if (plain) return;

  const std::int64_t count = s.out * s.in * s.kernel * s.kernel;
  const Impl::Scratch room(impl_->memory_,
                           accumulate ? static_cast<std::size_t>(count) * sizeof(float) : 0);
  float* plain_sum = accumulate ? static_cast<float*>(room.data) : dw;
  plan.w_out->execute(impl_->stream,
                      {{DNNL_ARG_FROM, impl_->wrap(plan.w, sum)},
                       {DNNL_ARG_TO, impl_->wrap(impl_->plain_weights(s), plain_sum)}});
  if (!accumulate) return;
  parallel_for(count, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) dw[i] += plain_sum[i];
  });
}

void OneDnn::reorder(const Picture& from, const void* source, const Picture& to, void* target) {
  const auto a = picture(from.n, from.h, from.w, from.c, from.block, from.type);
  const auto b = picture(to.n, to.h, to.w, to.c, to.block, to.type);
  impl_->bridge(a, b).execute(impl_->stream, {{DNNL_ARG_FROM, impl_->wrap(a, source)},
                                              {DNNL_ARG_TO, impl_->wrap(b, target)}});
}

void OneDnn::gemm(const Product& p, const float* a, const float* b, float* c) {
  const auto status =
      dnnl_sgemm(p.transpose_a ? 'T' : 'N', p.transpose_b ? 'T' : 'N', p.m, p.n, p.k, 1.f, a,
                 p.transpose_a ? p.m : p.k, b, p.transpose_b ? p.k : p.n, p.beta, c, p.n);
  check(status == dnnl_success, "matrix product [{}, {}] x [{}, {}]: oneDNN status {}", p.m, p.k,
        p.k, p.n, static_cast<int>(status));
}

}  // namespace peclr
