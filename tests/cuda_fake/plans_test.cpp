// SPDX-License-Identifier: Apache-2.0
// Which plan is taken, what is kept of it, and the memory that it works in.
#include <cuda_runtime_api.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "engine/cuda/blas.h"
#include "engine/cuda/dnn.h"
#include "engine/cuda/plan_file.h"
#include "engine/cuda/scratch.h"
#include "engine/cuda/timing.h"
#include "tests/cuda_fake/dnn/engines.h"
#include "tests/support/environment.h"
#include "tests/support/files.h"

namespace peclr::fake {
namespace {

using cuda::ConvPass;
using test::EnvironmentVariable;

constexpr std::int64_t kMiB = 1 << 20;

EnvironmentVariable engines(const char* planted) { return {"PECLR_FAKE_ENGINES", planted}; }

// A card on which `mib` are free.
EnvironmentVariable free_memory(std::size_t mib) {
  std::size_t free = 0, all = 0;
  cudaMemGetInfo(&free, &all);
  return {"PECLR_FAKE_MEMORY_MIB", std::to_string(((all - free) >> 20) + 1 + mib).c_str()};
}

struct Card {
  cuda::Context gpu{0};
  CachingAllocator memory{cuda::gpu_allocate, cuda::gpu_free};
  test::TempFolder folder;
  std::string file = folder / "plans.json";
  char* const bytes = static_cast<char*>(memory.allocate(kMiB));
  cuda::Dnn::Options options{.plan_file = file};

  ~Card() { memory.release(bytes, kMiB); }

  static cuda::ConvShape shape(DType type, std::int64_t images = 1) {
    return {images, 4, 4, 8, 8, 3, 1, 1, type};
  }
  bool run(cuda::Dnn& dnn, ConvPass pass, const cuda::ConvShape& s) const {
    return dnn.run(pass, s, {bytes, bytes + (64 << 10), bytes + (128 << 10)});
  }
  // As a process would that begins now.
  bool run_anew(ConvPass pass, const cuda::ConvShape& s) {
    cuda::Dnn dnn(gpu, memory, options);
    return run(dnn, pass, s);
  }
  cuda::KnownPlans kept() const {
    return std::filesystem::exists(file) ? cuda::parse_plans(test::read_bytes(file))
                                         : cuda::KnownPlans();
  }
  void keep(ConvPass pass, const cuda::ConvShape& s, std::int64_t engine) const {
    test::write_bytes(file, cuda::text_of({{text_of(pass, s), cuda::PlanChoice{engine, {}, 1}}}));
  }
  std::int64_t reserved() const { return memory.stats().bytes_reserved; }
};

TEST_CASE("cuda plans: that no engine runs is kept where another form can do it", "[fake]") {
  Card card;
  const cuda::ConvShape bf16 = Card::shape(DType::bf16), f32 = Card::shape(DType::f32);
  {
    const EnvironmentVariable none = engines("none");
    CHECK_FALSE(card.run_anew(ConvPass::forward, bf16));
    CHECK_FALSE(card.run_anew(ConvPass::forward, f32));
  }
  CHECK(card.kept() == cuda::KnownPlans{{text_of(ConvPass::forward, bf16), std::nullopt}});
  CHECK_FALSE(card.run_anew(ConvPass::forward, bf16));
  CHECK(card.run_anew(ConvPass::forward, f32));
  std::filesystem::remove(card.file);
  CHECK(card.run_anew(ConvPass::forward, bf16));
}

TEST_CASE("cuda plans: a graph that cuDNN does not support is no plan, nonsense is an error",
          "[fake]") {
  Card card;
  const cuda::ConvShape shape = Card::shape(DType::bf16);
  {
    const EnvironmentVariable refused = engines("refused");
    CHECK_FALSE(card.run_anew(ConvPass::backward_weights, shape));
  }
  CHECK(card.kept().empty());
  CHECK(card.run_anew(ConvPass::backward_weights, shape));
  cuda::ConvShape nonsense = shape;
  nonsense.out = 0;
  CHECK_THROWS_AS(card.run_anew(ConvPass::backward_weights, nonsense), Error);
}

TEST_CASE("cuda plans: several runs are timed as one, behind work that is not", "[fake]") {
  Card card;
  cuda::Stopwatch watch(card.gpu.stream());
  std::string order;
  const auto work = [&](char name) {
    order += name;
    cuda::fill_zero(card.bytes, 16, card.gpu.stream());
  };
  const double each = watch.microseconds(
      4,
      [&] {
        for (int i = 0; i < 7; ++i) work('a');
      },
      [&] { work('b'); });
  CHECK(order == "aaaaaaabbbb");
  CHECK(each == Approx(5. / 4));  // the stand-in counts pieces of work, of which one is the event

  REQUIRE(card.run_anew(ConvPass::forward, Card::shape(DType::bf16)));
  for (const auto& [name, plan] : card.kept()) CHECK(plan.value().microseconds == Approx(6. / 5));
}

TEST_CASE("cuda plans: all work in one block of scratch", "[fake]") {
  Card card;
  const cuda::ConvShape small = Card::shape(DType::bf16), large = Card::shape(DType::bf16, 2);
  card.keep(ConvPass::forward, large, kLarge);
  cuda::Dnn dnn(card.gpu, card.memory, card.options);
  cuda::Blas blas(card.gpu, card.memory, false);
  const auto all = [&](bool with_large) {
    for (const ConvPass pass : {ConvPass::forward, ConvPass::backward_weights})
      CHECK(card.run(dnn, pass, small));
    if (with_large) CHECK(card.run(dnn, ConvPass::forward, large));
    const auto* a = card.bytes;
    blas.run({8, 8, 8, false, false, 0.f}, a, a, nullptr,
             reinterpret_cast<float*>(card.bytes + 4096));
  };
  const auto scratch = static_cast<std::int64_t>(cuda::kScratchBytes);
  all(false);
  CHECK(card.reserved() == kMiB + scratch);
  CHECK(card.run(dnn, ConvPass::forward, large));
  CHECK(card.reserved() == kMiB + 96 * kMiB);  // the smaller went back
  all(true);
  const std::int64_t asked = card.memory.stats().system_allocations;
  all(true);
  CHECK(card.memory.stats().system_allocations == asked);
  CHECK(card.reserved() == kMiB + 96 * kMiB + scratch);  // the products'
}

TEST_CASE("cuda plans: a step that was recorded keeps its scratch when that of others grows",
          "[fake]") {
  Card card;
  const cuda::ConvShape small = Card::shape(DType::bf16), large = Card::shape(DType::bf16, 2);
  card.keep(ConvPass::forward, large, kLarge);
  cuda::Dnn dnn(card.gpu, card.memory, card.options);
  {
    const CachingAllocator::StepScope step(card.memory);
    CHECK(card.run(dnn, ConvPass::forward, small));
  }
  card.memory.keep_step_blocks(true);
  CHECK(card.run(dnn, ConvPass::forward, large));
  CHECK(card.reserved() == kMiB + static_cast<std::int64_t>(cuda::kScratchBytes) + 96 * kMiB);
}

TEST_CASE("cuda plans: what wants more than 2 GiB of scratch is for where nothing else runs",
          "[fake]") {
  const cuda::ConvShape shape = Card::shape(DType::bf16);
  const auto engine = [&](const char* planted) {
    Card card;
    const EnvironmentVariable plant = engines(planted);
    CHECK(card.run_anew(ConvPass::forward, shape));
    return card.kept().at(text_of(ConvPass::forward, shape)).value().engine;
  };
  CHECK(engine("large") != kHuge);
  CHECK(engine("huge") == kHuge);
}

TEST_CASE("cuda plans: blocks that wait make room for a plan that is tried", "[fake]") {
  Card card;
  card.memory.release(card.memory.allocate(120 * kMiB), 120 * kMiB);
  const EnvironmentVariable few = free_memory(50);
  CHECK_FALSE(cuda::TemporaryRoom(card.memory, 200 * kMiB).enough());
  card.memory.release(card.memory.allocate(120 * kMiB), 120 * kMiB);
  CHECK(cuda::TemporaryRoom(card.memory, 96 * kMiB).enough());
  CHECK(card.reserved() == kMiB);
}

TEST_CASE("cuda plans: what was chosen for lack of room is not kept", "[fake]") {
  Card card;
  const cuda::ConvShape shape = Card::shape(DType::bf16), other = Card::shape(DType::bf16, 2);
  const EnvironmentVariable large = engines("large");
  card.keep(ConvPass::forward, other, kLarge);
  {
    const EnvironmentVariable few = free_memory(100);  // scratch and a bit
    CHECK(card.run_anew(ConvPass::forward, shape));
    CHECK(card.kept().size() == 1);
    CHECK(card.run_anew(ConvPass::forward, other));
    CHECK(card.kept().at(text_of(ConvPass::forward, other)).value().engine == kLarge);
  }
  CHECK(card.run_anew(ConvPass::forward, shape));
  CHECK(card.kept().size() == 2);
}

// Another form of the convolution would want no less, and be slower.
TEST_CASE("cuda plans: where only room is lacking, memory is full, whatever the type", "[fake]") {
  const EnvironmentVariable huge = engines("huge");
  for (const DType type : {DType::f32, DType::bf16}) {
    CAPTURE(name_of(type));
    Card card;
    const cuda::ConvShape shape = Card::shape(type);
    cuda::Dnn dnn(card.gpu, card.memory, card.options);
    {
      const EnvironmentVariable few = free_memory(100);
      std::string text;
      try {
        card.run(dnn, ConvPass::backward_weights, shape);
      } catch (const OutOfMemory& e) {
        text = e.what();
      }
      CHECK(text.starts_with("room for " + text_of(ConvPass::backward_weights, shape) +
                             ": out of memory: 3072 MiB asked for, "));
      CHECK(card.kept().empty());
    }
    CHECK(card.run(dnn, ConvPass::backward_weights, shape));
  }
}

}  // namespace
}  // namespace peclr::fake
