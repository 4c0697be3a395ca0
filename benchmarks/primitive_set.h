// SPDX-License-Identifier: Apache-2.0
// What oneDNN itself needs for the convolutions and norms of a step: each once at its best of
// several layouts, algorithms and ways to share the batch among the threads, on data that are
// already laid out. No reorder, residual, pool or loss, so a step cannot be faster unless our own
// code beats oneDNN's.
#pragma once
#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dnnl.hpp>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/dtype.h"
#include "engine/error.h"
#include "engine/parallel.h"

namespace peclr::bench::cpu {

inline double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// With one thread others may want the core without being counted.
inline double clock_now() { return threads() == 1 ? thread_seconds() : seconds(); }

enum class Part { forward, backward_data, backward_weights, norm, pool, rest };
inline constexpr int kParts = 6;
inline constexpr const char* kPartNames[kParts] = {"convolutions",
                                                   "convolutions, data gradient",
                                                   "convolutions, weight gradient",
                                                   "norms",
                                                   "pools",
                                                   "rest"};
using PartTimes = std::array<double, kParts>;

// A convolution [n, h, w, in] -> out channels, or a norm of [n, h, w, in] with its ReLU (kernel 0).
struct Work {
  Part part;
  bool backward;
  std::int64_t n, h, w, in, out, kernel, stride, padding;
  auto operator<=>(const Work&) const = default;
};
using WorkList = std::map<Work, int>;  // how often a step has it

class PrimitiveSet {
 public:
  PrimitiveSet(const WorkList& list, DType type) : type_(type) {
    std::size_t activation = 0;
    for (const auto& [w, count] : list) {
      items_.push_back({w, count, {}, {}, 0});
      activation = std::max({activation, floats(w.n, w.h, w.w, w.in),
                             floats(w.n, w.h / w.stride, w.w / w.stride, w.out)});
    }
    for (const Role role : {source, gradient, weights, result, small, scratch}) {
      buffers_[role].allocate(role == small     ? std::size_t{1} << 22
                              : role == weights ? std::size_t{1} << 26
                              : role == scratch ? std::size_t{1} << 29
                                                : std::max(activation, std::size_t{1} << 26));
      if (role != scratch) buffers_[role].fill();
    }
    for (Item& item : items_) choose(item);
  }

  PartTimes run() {
    PartTimes times{};
    for (Item& item : items_) {
      const double start = clock_now();
      for (int i = 0; i < item.count; ++i) run(item.call);
      item.time = clock_now() - start;
      times[static_cast<std::size_t>(item.work.part)] += item.time;
    }
    return times;
  }

  // body(work, count, seconds, what was chosen)
  template <class F>
  void for_choices(F body) const {
    for (const Item& item : items_) body(item.work, item.count, item.time, item.choice);
  }

 private:
  using Memory = dnnl::memory;
  using Tag = Memory::format_tag;
  struct Call {
    dnnl::primitive primitive;
    std::vector<std::unordered_map<int, Memory>> arguments;  // of each call of each part
    std::int64_t parts, calls;                               // calls a part
    int threads;
  };
  class Threads {
   public:
    explicit Threads(int count) : before_(omp_get_max_threads()) { omp_set_num_threads(count); }
    ~Threads() { omp_set_num_threads(before_); }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

   private:
    int before_;
  };
  struct Item {
    Work work;
    int count;
    Call call;
    std::string choice;
    double time = 0;  // of the last run
  };
  struct Candidate {
    Tag tag;
    const char* layout;
    dnnl::algorithm algorithm;
    std::int64_t parts, images;  // parts at the same time, images a call
    std::string text() const {
      return fmt::format("{}{}, {} images a call, {}", layout,
                         algorithm == dnnl::algorithm::convolution_auto ? " auto" : "", images,
                         parts > 1 ? "one thread each" : "all threads");
    }
  };

  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  // Memory of a role, shared by all work: what is left in the caches is in oneDNN's favour.
  struct Buffer {
    std::unique_ptr<std::byte, Free> data;
    std::size_t bytes = 0;
    void allocate(std::size_t wanted) {
      constexpr std::size_t kHuge = std::size_t{2} << 20;
      bytes = (wanted + kHuge - 1) / kHuge * kHuge;
      data.reset(static_cast<std::byte*>(std::aligned_alloc(kHuge, bytes)));
      madvise(data.get(), bytes, MADV_HUGEPAGE);
    }
    // Zeroes are not what a network multiplies: small numbers, whether read as f32 or bf16.
    void fill() const {
      auto* half = reinterpret_cast<std::uint16_t*>(data.get());
      for (std::size_t i = 0; i < bytes / 2; ++i)
        half[i] = static_cast<std::uint16_t>(0x3C00 + i * 2654435761u % 0x100 + i % 3 / 2 * 0x8000);
    }
  };

  // Which buffer an argument uses: inputs are never written, so that numbers stay small.
  enum Role { source, gradient, weights, result, small, scratch };
  struct Argument {
    int name;
    Memory::desc desc;
    Role role;
    bool of_images;  // one a call; the others one a part
  };
  using Arguments = std::vector<Argument>;

  static std::size_t floats(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
    return sizeof(float) * static_cast<std::size_t>(n * h * w * ((c + 15) / 16 * 16));
  }

  void choose(Item& item) {
    double best = std::numeric_limits<double>::infinity();
    for (const Candidate& candidate : candidates(item.work)) {
      Call call;
      try {
        call = make(item.work, candidate);
      } catch (const dnnl::error&) {
        continue;  // oneDNN has nothing for this layout
      }
      double least = probe(call);
      for (int i = 0; i < 4 && least < 1.5 * best; ++i) least = std::min(least, probe(call));
      if (least < best) best = least, item.call = call, item.choice = candidate.text();
    }
    check(!item.call.arguments.empty(), "oneDNN has no primitive for {} channels", item.work.in);
  }

  // Seconds of the whole batch, from one call: CPU time where a thread works alone, for others may
  // want the cores.
  double probe(const Call& call) const {
    const auto now = call.parts > 1 || threads() == 1 ? thread_seconds : seconds;
    const Threads one(call.threads);
    dnnl::stream stream(engine_);
    const double start = now();
    call.primitive.execute(stream, call.arguments[0]);
    return (now() - start) * static_cast<double>(call.calls);
  }

  void run(const Call& call) const {
    parallel_for(call.parts, 1, [&](std::int64_t part, std::int64_t) {
      const Threads one(call.threads);
      dnnl::stream stream(engine_);
      for (std::int64_t k = part * call.calls; k < (part + 1) * call.calls; ++k)
        call.primitive.execute(stream, call.arguments[static_cast<std::size_t>(k)]);
    });
  }

  std::vector<Candidate> candidates(const Work& w) const {
    std::vector<Candidate> out;
    const std::int64_t share = w.n / threads();
    std::vector<std::int64_t> sizes;  // images a call
    if (w.kernel > 0)
      for (const std::int64_t size : {8, 16})
        if (size < share && share % size == 0) sizes.push_back(size);
    if (sizes.empty()) sizes.push_back(share);
    for (const auto& [tag, layout] :
         {std::pair{Tag::any, "any"}, std::pair{Tag::nhwc, "NHWC"},
          std::pair{Tag::nChw16c, "nChw16c"}, std::pair{Tag::nChw8c, "nChw8c"}}) {
      if (w.kernel == 0 && tag == Tag::any) continue;
      for (const auto algorithm :
           {dnnl::algorithm::convolution_direct, dnnl::algorithm::convolution_auto}) {
        const bool is_auto = algorithm == dnnl::algorithm::convolution_auto;
        if (is_auto && (w.kernel != 3 || w.stride != 1 || tag != Tag::any)) continue;
        if (threads() > 1) out.push_back({tag, layout, algorithm, 1, w.kernel > 0 ? 16 : w.n});
        for (const std::int64_t size : sizes)
          out.push_back({tag, layout, algorithm, threads(), size});
      }
    }
    return out;
  }

  Memory::data_type data_type() const {
    return type_ == DType::bf16 ? Memory::data_type::bf16 : Memory::data_type::f32;
  }

  Call make(const Work& w, const Candidate& c) const {
    Call call{{}, {}, c.parts, w.n / c.parts / c.images, c.parts > 1 ? 1 : threads()};
    if (call.calls * c.parts * c.images != w.n) throw dnnl::error(dnnl_unimplemented, "batch");
    const Threads one(call.threads);
    Arguments arguments;
    call.primitive = w.kernel > 0 ? convolution(w, c, arguments) : norm(w, c, arguments);
    call.arguments.resize(static_cast<std::size_t>(c.parts * call.calls));
    std::map<Role, std::size_t> used;
    for (const Argument& a : arguments) {
      const std::size_t size = (a.desc.get_size() + 63) / 64 * 64, first = used[a.role];
      used[a.role] += size * static_cast<std::size_t>(a.of_images ? c.parts * call.calls : c.parts);
      const Buffer& buffer = buffers_.at(a.role);
      if (used[a.role] > buffer.bytes) throw dnnl::error(dnnl_out_of_memory, "buffer");
      for (std::size_t k = 0; k < call.arguments.size(); ++k) {
        const std::size_t copy = a.of_images ? k : k / static_cast<std::size_t>(call.calls);
        call.arguments[k].insert_or_assign(
            a.name, Memory(a.desc, engine_, buffer.data.get() + first + copy * size));
      }
    }
    return call;
  }

  // oneDNN's plain loops are never its best, and take minutes.
  template <class Description>
  static Description fast(const Description& d) {
    if (std::strstr(d.impl_info_str(), "ref")) throw dnnl::error(dnnl_unimplemented, "plain loops");
    return d;
  }

  dnnl::primitive convolution(const Work& w, const Candidate& c, Arguments& out) const {
    const std::int64_t oh = (w.h + 2 * w.padding - w.kernel) / w.stride + 1;
    const std::int64_t ow = (w.w + 2 * w.padding - w.kernel) / w.stride + 1;
    // The stem's 3 channels are laid out as oneDNN likes.
    const Memory::desc x({c.images, w.in, w.h, w.w}, data_type(), w.in < 8 ? Tag::any : c.tag);
    const Memory::desc y({c.images, w.out, oh, ow}, data_type(), c.tag);
    const auto weight = [&](Memory::data_type type) {
      return Memory::desc({w.out, w.in, w.kernel, w.kernel}, type, Tag::any);
    };
    const Memory::dims strides{w.stride, w.stride}, pad{w.padding, w.padding};
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, c.algorithm, x, weight(data_type()), y, strides, pad,
         pad},
        attr, engine_);
    if (w.part == Part::forward) {
      out = {{DNNL_ARG_SRC, forward.src_desc(), source, true},
             {DNNL_ARG_WEIGHTS, forward.weights_desc(), weights, false},
             {DNNL_ARG_DST, forward.dst_desc(), result, true},
             {DNNL_ARG_SCRATCHPAD, forward.scratchpad_desc(), scratch, false}};
      return dnnl::convolution_forward(fast(forward));
    }
    if (w.part == Part::backward_data) {
      const dnnl::convolution_backward_data::primitive_desc pd(
          {c.algorithm, x, weight(data_type()), y, strides, pad, pad}, attr, engine_, forward);
      out = {{DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), gradient, true},
             {DNNL_ARG_WEIGHTS, pd.weights_desc(), weights, false},
             {DNNL_ARG_DIFF_SRC, pd.diff_src_desc(), result, true},
             {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc(), scratch, false}};
      return dnnl::convolution_backward_data(fast(pd));
    }
    const dnnl::convolution_backward_weights::primitive_desc pd(
        {c.algorithm, x, weight(Memory::data_type::f32), y, strides, pad, pad}, attr, engine_,
        forward);
    out = {{DNNL_ARG_SRC, pd.src_desc(), source, true},
           {DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), gradient, true},
           {DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc(), result, false},
           {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc(), scratch, false}};
    return dnnl::convolution_backward_weights(fast(pd));
  }

  // Parts normalise by statistics of their own, which a step must not: so much the faster.
  dnnl::primitive norm(const Work& w, const Candidate& c, Arguments& out) const {
    const Memory::desc x({c.images, w.in, w.h, w.w}, data_type(), c.tag);
    const auto flags =
        dnnl::normalization_flags::use_scale_shift | dnnl::normalization_flags::fuse_norm_relu;
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::batch_normalization_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, x, 1e-5f, flags}, attr, engine_);
    if (!w.backward) {
      out = {{DNNL_ARG_SRC, x, source, true},
             {DNNL_ARG_SCALE_SHIFT, forward.weights_desc(), weights, false},
             {DNNL_ARG_MEAN, forward.mean_desc(), small, false},
             {DNNL_ARG_VARIANCE, forward.variance_desc(), small, false},
             {DNNL_ARG_DST, forward.dst_desc(), result, true},
             {DNNL_ARG_WORKSPACE, forward.workspace_desc(), scratch, false},
             {DNNL_ARG_SCRATCHPAD, forward.scratchpad_desc(), scratch, false}};
      return dnnl::batch_normalization_forward(fast(forward));
    }
    const dnnl::batch_normalization_backward::primitive_desc pd(
        {dnnl::prop_kind::backward, x, x, 1e-5f, flags}, attr, engine_, forward);
    out = {{DNNL_ARG_SRC, x, source, true},
           {DNNL_ARG_DIFF_DST, x, gradient, true},
           {DNNL_ARG_SCALE_SHIFT, pd.weights_desc(), weights, false},
           {DNNL_ARG_MEAN, pd.mean_desc(), small, false},
           {DNNL_ARG_VARIANCE, pd.variance_desc(), small, false},
           {DNNL_ARG_WORKSPACE, pd.workspace_desc(), scratch, false},
           {DNNL_ARG_DIFF_SRC, pd.diff_src_desc(), result, true},
           {DNNL_ARG_DIFF_SCALE_SHIFT, pd.diff_weights_desc(), small, false},
           {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc(), scratch, false}};
    return dnnl::batch_normalization_backward(fast(pd));
  }

  DType type_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  std::map<Role, Buffer> buffers_;
  std::vector<Item> items_;
};

}  // namespace peclr::bench::cpu
