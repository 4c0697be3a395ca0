// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/machine.h"

#include <cuda_runtime_api.h>

#include <fstream>

#include "benchmarks/gpu/counted_backend.h"
#include "benchmarks/gpu/cuda/cache_flush.h"
#include "benchmarks/gpu/cuda/cudnn_baseline.h"
#include "benchmarks/gpu/random_tensor.h"
#include "benchmarks/quartiles.h"
#include "engine/cuda/cuda_backend.h"
#include "engine/cuda/timing.h"

namespace peclr::bench {
namespace {

constexpr std::int64_t kCopied = 1 << 30, kSide = 8192;
constexpr int kRounds = 10;

class CudaMachine final : public Machine {
 public:
  explicit CudaMachine(int gpu)
      : backend_(CudnnBackend::Options{gpu, cuda::Tf32::off}),
        library_gpu_(gpu),
        library_memory_(cuda::gpu_allocate, cuda::gpu_free, cuda::gpu_memory_text),
        blas_(library_gpu_, library_memory_, false),
        libraries_(make_libraries(backend_, library_gpu_.stream(), blas_)),
        watch_(backend_.stream()),
        library_watch_(library_gpu_.stream()),
        flush_(backend_) {}

  Backend& backend() override { return backend_; }
  Stream stream() override { return backend_.stream(); }
  Libraries* libraries() override { return libraries_.get(); }

  std::vector<std::pair<std::string, std::string>> facts() override {
    std::ifstream file("/proc/driver/nvidia/version");
    std::string driver;
    std::getline(file, driver);
    return {
        {"device", backend_.description()},
        {"driver", driver.empty() ? "unknown" : driver},
        {"caches",
         "256 MiB are written and read before each run, so that nothing of its data is there and "
         "nothing is left to be written"}};
  }

  Rates measure_rates() override {
    Rates rates{};
    {
      const Tensor from(backend_, {kCopied}, DType::u8), to(backend_, {kCopied}, DType::u8);
      backend_.zero(from);
      const auto copy = [&] {
        cuda::check_cuda(
            cudaMemcpyAsync(to.raw(), from.raw(), kCopied, cudaMemcpyDeviceToDevice, stream()),
            "copying on the GPU");
      };
      cuda::warm_up(watch_, 1, copy);
      rates.copy = 2 * kCopied / seconds(Whose::ours, copy);
    }
    rates.products = product_rate(DType::bf16);
    rates.operations = product_rate(DType::f32);
    return rates;
  }

  double microseconds(Whose whose, const Job& job) override {
    const bool ours = whose == Whose::ours;
    const auto flush = [&] { flush_.enqueue(ours ? stream() : library_gpu_.stream()); };
    return (ours ? watch_ : library_watch_).microseconds(1, flush, job);
  }
  void reset_peak() override { backend_.reset_peak(); }
  std::int64_t peak_bytes() const override { return backend_.peak_bytes(); }

 private:
  double seconds(Whose whose, const Job& job) {
    std::vector<double> times;
    for (int i = -3; i < kRounds; ++i)
      if (const double time = microseconds(whose, job); i >= 0) times.push_back(1e-6 * time);
    return Quartiles(times).median;
  }

  double product_rate(DType type) {
    const Tensor a = random_tensor(backend_, {kSide, kSide}, type),
                 b = random_tensor(backend_, {kSide, kSide}, type),
                 c(backend_, {kSide, kSide}, DType::f32);
    backend_wait();
    return 2. * kSide * kSide * kSide / seconds(Whose::library, [&] {
             blas_.run({kSide, kSide, kSide, false, true, 0, type}, a.raw(), b.raw(), nullptr,
                       c.data<float>());
           });
  }

  void backend_wait() { cuda::check_cuda(cudaStreamSynchronize(stream()), "waiting for the GPU"); }

  CountedBackend<CudaBackend> backend_;
  cuda::Context library_gpu_;  // the same card, a stream of its own
  CachingAllocator library_memory_;
  cuda::Blas blas_;
  std::unique_ptr<Libraries> libraries_;
  cuda::Stopwatch watch_, library_watch_;
  CacheFlush flush_;
};

}  // namespace

std::unique_ptr<Machine> make_machine(const std::string& device, int gpu) {
  if (device != "cuda")
    fail(ErrorKind::device, "--device {}: this build is for CUDA (--device cuda)", device);
  return std::make_unique<CudaMachine>(gpu);
}

}  // namespace peclr::bench
