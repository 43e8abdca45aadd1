// Strong indices: a ValueId never stands where an OpId belongs, and neither is a bare number.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace rockmate {

template <class Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(std::size_t index) : index_(static_cast<std::uint32_t>(index)) {}
  [[nodiscard]] constexpr std::size_t index() const { return index_; }
  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  std::uint32_t index_ = 0;
};

/// A value of a graph: its position in `TrainingGraph::values()`.
using ValueId = Id<struct ValueTag>;
/// An op of a graph: its position in program order, in `TrainingGraph::ops()`.
using OpId = Id<struct OpTag>;

/// A vector that is indexed by one kind of id only.
template <class I, class T>
class IdVector {
 public:
  IdVector() = default;
  explicit IdVector(std::size_t size, const T& fill = T()) : items_(size, fill) {}
  [[nodiscard]] decltype(auto) operator[](I id) { return items_[id.index()]; }
  [[nodiscard]] decltype(auto) operator[](I id) const { return items_[id.index()]; }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] auto begin() const { return items_.begin(); }
  [[nodiscard]] auto end() const { return items_.end(); }
  [[nodiscard]] auto begin() { return items_.begin(); }
  [[nodiscard]] auto end() { return items_.end(); }
  void push_back(T item) { items_.push_back(std::move(item)); }

 private:
  std::vector<T> items_;
};

}  // namespace rockmate

template <class Tag>
struct std::hash<rockmate::Id<Tag>> {
  std::size_t operator()(rockmate::Id<Tag> id) const noexcept { return id.index(); }
};
