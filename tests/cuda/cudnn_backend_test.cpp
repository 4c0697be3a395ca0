// SPDX-License-Identifier: Apache-2.0
// What only a GPU shows: copies, plans that are kept, a full card. Skipped where there is none;
// what the operations calculate is tested with PECLR_TEST_DEVICE=cuda by the tests of all devices.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <numeric>
#include <thread>

#include "engine/cuda/cuda_backend.h"
#include "engine/gpu/elementwise.h"
#include "kernels/random.h"
#include "tests/support/environment.h"
#include "tests/support/files.h"

namespace peclr {
namespace {

using test::Caught;
using test::caught;

bool no_gpu() {
  const std::string problem = cuda::problem_of(cuda::survey_gpus());
  if (!problem.empty()) WARN("skipped: " << problem);
  return !problem.empty();
}

// The user's cache in a folder of the test, for the time of one.
class OwnCache {
 public:
  std::string text() const {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path()))
      if (entry.is_regular_file()) all += test::read_bytes(entry.path().string());
    return all;
  }

 private:
  test::TempFolder folder_;
  test::EnvironmentVariable cache_{"XDG_CACHE_HOME", folder_.path().c_str()};
};

std::vector<float> random(std::int64_t count, std::uint64_t seed) {
  Rng rng = Rng::of(seed, 0xC0DA);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = rng.uniform(-1, 1);
  return values;
}

TEST_CASE("cuda: uploads of all sizes and from several threads arrive whole", "[cuda]") {
  if (no_gpu()) return;
  CudaBackend backend;
  for (const std::int64_t count : {1, 3, 1000, (1 << 18) - 1, (1 << 18) + 1, 20 << 20}) {
    std::vector<float> values(static_cast<std::size_t>(count));
    std::iota(values.begin(), values.end(), 1.f);
    CHECK(Tensor::from_host(backend, {count}, values).to_host() == values);
  }
  std::vector<Tensor> made(8);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < made.size(); ++t)
    threads.emplace_back(
        [&, t] { made[t] = Tensor::from_host(backend, {3 << 20}, random(3 << 20, t)); });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < made.size(); ++t) CHECK(made[t].to_host() == random(3 << 20, t));
}

// y, dx and dw of one convolution, on a backend of its own.
std::vector<std::vector<float>> convolve(DType type) {
  CudaBackend backend;
  const Tensor x32 = Tensor::from_host(backend, {8, 14, 14, 64}, random(8 * 14 * 14 * 64, 1));
  const Tensor w = Tensor::from_host(backend, {128, 3, 3, 64}, random(128 * 9 * 64, 2));
  const Tensor dw(backend, w.shape(), DType::f32);
  const Shape out{8, 7, 7, 128};
  const Tensor x = backend.activation(x32.shape(), type),
               dx = backend.activation(x32.shape(), type), y = backend.activation(out, type);
  if (type == DType::bf16)
    gpu::cast(backend.stream(), x32, x);
  else
    x.copy_from_host(x32.to_host());
  const ConvSpec spec{2, 1};
  backend.conv_forward(spec, x, w, y);
  backend.conv_backward_data(spec, y, w, dx);
  backend.conv_backward_weights(spec, x, y, dw, Write::overwrite);
  backend.conv_backward_weights(spec, x, y, dw, Write::accumulate);
  return {y.to_host(), dx.to_host(), dw.to_host()};
}

TEST_CASE("cuda: plans are timed once, and give the same bits ever after", "[cuda]") {
  if (no_gpu()) return;
  const OwnCache cache;
  for (const DType type : {DType::f32, DType::bf16}) {
    const auto first = convolve(type);
    const std::string plans = cache.text();
    CHECK(plans.find("forward " + std::string(name_of(type)) + " 8x14x14x64 to 128") !=
          std::string::npos);
    CHECK(convolve(type) == first);
    CHECK(cache.text() == plans);
  }
}

TEST_CASE("cuda: a full card is an error that says how much, for what, and of which card",
          "[cuda]") {
  if (no_gpu()) return;
  CudaBackend backend;
  const Caught error = caught([&] { Tensor(backend, {1 << 20, 1 << 22}, DType::f32); });
  CAPTURE(error.text);
  CHECK(error.kind == static_cast<int>(ErrorKind::failure));
  CHECK(error.one_line());
  CHECK(error.names("a tensor [1048576, 4194304] of f32"));
  CHECK(error.names("16777216 MiB asked for"));
  CHECK(error.names("GiB free"));
  CHECK(Tensor::from_host(backend, {2}, std::vector<float>{1, 2}).to_host() ==
        std::vector<float>{1, 2});  // the backend goes on
}

}  // namespace
}  // namespace peclr
