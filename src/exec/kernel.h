// What the kernels of all engines share: a kernel as its family sees it, and the addresses of one
// run. A family turns a kernel into a `Body`: a function of addresses, with all that can be known
// before in its captures.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "exec/engine.h"

namespace rockmate::kernels {

/// A kernel as its family sees it: the addend stands apart from the operands.
struct KernelView {
  explicit KernelView(const KernelSpec& spec);

  std::string op;
  OpKind kind;
  const Attributes& attributes;
  bool adds;
  std::vector<TensorType> inputs;
  std::vector<TensorType> outputs;

  [[nodiscard]] const Shape& shape(std::size_t input = 0) const { return inputs[input].shape; }
  [[nodiscard]] const Shape& out_shape(std::size_t i = 0) const { return outputs[i].shape; }
  [[nodiscard]] DType dtype(std::size_t input = 0) const { return inputs[input].dtype; }
  /// Throws InvalidInput: "op 'conv_1' (conv): <text>".
  [[noreturn]] void reject(const std::string& text) const;
};

/// The addresses of one run.
class Run {
 public:
  Run(const Invocation& call, int threads, bool adds)
      : call_(call), threads_(threads), adds_(adds) {}

  template <class T>
  [[nodiscard]] const T* in(std::size_t i = 0) const {
    return reinterpret_cast<const T*>(call_.inputs[i].data);
  }
  /// An input that the kernel updates.
  template <class T>
  [[nodiscard]] T* updated(std::size_t i) const {
    return reinterpret_cast<T*>(call_.inputs[i].data);
  }
  /// Null: this run does not make it.
  template <class T>
  [[nodiscard]] T* out(std::size_t i = 0) const {
    return reinterpret_cast<T*>(call_.outputs[i].data);
  }
  /// Null: there is none.
  template <class T>
  [[nodiscard]] const T* addend() const {
    return adds_ ? reinterpret_cast<const T*>(call_.inputs.back().data) : nullptr;
  }
  [[nodiscard]] std::span<std::byte> workspace() const { return call_.workspace; }
  [[nodiscard]] int threads() const { return threads_; }
  [[nodiscard]] std::uint64_t seed() const { return call_.seed; }
  [[nodiscard]] std::uint64_t step() const { return call_.step; }
  [[nodiscard]] double rate() const { return call_.rate; }
  [[nodiscard]] std::size_t inputs() const { return call_.inputs.size(); }

 private:
  const Invocation& call_;
  int threads_;
  bool adds_;
};

using Body = std::function<void(const Run&)>;

/// make(T()) for the type of the elements; rejects others.
template <class F>
Body for_floating(const KernelView& kernel, DType dtype, const F& make) {
  if (dtype == DType::kFloat32) return make(float());
  if (dtype == DType::kFloat64) return make(double());
  kernel.reject("elements of type " + std::string(to_string(dtype)) +
                ", expected float32 or float64");
}

/// As `for_floating`, for whole numbers too.
template <class F>
Body for_numbers(const KernelView& kernel, DType dtype, const F& make) {
  if (dtype == DType::kInt64) return make(std::int64_t());
  if (dtype == DType::kInt32) return make(std::int32_t());
  if (dtype == DType::kUInt8) return make(std::uint8_t());
  return for_floating(kernel, dtype, make);
}

/// As `for_numbers`, for bool too, whose elements are bytes.
template <class F>
Body for_elements(const KernelView& kernel, DType dtype, const F& make) {
  return dtype == DType::kBool ? make(std::uint8_t()) : for_numbers(kernel, dtype, make);
}

/// Whole numbers of either width.
class Indices {
 public:
  Indices(const Run& run, std::size_t input, DType dtype)
      : wide_(dtype == DType::kInt64 ? run.in<std::int64_t>(input) : nullptr),
        narrow_(run.in<std::int32_t>(input)) {}
  [[nodiscard]] std::int64_t operator[](std::int64_t i) const {
    return wide_ != nullptr ? wide_[i] : narrow_[i];
  }

 private:
  const std::int64_t* wide_;
  const std::int32_t* narrow_;
};

/// The product of extents [begin, end) of a shape.
[[nodiscard]] std::int64_t extent(const Shape& shape, std::size_t begin, std::size_t end);

}  // namespace rockmate::kernels
