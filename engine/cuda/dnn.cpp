// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/dnn.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "engine/cuda/conv_plans.h"
#include "engine/cuda/timing.h"
#include "engine/error.h"

namespace peclr::cuda {

struct Dnn::Impl {
  Impl(const Context& gpu, CachingAllocator& allocator, Options chosen)
      : memory(allocator),
        options(std::move(chosen)),
        file(options.plan_file),
        target((enter_gpu(), gpu.stream()), gpu.facts().name),
        stopwatch(gpu.stream()) {}

  // What it takes, or nothing where it does not run.
  std::optional<double> time(const ConvPlan& plan, const ConvOperands& operands) {
    constexpr int kRuns = 5;
    const TemporaryRoom room(plan.workspace_bytes);
    if (!room.enough() || plan.run(operands, room.data())) return {};
    stopwatch.microseconds([] {});  // waits: the first run may still load the kernel
    double best = 1e30;
    for (int i = 0; i < kRuns; ++i)
      best = std::min(best, stopwatch.microseconds([&] { plan.run(operands, room.data()); }));
    return best;
  }

  // The fastest of what cuDNN proposes; among those within 3 % of it, what timings differ by
  // anyway, the one that wants the least memory. Time and number are limited: the engines of bf16
  // gradients of weights compile for a second each, a network has a dozen such shapes, the best are
  // among the first, and what is fast already pays back little.
  std::optional<ConvPlan> fastest(ConvPlans& plans_of_shape, const std::string& name,
                                  const ConvOperands& operands) {
    constexpr std::size_t kMost = 24;
    constexpr double kLongest = 2, kRepaid = 20'000, kAsFast = 1.03;  // seconds; runs; ratio
    const auto begin = std::chrono::steady_clock::now();
    const auto enough = [&](std::size_t timed, double best_microseconds) {
      const std::chrono::duration<double> so_far = std::chrono::steady_clock::now() - begin;
      return timed == kMost ||
             so_far.count() > std::min(kLongest, kRepaid * 1e-6 * best_microseconds);
    };
    std::vector<ConvPlan> timed;
    double best = 1e30;
    for (std::size_t i = 0; i < plans_of_shape.proposals(); ++i) {
      if (!timed.empty() && enough(timed.size(), best)) break;
      std::string fault;
      std::optional<ConvPlan> plan = plans_of_shape.make(i, fault);
      const std::optional<double> took = plan ? time(*plan, operands) : std::nullopt;
      if (plan && !took) fault = fmt::format("engine {} does not run", plan->choice.engine);
      if (!fault.empty()) fmt::print(stderr, "{}: a plan is skipped: {}\n", name, fault);
      if (!took) continue;
      best = std::min(best, *took);
      plan->choice.microseconds = *took;
      timed.push_back(std::move(*plan));
    }
    std::erase_if(timed, [&](const ConvPlan& p) { return p.choice.microseconds > kAsFast * best; });
    const auto least = std::ranges::min_element(timed, {}, &ConvPlan::workspace_bytes);
    return least == timed.end() ? std::nullopt : std::optional(std::move(*least));
  }

  // Whether a plan that another process found runs here and now: what it fails with, or nothing.
  std::optional<std::string> fault_of(const ConvPlan& plan, const ConvOperands& operands) {
    const TemporaryRoom room(plan.workspace_bytes);
    if (!room.enough()) return fmt::format("no room of {} MiB", plan.workspace_bytes >> 20);
    return plan.run(operands, room.data());
  }

  // The plan of the file where there is one, else the fastest.
  std::optional<ConvPlan> find(ConvPass pass, const ConvShape& shape, Tf32 tf32,
                               const ConvOperands& operands) {
    const std::string name = text_of(pass, shape) + (tf32 == Tf32::on ? ", tf32" : "");
    ConvPlans plans_of_shape(target, pass, shape, tf32);
    if (const std::optional<PlanChoice> known = file.find(name)) {
      std::string fault;
      if (std::optional<ConvPlan> plan = plans_of_shape.make(*known, fault)) {
        const std::optional<std::string> problem = fault_of(*plan, operands);
        if (!problem) return plan;
        fault = *problem;
      }
      fmt::print(stderr, "{}: the plan of the file is skipped: {}\n", name, fault);
    }
    std::optional<ConvPlan> best = fastest(plans_of_shape, name, operands);
    if (best) file.store(name, best->choice);
    return best;
  }

  CachingAllocator& memory;
  Options options;
  PlanFile file;
  PlanTarget target;
  Stopwatch stopwatch;
  std::map<std::tuple<ConvPass, ConvShape, Tf32>, std::optional<ConvPlan>> plans;
};

Dnn::Dnn(const Context& gpu, CachingAllocator& memory, Options options)
    : impl_(std::make_unique<Impl>(gpu, memory, std::move(options))) {}
Dnn::~Dnn() = default;

bool Dnn::run(ConvPass pass, const ConvShape& shape, const ConvOperands& operands, Tf32 tf32) {
  enter_gpu();
  if (impl_->options.tf32 == Tf32::on) tf32 = Tf32::on;
  for (const void* p : {operands.x, operands.w, operands.y})
    check(reinterpret_cast<std::uintptr_t>(p) % 16 == 0, "{}: an operand is not aligned",
          text_of(pass, shape));
  const std::tuple key(pass, shape, tf32);
  auto it = impl_->plans.find(key);
  if (it == impl_->plans.end())
    it = impl_->plans.emplace(key, impl_->find(pass, shape, tf32, operands)).first;
  if (!it->second) return false;
  const ConvPlan& plan = *it->second;
  const auto bytes = static_cast<std::size_t>(plan.workspace_bytes);
  void* workspace = nullptr;
  try {
    if (bytes > 0) workspace = impl_->memory.allocate(bytes);
  } catch (const OutOfMemory& e) {
    throw OutOfMemory(fmt::format("room for {}: {}", text_of(pass, shape), e.what()));
  }
  const std::optional<std::string> fault = plan.run(operands, workspace);
  // The next to get this memory works behind us in the same stream.
  if (workspace) impl_->memory.release(workspace, bytes);
  check(!fault, "{}: {}", text_of(pass, shape), fault.value_or(""));
  return true;
}

}  // namespace peclr::cuda
