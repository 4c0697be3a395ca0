// SPDX-License-Identifier: Apache-2.0
// Planted faults that the stand-in for cuDNN must see; what it calculates is held against a
// reference in double by the tests of all devices ("conv2d").
#include <cudnn.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "engine/cuda/cuda_backend.h"
#include "engine/cuda/late_libraries.h"
#include "tests/cuda/offered_plans.h"
#include "tests/cuda_fake/misuse_text.h"

namespace peclr::fake {
namespace {

using Numbers = std::array<std::int64_t, 4>;

struct Made {
  explicit Made(cudnnBackendDescriptorType_t type) {
    cuda::load_libraries();
    REQUIRE(cudnnBackendCreateDescriptor(type, &it) == CUDNN_STATUS_SUCCESS);
  }
  ~Made() { cudnnBackendDestroyDescriptor(it); }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;

  template <class T>
  cudnnStatus_t set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                    const T& value, std::int64_t count = 1) const {
    return cudnnBackendSetAttribute(it, name, type, count, &value);
  }
  cudnnStatus_t finalise() const { return cudnnBackendFinalize(it); }
  cudnnBackendDescriptor_t it = nullptr;
};

std::string words() {
  std::array<char, 256> text{};
  cudnnGetLastErrorString(text.data(), text.size());
  return text.data();
}

constexpr auto kInt = CUDNN_TYPE_INT64;
constexpr auto kPart = CUDNN_TYPE_BACKEND_DESCRIPTOR;

// NHWC, f32.
struct Plain : Made {
  Plain(std::int64_t id, const Numbers& sizes) : Made(CUDNN_BACKEND_TENSOR_DESCRIPTOR) {
    const Numbers strides{sizes[1] * sizes[2] * sizes[3], 1, sizes[1] * sizes[3], sizes[1]};
    const cudnnDataType_t type = CUDNN_DATA_FLOAT;
    const std::int64_t alignment = 16;
    set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
    set(CUDNN_ATTR_TENSOR_DIMENSIONS, kInt, sizes, 4);
    set(CUDNN_ATTR_TENSOR_STRIDES, kInt, strides, 4);
    set(CUDNN_ATTR_TENSOR_UNIQUE_ID, kInt, id);
    set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kInt, alignment);
  }
};

// A window of 3, stride 1, padding 1; x [2, 4, 5, 5], w [8, 4, 3, 3], y as given. Returns how the
// operation is finalised.
cudnnStatus_t forward(const Numbers& y_sizes, bool with_beta = true) {
  const Plain x(1, {2, 4, 5, 5}), w(2, {8, 4, 3, 3}), y(3, y_sizes);
  for (const Plain* t : {&x, &w, &y}) REQUIRE(t->finalise() == CUDNN_STATUS_SUCCESS);
  const Made how(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  const std::array<std::int64_t, 2> ones{1, 1};
  how.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  how.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION);
  how.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, kInt, std::int64_t{2});
  for (const auto name :
       {CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES,
        CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS})
    how.set(name, kInt, ones, 2);
  REQUIRE(how.finalise() == CUDNN_STATUS_SUCCESS);
  const Made operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1.f);
  if (with_beta)
    operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 0.f);
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, kPart, how.it);
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, kPart, x.it);
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, kPart, w.it);
  operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, kPart, y.it);
  return operation.finalise();
}

TEST_CASE("cuDNN stand-in: attributes have names, types, numbers and an end", "[fake]") {
  const Plain t(1, {2, 4, 5, 5});
  const std::int64_t number = 1;
  CHECK(t.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, kInt, number) == CUDNN_STATUS_BAD_PARAM);
  CHECK(words() == "cudnnBackendSetAttribute: the descriptor has no such attribute");
  CHECK(t.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_DOUBLE, number) ==
        CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
  CHECK(t.set(CUDNN_ATTR_TENSOR_DIMENSIONS, kInt, Numbers{2, 4, 5, 5}, 3) ==
        CUDNN_STATUS_BAD_PARAM);
  std::int64_t count = 0, id = 0;
  CHECK(cudnnBackendGetAttribute(t.it, CUDNN_ATTR_TENSOR_UNIQUE_ID, kInt, 1, &count, &id) ==
        CUDNN_STATUS_NOT_INITIALIZED);
  REQUIRE(t.finalise() == CUDNN_STATUS_SUCCESS);
  CHECK(cudnnBackendGetAttribute(t.it, CUDNN_ATTR_TENSOR_UNIQUE_ID, kInt, 1, &count, &id) ==
        CUDNN_STATUS_SUCCESS);
  CHECK((count == 1 && id == 1));
  CHECK(t.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, kInt, number) == CUDNN_STATUS_NOT_INITIALIZED);
  CHECK(words() == "cudnnBackendSetAttribute: the descriptor is finalised already");
}

TEST_CASE("cuDNN stand-in: parts are finalised, and of the right type", "[fake]") {
  const Plain open(1, {2, 4, 5, 5}), done(1, {2, 4, 5, 5});
  REQUIRE(done.finalise() == CUDNN_STATUS_SUCCESS);
  const Made operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  CHECK(operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, kPart, done.it) ==
        CUDNN_STATUS_SUCCESS);
  CHECK(operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, kPart, open.it) ==
        CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
  CHECK(operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, kPart, done.it) ==
        CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
  const Made empty(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  CHECK(empty.finalise() == CUDNN_STATUS_BAD_PARAM);
  CHECK(words() == "cudnnBackendFinalize: an attribute that is required has not been set");
}

TEST_CASE("cuDNN stand-in: the tensors of a convolution fit each other", "[fake]") {
  CHECK(forward({2, 8, 5, 5}) == CUDNN_STATUS_SUCCESS);
  CHECK(forward({2, 8, 5, 5}, false) == CUDNN_STATUS_BAD_PARAM);
  CHECK(forward({2, 8, 5, 4}) == CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
  CHECK(words() == "cudnnBackendFinalize: y has a pixel for each place of the window");
  CHECK(forward({3, 8, 5, 5}) == CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
  CHECK(forward({2, 7, 5, 5}) == CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
}

TEST_CASE("cuDNN stand-in: no engine is taken whose sums are not what was asked for", "[fake]") {
  const cuda::ConvShape shape{2, 5, 5, 8, 8, 3, 1, 1, DType::f32};
  const auto kept = [&](std::int64_t engine, cuda::Tf32 tf32) {
    return test::kept_plan(cuda::ConvPass::forward, shape, tf32, R"({"deviceVer": 900})",
                           {.engine = engine})
        .has_value();
  };
  CHECK(kept(0, cuda::Tf32::off));
  CHECK_FALSE(kept(17, cuda::Tf32::on));  // not deterministic
  CHECK_FALSE(kept(23, cuda::Tf32::off));
  CHECK(kept(23, cuda::Tf32::on));
  CHECK_FALSE(kept(31, cuda::Tf32::on));  // for bf16
}

TEST_CASE("cuDNN stand-in: operands that a GPU would read wrongly are seen", "[fake]") {
  CudaBackend backend;
  const Tensor x = backend.activation({2, 5, 5, 8}, DType::f32),
               w(backend, {8, 3, 3, 8}, DType::f32);
  CachingAllocator& memory = backend.allocator();
  const cuda::Context gpu(0);
  cuda::Dnn dnn(gpu, memory, {});
  const cuda::ConvShape shape{2, 5, 5, 8, 8, 3, 1, 1, DType::f32};
  float host[2 * 5 * 5 * 8];
  const auto fault = [&](void* y, const cuda::ConvShape& s) {
    return misuse_text([&] { dnn.run(cuda::ConvPass::forward, s, {x.raw(), w.raw(), y}); });
  };
  CHECK(fault(x.raw(), shape).empty());
  CHECK(fault(host, shape) == "cudnnBackendExecute: an operand is not in a card's memory");
  cuda::ConvShape large = shape;
  large.images = 1 << 20;
  CHECK(fault(x.raw(), large) ==
        "cudnnBackendExecute: an operand reaches beyond its block of memory");
}

}  // namespace
}  // namespace peclr::fake
