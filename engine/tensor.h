// SPDX-License-Identifier: Apache-2.0
// A tensor: shape, element type, and a share of storage on one backend. Contiguous only; the single
// view is "elements a..b of an arena". A backend may keep activations in a layout of its own
// (channel_block): models never look.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/dtype.h"
#include "engine/shape.h"

namespace peclr {

class Backend;

// A block of a backend's memory; goes back to its allocator with the last tensor that shares it.
struct Storage {
  enum class Life { step, lasting };  // lasting: see CachingAllocator::allocate_lasting
  Storage(Backend& backend, std::size_t bytes, Life life = Life::step);
  Storage(Backend& backend, void* memory, std::size_t bytes);  // of somebody else
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  Backend* backend;
  void* data;
  std::size_t bytes;
  bool owned = true;
  // Unique in the process. Whoever rewrites weights calls touch(), so that a backend knows that the
  // copies it prepared are old.
  std::uint64_t version;
  void touch();
};

class Tensor {
 public:
  Tensor() = default;
  Tensor(Backend& backend, Shape shape, DType dtype);  // plain layout, contents undefined
  // [N, H, W, C] stored as [N, C / block, H, W, block].
  static Tensor blocked(Backend& backend, Shape shape, DType dtype, int block);
  // For what a backend makes in some step and keeps: takes no block that a step hands on to the
  // next.
  static Tensor lasting(Backend& backend, Shape shape, DType dtype);
  // Copies host values. Throws Error(failure) if the counts differ.
  static Tensor from_host(Backend& backend, Shape shape, std::span<const float> values);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::int64_t count() const { return shape_.count(); }
  std::size_t bytes() const { return static_cast<std::size_t>(count()) * size_of(dtype_); }
  Backend& backend() const { return *storage_->backend; }
  Storage& storage() const { return *storage_; }
  bool plain() const { return block_ == 0; }
  // Channels that lie side by side: the block, or all of them.
  int channel_block() const { return block_ ? block_ : static_cast<int>(shape_.last()); }

  void* raw() const;
  // Throws Error(failure) if T is not this tensor's element type.
  template <class T>
  T* data() const {
    check_dtype(dtype_of<T>);
    return static_cast<T*>(raw());
  }

  // The same storage under another shape (equal count, plain layout), or a part of it.
  Tensor reshaped(Shape shape) const;
  Tensor slice(std::int64_t first, Shape shape) const;
  // The same place, which is not kept by it: whoever uses the answer knows what lies there.
  Tensor unowned() const;

  // Plain f32 copy on the host, [N, H, W, C] order whatever the layout. For tests, metrics and
  // checkpoints.
  std::vector<float> to_host() const;
  void copy_from_host(std::span<const float> values) const;

 private:
  void check_dtype(DType wanted) const;

  std::shared_ptr<Storage> storage_;
  std::int64_t offset_ = 0;  // elements
  Shape shape_;
  DType dtype_ = DType::f32;
  int block_ = 0;
};

// For outputs and inputs that may be left out: undefined tensors.
template <class T>
T* data_or_null(const Tensor& t) {
  return t.defined() ? t.data<T>() : nullptr;
}

}  // namespace peclr
