// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/dnn.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/cuda/conv_plans.h"
#include "engine/cuda/plan_search.h"
#include "engine/cuda/scratch.h"
#include "engine/cuda/timing.h"
#include "engine/error.h"
#include "engine/say.h"

namespace peclr::cuda {

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

struct Dnn::Impl {
  Impl(const Context& gpu, CachingAllocator& allocator, Options chosen)
      : memory(allocator),
        options(std::move(chosen)),
        file(options.plan_file),
        target((enter_gpu(), gpu.stream()), gpu.facts().name),
        stream(gpu.stream()),
        stopwatch(gpu.stream()) {}

  // Runs it once, then does `then` with the same scratch. What it fails with here and now, or
  // nothing.
  template <class F>
  std::optional<std::string> fault_of(const ConvPlan& plan, const ConvOperands& operands, F then) {
    const TemporaryRoom room(memory, plan.workspace_bytes);
    if (!room.enough()) {
      const std::int64_t mib = plan.workspace_bytes >> 20;
      lacked_mib = std::min(lacked_mib.value_or(mib), mib);
      return fmt::format("there is no room for {} MiB of scratch", mib);
    }
    std::optional<std::string> fault = plan.run(operands, room.data());
    if (!fault) then(room.data());
    return fault;
  }

  // The microseconds of `choice`. What it fails with, or nothing.
  std::optional<std::string> time(ConvPlan& plan, const ConvOperands& operands,
                                  const std::function<void()>& ahead) {
    constexpr int kRuns = 5;
    return fault_of(plan, operands, [&](void* room) {
      stopwatch.microseconds([] {});  // waits: the first run may still load the kernel
      plan.choice.microseconds =
          stopwatch.microseconds(kRuns, ahead, [&] { plan.run(operands, room); });
    });
  }

  // The fastest of what cuDNN proposes; among those within 3 % of it, what timings differ by
  // anyway, the one that wants the least memory.
  std::optional<ConvPlan> fastest(ConvPlans& plans_of_shape, const std::string& name,
                                  const ConvOperands& operands) {
    constexpr double kAsFast = 1.03, kWarm = .3;  // ratio; seconds
    constexpr std::int64_t kMostScratch = std::int64_t{2} << 30;
    const Scratch filled(memory, scratch_for(kScratchBytes), [&] { return name; });
    const auto ahead = [&] {  // 512 MiB: 100 microseconds at 5 TB/s
      for (int i = 0; i < 8; ++i) fill_zero(filled.data(), kScratchBytes, stream);
    };
    static std::once_flag warmed;
    std::call_once(warmed, [&] { warm_up(stopwatch, kWarm, ahead); });

    std::vector<ConvPlan> timed, large;  // large: for where nothing else runs
    SearchSoFar so_far;
    const auto failed = [&](const std::string& fault) {
      say("{}: a plan is skipped: {}\n", name, fault);
      ++so_far.failed;
    };
    const auto try_out = [&](ConvPlan plan) {
      if (const std::optional<std::string> fault = time(plan, operands, ahead))
        return failed(fmt::format("engine {}: {}", plan.choice.engine, *fault));
      const double took = plan.choice.microseconds;
      so_far.best_microseconds = so_far.ran++ ? std::min(so_far.best_microseconds, took) : took;
      timed.push_back(std::move(plan));
    };
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < plans_of_shape.proposals() && !enough(so_far); ++i) {
      std::string fault;
      std::optional<ConvPlan> plan = plans_of_shape.make(i, fault);
      if (plan && plan->workspace_bytes > kMostScratch)
        large.push_back(std::move(*plan));
      else if (plan)
        try_out(std::move(*plan));
      else if (!fault.empty())
        failed(fault);
      so_far.seconds = seconds_since(begin);
    }
    for (std::size_t i = 0; i < large.size() && timed.empty(); ++i) try_out(std::move(large[i]));
    std::erase_if(timed, [&](const ConvPlan& p) {
      return p.choice.microseconds > kAsFast * so_far.best_microseconds;
    });
    const auto least = std::ranges::min_element(timed, {}, &ConvPlan::workspace_bytes);
    return least == timed.end() ? std::nullopt : std::optional(std::move(*least));
  }

  // The plan of the file where there is one, else the fastest; none where no engine takes it.
  // Throws OutOfMemory where some would in more room.
  std::optional<ConvPlan> find(ConvPass pass, const ConvShape& shape, Tf32 tf32,
                               const ConvOperands& operands) {
    const std::string name = text_of(pass, shape) + (tf32 == Tf32::on ? ", tf32" : "");
    const KnownPlan* const known = file.find(name);
    if (known && !*known) {
      if (!std::exchange(told_of_file, true))
        say("{}: no engine takes it, says {}; remove that to have them tried again\n", name,
            options.plan_file);
      return {};
    }
    std::optional<ConvPlans> plans_of_shape;
    try {
      plans_of_shape.emplace(target, pass, shape, tf32);
    } catch (const NotSupported& e) {
      say("{}: no engine takes it: {}\n", name, e.what());
      return {};
    }
    lacked_mib.reset();
    if (known) {
      std::string fault;
      if (std::optional<ConvPlan> plan = plans_of_shape->make(**known, fault)) {
        const std::optional<std::string> problem = fault_of(*plan, operands, [](void*) {});
        if (!problem) return plan;
        fault = *problem;
      }
      say("{}: the plan of the file is skipped: {}\n", name, fault);
    }
    std::optional<ConvPlan> best = fastest(*plans_of_shape, name, operands);
    if (!best && lacked_mib)
      throw OutOfMemory(fmt::format("room for {}: out of memory: {} MiB asked for, {}", name,
                                    *lacked_mib, gpu_memory_text(memory.stats().bytes_reserved)));
    // Another time there may be more room. That nothing takes it is kept where f32 can do it
    // instead; a run that ends of it may as well look again.
    if (!lacked_mib && (best || shape.type != DType::f32))
      file.store(name, best ? KnownPlan(best->choice) : std::nullopt);
    return best;
  }

  // One size for all plans so far, so that they share a block. Steps that were recorded with
  // smaller ones keep those; else these go back when it grows.
  std::size_t scratch_for(std::size_t bytes) {
    const std::size_t rounded = CachingAllocator::size_class(std::max(bytes, kScratchBytes));
    if (rounded > scratch_bytes && scratch_bytes > 0) memory.give_back_waiting();
    return scratch_bytes = std::max(scratch_bytes, rounded);
  }

  CachingAllocator& memory;
  Options options;
  PlanFile file;
  PlanTarget target;
  Stream stream;
  Stopwatch stopwatch;
  std::size_t scratch_bytes = 0;
  std::optional<std::int64_t> lacked_mib;  // the least of a plan that there was no room for
  bool told_of_file = false;
  std::map<std::tuple<ConvPass, ConvShape, Tf32>, std::optional<ConvPlan>> plans;
};

Dnn::Dnn(const Context& gpu, CachingAllocator& memory, Options options)
    : impl_(std::make_unique<Impl>(gpu, memory, std::move(options))) {}
Dnn::~Dnn() = default;

bool Dnn::run(ConvPass pass, const ConvShape& shape, const ConvOperands& operands, Tf32 tf32) {
  enter_gpu();
  if (impl_->options.tf32 == Tf32::on) tf32 = Tf32::on;
  for (const void* p : {operands.x, operands.w, operands.y})
    if (reinterpret_cast<std::uintptr_t>(p) % 16 != 0)  // no names for what goes well
      fail(ErrorKind::failure, "{}: an operand is not aligned", text_of(pass, shape));
  const std::tuple key(pass, shape, tf32);
  auto it = impl_->plans.find(key);
  if (it == impl_->plans.end())
    it = impl_->plans.emplace(key, impl_->find(pass, shape, tf32, operands)).first;
  if (!it->second) return false;
  const ConvPlan& plan = *it->second;
  const auto bytes = static_cast<std::size_t>(plan.workspace_bytes);
  const Scratch scratch(impl_->memory, bytes > 0 ? impl_->scratch_for(bytes) : 0,
                        [&] { return text_of(pass, shape); });
  if (const std::optional<std::string> fault = plan.run(operands, scratch.data()))
    fail(ErrorKind::failure, "{}: {}", text_of(pass, shape), *fault);
  return true;
}

}  // namespace peclr::cuda
