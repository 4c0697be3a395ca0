// SPDX-License-Identifier: Apache-2.0
#include "engine/tensor.h"

#include <atomic>

#include "engine/backend.h"

namespace peclr {

namespace {
std::atomic<std::uint64_t> next_version{1};
}  // namespace

Storage::Storage(Backend& owner, std::size_t size, Life life)
    : backend(&owner),
      data(life == Life::lasting ? owner.allocate_lasting(size) : owner.allocate(size)),
      bytes(size),
      version(next_version++) {}

Storage::Storage(Backend& owner, void* memory, std::size_t size)
    : backend(&owner), data(memory), bytes(size), owned(false), version(next_version++) {}

void Storage::touch() { version = next_version++; }

Storage::~Storage() {
  if (owned) backend->release(data, bytes);
}

Tensor::Tensor(Backend& backend, Shape shape, DType dtype) : shape_(shape), dtype_(dtype) {
  try {
    storage_ = std::make_shared<Storage>(backend, bytes());
  } catch (const OutOfMemory& e) {
    throw OutOfMemory(fmt::format("a tensor {} of {}: {}", shape.text(), name_of(dtype), e.what()));
  }
}

Tensor Tensor::blocked(Backend& backend, Shape shape, DType dtype, int block) {
  check(shape.rank() == 4 && shape.last() % block == 0,
        "a blocked tensor needs [N, H, W, C] with C a multiple of {}, got {}", block, shape.text());
  Tensor t(backend, shape, dtype);
  t.block_ = block == shape.last() ? 0 : block;
  return t;
}

Tensor Tensor::lasting(Backend& backend, Shape shape, DType dtype) {
  Tensor t;
  t.shape_ = shape;
  t.dtype_ = dtype;
  t.storage_ = std::make_shared<Storage>(backend, t.bytes(), Storage::Life::lasting);
  return t;
}

Tensor Tensor::from_host(Backend& backend, Shape shape, std::span<const float> values) {
  Tensor t(backend, shape, DType::f32);
  t.copy_from_host(values);
  return t;
}

Tensor Tensor::unowned() const {
  Tensor t = *this;
  t.storage_ = std::make_shared<Storage>(backend(), storage_->data, storage_->bytes);
  return t;
}

void* Tensor::raw() const {
  return static_cast<std::byte*>(storage_->data) +
         static_cast<std::size_t>(offset_) * size_of(dtype_);
}

void Tensor::check_dtype(DType wanted) const {
  check(dtype_ == wanted, "a {} tensor {} was asked for {} values", name_of(dtype_), shape_.text(),
        name_of(wanted));
}

Tensor Tensor::reshaped(Shape shape) const {
  check(plain() && shape.count() == count(), "cannot see {} as {}", shape_.text(), shape.text());
  Tensor t = *this;
  t.shape_ = shape;
  return t;
}

Tensor Tensor::slice(std::int64_t first, Shape shape) const {
  check(plain() && first >= 0 && first + shape.count() <= count(),
        "elements {}.. as {} lie outside of {}", first, shape.text(), shape_.text());
  Tensor t = *this;
  t.offset_ += first;
  t.shape_ = shape;
  return t;
}

std::vector<float> Tensor::to_host() const {
  std::vector<float> values(static_cast<std::size_t>(count()));
  backend().copy_to_host(*this, values);
  return values;
}

void Tensor::copy_from_host(std::span<const float> values) const {
  check(static_cast<std::int64_t>(values.size()) == count(), "copying {} values into {}",
        values.size(), shape_.text());
  backend().copy_from_host(values, *this);
}

}  // namespace peclr
