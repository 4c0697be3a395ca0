// SPDX-License-Identifier: Apache-2.0
// What cuDNN 9 offers for a convolution (its graph interface): NHWC, f32 or bf16, sums in f32,
// engines that always give the same bits. All that calls cuDNN is in conv_plans.cpp.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "engine/cuda/conv_shape.h"
#include "engine/cuda/plan_file.h"
#include "engine/error.h"
#include "kernels/stream.h"

namespace peclr::cuda {

// cuDNN does not support what it is asked for; other refusals are faults of ours or the machine's.
class NotSupported : public Error {
 public:
  explicit NotSupported(const std::string& text) : Error(ErrorKind::failure, text) {}
};

std::string cudnn_version();         // "cuDNN 9.19.0"
std::size_t cudnn_version_number();  // 91900

// The card that plans are for.
class PlanTarget {
 public:
  // The calling thread's, called `name`; plans run in `stream`. Throws Error(device) where cuDNN
  // does not start.
  PlanTarget(Stream stream, const std::string& name);
  // One that need not be there: cuDNN's JSON of its properties. Engines that compile for the card
  // make no plan then, as that needs its driver, and no plan can run.
  explicit PlanTarget(const std::string& properties);
  ~PlanTarget();
  PlanTarget(const PlanTarget&) = delete;
  PlanTarget& operator=(const PlanTarget&) = delete;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

class ConvPlan {
 public:
  struct Made;
  ConvPlan(std::shared_ptr<const Made> made, PlanChoice of, std::int64_t bytes)
      : choice(std::move(of)), workspace_bytes(bytes), made_(std::move(made)) {}

  // Asks for it; the fault in cuDNN's words, or nothing.
  std::optional<std::string> run(const ConvOperands& operands, void* workspace) const;

  PlanChoice choice;
  std::int64_t workspace_bytes;

 private:
  std::shared_ptr<const Made> made_;
};

// Of one convolution. The target outlives this and its plans.
class ConvPlans {
 public:
  // Throws NotSupported where cuDNN has no such convolution, Error(failure) where it makes no
  // sense.
  ConvPlans(const PlanTarget& target, ConvPass pass, const ConvShape& shape, Tf32 tf32);
  ~ConvPlans();

  // How many settings of engines cuDNN proposes, the most promising first.
  std::size_t proposals();
  // The plan of a proposal, or of a choice that was kept. Nothing where the engine is not exact, or
  // with a fault where cuDNN cannot make it. Some compile for a second.
  std::optional<ConvPlan> make(std::size_t proposal, std::string& fault);
  std::optional<ConvPlan> make(const PlanChoice& choice, std::string& fault);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace peclr::cuda
