// Bytes over a range of positions, as a sum of intervals.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rockmate::rotor {

class Profile {
 public:
  explicit Profile(std::size_t size) : delta_(size + 1) {}
  /// Adds bytes at first .. last, both inclusive.
  void add(std::size_t first, std::size_t last, std::int64_t bytes) {
    delta_[first] += bytes;
    delta_[last + 1] -= bytes;
  }
  /// By position.
  [[nodiscard]] std::vector<std::int64_t> sums() const {
    std::vector<std::int64_t> sums(delta_.size() - 1);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = sum += delta_[i];
    return sums;
  }

 private:
  std::vector<std::int64_t> delta_;
};

inline void sort_distinct(std::vector<std::size_t>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

}  // namespace rockmate::rotor
