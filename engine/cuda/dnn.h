// SPDX-License-Identifier: Apache-2.0
// Convolutions by cuDNN 9 (its graph interface): NHWC, f32 or bf16, sums in f32, engines that
// always give the same bits. For each shape the fastest of the engines that cuDNN proposes is found
// by timing them on first use, and kept in a file.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/allocator.h"
#include "engine/cuda/context.h"
#include "engine/cuda/conv_shape.h"
#include "engine/cuda/plan_file.h"

namespace peclr::cuda {

struct ConvOperands {
  void *x, *w, *y;  // one of them is the result
};

// Whether f32 products may be taken of numbers cut to 10 bits of mantissa (TF32).
enum class Tf32 { off, on };

class Dnn {
 public:
  struct Options {
    Tf32 tf32 = Tf32::off;
    std::string plan_file;  // "": timings are kept in memory only
  };
  // Scratch comes from `memory`. Throws Error(device) where cuDNN does not start.
  Dnn(const Context& gpu, CachingAllocator& memory, Options options);
  ~Dnn();
  Dnn(const Dnn&) = delete;
  Dnn& operator=(const Dnn&) = delete;

  static std::string version();         // "cuDNN 9.19.0"
  static std::size_t version_number();  // 91900

  // Computes y, dx (in x's place) or dw (in w's, f32). Addresses are multiples of 16. `tf32` allows
  // it for this one, as the options do for all. False where no engine of cuDNN's takes this
  // convolution on this card.
  bool run(ConvPass pass, const ConvShape& shape, const ConvOperands& operands,
           Tf32 tf32 = Tf32::off);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A plan that cuDNN offers.
struct OfferedPlan {
  PlanChoice choice;
  std::int64_t workspace_bytes;
};

// What cuDNN offers for a card that need not be there: `card` is cuDNN's JSON of its properties.
// Engines that compile for the card are left out, as that needs its driver. Throws Error(failure)
// where cuDNN does not accept the convolution.
std::vector<OfferedPlan> offered_plans(ConvPass pass, const ConvShape& shape, Tf32 tf32,
                                       const std::string& card);

// The plan of a choice that was kept; nothing where this cuDNN cannot make it.
std::optional<OfferedPlan> kept_plan(ConvPass pass, const ConvShape& shape, Tf32 tf32,
                                     const std::string& card, const PlanChoice& choice);

}  // namespace peclr::cuda
