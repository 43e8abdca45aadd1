// Tensors whose elements the importer knows: what shapes, axes and masks are made of. The elements
// are row-major, whole numbers in 64 bits or real numbers in doubles; a single one stands for all,
// so that a constant takes no more memory than the file that states it.
#pragma once

#include <cstdint>
#include <functional>
#include <variant>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate::from_onnx {

/// The most elements that folding writes out; what is larger is left to the graph.
inline constexpr std::int64_t kLargestFold = std::int64_t{1} << 22;

class Constant {
 public:
  /// As many elements as the shape has, or one.
  Constant(DType dtype, Shape shape, std::vector<std::int64_t> elements);
  Constant(DType dtype, Shape shape, std::vector<double> elements);
  /// A vector of int64, as shapes are.
  explicit Constant(std::vector<std::int64_t> elements);
  /// Room for `count` elements of the dtype's kind.
  static Constant zeros(DType dtype, Shape shape, std::int64_t count);

  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] std::int64_t count() const { return element_count(shape_); }
  [[nodiscard]] bool is_uniform() const { return stored() == 1; }
  /// Elements held in memory.
  [[nodiscard]] std::int64_t stored() const;
  [[nodiscard]] bool is_whole() const { return elements_.index() == 0; }

  [[nodiscard]] double real(std::int64_t i) const;
  /// Real numbers are cut towards zero.
  [[nodiscard]] std::int64_t whole(std::int64_t i) const;
  [[nodiscard]] std::vector<std::int64_t> wholes() const;
  /// The stored elements: one where it stands for all.
  [[nodiscard]] std::vector<double> reals() const;
  void set(std::int64_t i, double value);
  void set(std::int64_t i, std::int64_t value);
  /// Copies element `from` of a constant of the same kind to `i`.
  void copy(std::int64_t i, const Constant& other, std::int64_t from);

  /// The same elements in another shape of as many.
  [[nodiscard]] Constant reshaped(Shape shape) const;

  [[nodiscard]] std::size_t hash() const;
  friend bool operator==(const Constant&, const Constant&) = default;

 private:
  [[nodiscard]] std::size_t place(std::int64_t i) const {
    return is_uniform() ? 0 : static_cast<std::size_t>(i);
  }

  DType dtype_;
  Shape shape_;
  std::variant<std::vector<std::int64_t>, std::vector<double>> elements_;
};

}  // namespace rockmate::from_onnx
