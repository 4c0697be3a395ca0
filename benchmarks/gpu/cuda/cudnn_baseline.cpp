// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/cuda/cudnn_baseline.h"

#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <algorithm>

#include "benchmarks/gpu/random_tensor.h"
#include "engine/cuda/context.h"
#include "engine/gpu/elementwise.h"

namespace peclr::bench {
namespace {

constexpr float kOne = 1, kZero = 0;

void need(cudnnStatus_t status, const char* operation) {
  if (status != CUDNN_STATUS_SUCCESS)
    fail(ErrorKind::failure, "cuDNN, {}: {}", operation, cudnnGetErrorString(status));
}

// [N, H, W, C], or a matrix as [rows, 1, 1, columns].
struct Layout {
  cudnnTensorDescriptor_t raw = nullptr;
  Layout(cudnnDataType_t type, std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
    need(cudnnCreateTensorDescriptor(&raw), "a tensor");
    need(cudnnSetTensor4dDescriptor(raw, CUDNN_TENSOR_NHWC, type, static_cast<int>(n),
                                    static_cast<int>(c), static_cast<int>(h), static_cast<int>(w)),
         "a tensor");
  }
  Layout(cudnnDataType_t type, const Shape& s) : Layout(type, s[0], s[1], s[2], s[3]) {}
  ~Layout() { cudnnDestroyTensorDescriptor(raw); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
};

Tensor room(Backend& backend, std::size_t bytes) {
  return {backend, {static_cast<std::int64_t>(bytes > 0 ? bytes : 1)}, DType::u8};
}

// cuDNN's fused norm, residual and ReLU, forward and backward.
struct Norm {
  static constexpr auto kMode = CUDNN_BATCHNORM_SPATIAL_PERSISTENT;
  cudnnHandle_t handle;
  cudnnBatchNormOps_t ops;
  Layout map, numbers;
  cudnnActivationDescriptor_t relu = nullptr;
  Tensor x, residual, y, dy, dx, dresidual, gamma, beta, mean, variance, saved, dgamma, dbeta;
  Tensor workspace, reserve;

  Norm(Backend& b, cudnnHandle_t cudnn, cudnnDataType_t type, const Tensor& of, const Tensor& add)
      : handle(cudnn),
        ops(add.defined() ? CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION
                          : CUDNN_BATCHNORM_OPS_BN_ACTIVATION),
        map(type, of.shape()),
        numbers(CUDNN_DATA_FLOAT, 1, 1, 1, of.shape().last()),
        x(of),
        residual(add),
        y(b, of.shape(), of.dtype()) {
    const auto channel = [&] { return random_tensor(b, {of.shape().last()}, DType::f32, .5f, 1); };
    gamma = channel(), beta = channel(), mean = channel(), variance = channel();
    dgamma = channel(), dbeta = channel();
    saved = random_tensor(b, {2, of.shape().last()});
    need(cudnnCreateActivationDescriptor(&relu), "ReLU");
    need(cudnnSetActivationDescriptor(relu, CUDNN_ACTIVATION_RELU, CUDNN_NOT_PROPAGATE_NAN, 0),
         "ReLU");
    std::size_t forward = 0, backward = 0, kept = 0;
    const auto z = add.defined() ? map.raw : nullptr;
    need(cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
             handle, kMode, ops, map.raw, z, map.raw, numbers.raw, relu, &forward),
         "norm");
    need(cudnnGetBatchNormalizationBackwardExWorkspaceSize(handle, kMode, ops, map.raw, map.raw,
                                                           map.raw, z, map.raw, numbers.raw, relu,
                                                           &backward),
         "norm, backward");
    need(cudnnGetBatchNormalizationTrainingExReserveSpaceSize(handle, kMode, ops, relu, map.raw,
                                                              &kept),
         "norm");
    workspace = room(b, std::max(forward, backward));
    reserve = room(b, kept);
  }
  ~Norm() {
    if (relu) cudnnDestroyActivationDescriptor(relu);
  }
  Norm(const Norm&) = delete;
  Norm& operator=(const Norm&) = delete;

  void for_backward(Backend& b) {
    dy = random_tensor(b, x.shape(), x.dtype());
    dx = Tensor(b, x.shape(), x.dtype());
    if (residual.defined()) dresidual = Tensor(b, x.shape(), x.dtype());
  }
  float* saved_variance() const { return saved.data<float>() + x.shape().last(); }

  void forward() const {
    const bool add = residual.defined();
    need(cudnnBatchNormalizationForwardTrainingEx(
             handle, kMode, ops, &kOne, &kZero, map.raw, x.raw(), add ? map.raw : nullptr,
             add ? residual.raw() : nullptr, map.raw, y.raw(), numbers.raw, gamma.raw(), beta.raw(),
             .1, mean.raw(), variance.raw(), 1e-5, saved.raw(), saved_variance(), relu,
             workspace.raw(), workspace.bytes(), reserve.raw(), reserve.bytes()),
         "norm");
  }
  void backward() const {
    const bool add = residual.defined();
    need(cudnnBatchNormalizationBackwardEx(
             handle, kMode, ops, &kOne, &kZero, &kOne, &kZero, map.raw, x.raw(), map.raw, y.raw(),
             map.raw, dy.raw(), add ? map.raw : nullptr, add ? dresidual.raw() : nullptr, map.raw,
             dx.raw(), numbers.raw, gamma.raw(), beta.raw(), dgamma.raw(), dbeta.raw(), 1e-5,
             saved.raw(), saved_variance(), relu, workspace.raw(), workspace.bytes(), reserve.raw(),
             reserve.bytes()),
         "norm, backward");
  }
};

struct PoolJob {
  cudnnHandle_t handle;
  Tensor x, y, dy, dx;
  Layout large, small;
  cudnnPoolingDescriptor_t pool = nullptr;

  PoolJob(Backend& b, cudnnHandle_t cudnn, cudnnDataType_t type, Libraries::Pool kind,
          const Tensor& of)
      : handle(cudnn),
        x(of),
        y(b, after(kind, of.shape()), of.dtype()),
        large(type, of.shape()),
        small(type, y.shape()) {
    const bool max = kind == Libraries::Pool::max;
    const int side = max ? 3 : static_cast<int>(of.shape()[1]), step = max ? 2 : 1,
              padding = max ? 1 : 0;
    need(cudnnCreatePoolingDescriptor(&pool), "pooling");
    need(cudnnSetPooling2dDescriptor(
             pool,
             max ? CUDNN_POOLING_MAX_DETERMINISTIC : CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING,
             CUDNN_NOT_PROPAGATE_NAN, side, side, padding, padding, step, step),
         "pooling");
  }
  ~PoolJob() {
    if (pool) cudnnDestroyPoolingDescriptor(pool);
  }
  PoolJob(const PoolJob&) = delete;
  PoolJob& operator=(const PoolJob&) = delete;

  static Shape after(Libraries::Pool kind, const Shape& s) {
    if (kind == Libraries::Pool::mean) return {s[0], 1, 1, s[3]};
    return {s[0], (s[1] + 1) / 2, (s[2] + 1) / 2, s[3]};
  }
  void for_backward(Backend& b) {
    dy = random_tensor(b, y.shape(), y.dtype());
    dx = Tensor(b, x.shape(), x.dtype());
  }
  void forward() const {
    need(cudnnPoolingForward(handle, pool, &kOne, large.raw, x.raw(), &kZero, small.raw, y.raw()),
         "pooling");
  }
  void backward() const {
    need(cudnnPoolingBackward(handle, pool, &kOne, small.raw, y.raw(), small.raw, dy.raw(),
                              large.raw, x.raw(), &kZero, large.raw, dx.raw()),
         "pooling, backward");
  }
};

class CudaLibraries final : public Libraries {
 public:
  CudaLibraries(Backend& backend, Stream stream, cuda::Blas& blas)
      : backend_(backend), stream_(stream), blas_(blas) {
    need(cudnnCreate(&handle_), "start");
    need(cudnnSetStream(handle_, stream), "start");
  }
  ~CudaLibraries() override { cudnnDestroy(handle_); }

  LibraryJob norm_forward(const Tensor& x, const Tensor& residual) override {
    return first_taken("norm", [&](cudnnDataType_t type) -> Job {
      const auto norm = std::make_shared<Norm>(backend_, handle_, type, x, residual);
      return [norm] { norm->forward(); };
    });
  }
  LibraryJob norm_backward(const Tensor& x, const Tensor& residual) override {
    return first_taken("norm, backward", [&](cudnnDataType_t type) -> Job {
      const auto norm = std::make_shared<Norm>(backend_, handle_, type, x, residual);
      norm->for_backward(backend_);
      finish_data();
      norm->forward();
      return [norm] { norm->backward(); };
    });
  }
  LibraryJob pool_forward(Pool kind, const Tensor& x) override {
    return first_taken("pooling", [&](cudnnDataType_t type) -> Job {
      const auto pool = std::make_shared<PoolJob>(backend_, handle_, type, kind, x);
      return [pool] { pool->forward(); };
    });
  }
  LibraryJob pool_backward(Pool kind, const Tensor& x) override {
    return first_taken("pooling, backward", [&](cudnnDataType_t type) -> Job {
      const auto pool = std::make_shared<PoolJob>(backend_, handle_, type, kind, x);
      pool->for_backward(backend_);
      finish_data();
      pool->forward();
      return [pool] { pool->backward(); };
    });
  }

  // The matrix of similarities, its log-softmax and that one's gradient, and both products of the
  // gradient; without masks and statistics, so less than the loss needs.
  LibraryJob ntxent(const Tensor& z) override {
    const std::int64_t rows = z.shape()[0], dim = z.shape()[1];
    const Shape matrix{rows, rows};
    const Tensor operands(backend_, z.shape(), DType::bf16), s(backend_, matrix, DType::f32),
        ds(backend_, matrix, DType::f32), dp = random_tensor(backend_, matrix),
                                          ds16(backend_, matrix, DType::bf16),
                                          dz(backend_, z.shape(), DType::f32);
    const auto layout = std::make_shared<Layout>(CUDNN_DATA_FLOAT, rows, 1, 1, rows);
    const auto run = [=, this] {
      gpu::cast(stream_, z, operands);
      blas_.run({rows, rows, dim, false, true, 0, DType::bf16}, operands.raw(), operands.raw(),
                nullptr, s.data<float>());
      need(cudnnSoftmaxForward(handle_, CUDNN_SOFTMAX_LOG, CUDNN_SOFTMAX_MODE_INSTANCE, &kOne,
                               layout->raw, s.raw(), &kZero, layout->raw, s.raw()),
           "softmax");
      need(cudnnSoftmaxBackward(handle_, CUDNN_SOFTMAX_LOG, CUDNN_SOFTMAX_MODE_INSTANCE, &kOne,
                                layout->raw, s.raw(), layout->raw, dp.raw(), &kZero, layout->raw,
                                ds.raw()),
           "softmax, backward");
      gpu::cast(stream_, ds, ds16);
      for (const bool transposed : {false, true})
        blas_.run({rows, dim, rows, transposed, false, transposed ? 1.f : 0.f, DType::bf16},
                  ds16.raw(), operands.raw(), nullptr, dz.data<float>());
    };
    return first_taken(
        "", [&](cudnnDataType_t) -> Job { return run; },
        "cuBLASLt products and cuDNN softmax, no masks");
  }

 private:
  // bf16 where cuDNN takes it, else f16: the same bytes. What it takes shows when it runs.
  template <class Make>
  LibraryJob first_taken(const char* name, Make make, std::string what = "") {
    std::string refusal;
    for (const auto& [type, text] :
         {std::pair{CUDNN_DATA_BFLOAT16, "bf16"}, std::pair{CUDNN_DATA_HALF, "f16"}}) {
      try {
        Job job = make(type);
        finish_data();
        job();
        cuda::check_cuda(cudaStreamSynchronize(stream_), "running a library's job");
        return {what.empty() ? fmt::format("cuDNN {} in {}", name, text) : what, std::move(job)};
      } catch (const Error& e) {
        refusal = e.what();
      }
    }
    return {fmt::format("none: {}", refusal)};
  }

  // Data is written in the backend's stream, and read in ours.
  static void finish_data() { cuda::check_cuda(cudaDeviceSynchronize(), "waiting for the GPU"); }

  Backend& backend_;
  Stream stream_;
  cuda::Blas& blas_;
  cudnnHandle_t handle_ = nullptr;
};

}  // namespace

std::unique_ptr<Libraries> make_libraries(Backend& backend, Stream stream, cuda::Blas& blas) {
  return std::make_unique<CudaLibraries>(backend, stream, blas);
}

}  // namespace peclr::bench
