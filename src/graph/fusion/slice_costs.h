// What it costs to run steps that work by sample (samples.h) one behind another in slices of the
// batch.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/fusion/group.h"

namespace rockmate {

/// What slices have to fit to.
struct SliceLimits {
  Bytes cache{12 << 20};       ///< what a step reads and writes of a slice stays there
  std::int64_t pixels = 1024;  ///< the fewest of a convolution's result in a slice
  Bytes call{150'000};         ///< from the memory, that take as long as a call: 10 us
};

class SliceCosts {
 public:
  /// `row`: steps, rising, that work by sample of that batch.
  SliceCosts(const TapeUse& use, const Members& row, std::int64_t batch, const SliceLimits& limits);

  struct Choice {
    double cost;           ///< in bytes from the memory
    std::int64_t samples;  ///< of a slice; none: the steps stay by themselves
  };
  /// The best of steps [begin, end) of the row, for each end behind `begin`, one by one. Linear in
  /// what the row reads from there on.
  [[nodiscard]] std::vector<Choice> choices(std::size_t begin) const;

 private:
  struct Image {
    double bytes;                                     // of one sample
    std::optional<std::size_t> maker = std::nullopt;  // in the row
    std::size_t last = 0;                             // that reads it, in the row
    bool leaves = false;                              // others read it
  };
  struct Item {
    std::vector<std::size_t> images;  // that the step reads or makes, each once
    double bytes = 0;                 // of one sample of them
    double weights = 0;               // bytes that each slice reads
    double flops = 0;                 // of all samples
    bool hides_images = false;        // their bytes take no time
    std::int64_t pixels = 0;          // of a convolution's result, of one sample
  };
  void add_item(const TapeUse& use, const Node& node, std::vector<std::size_t>& number);
  [[nodiscard]] std::vector<std::int64_t> sizes() const;
  [[nodiscard]] double price(std::size_t item, std::int64_t samples) const;
  [[nodiscard]] bool stays_inside(const Image& image, std::size_t begin, std::size_t last) const {
    return image.maker && *image.maker >= begin && image.last == last && !image.leaves;
  }

  std::int64_t batch_;
  SliceLimits limits_;
  std::vector<Item> items_;
  std::vector<Image> images_;
};

}  // namespace rockmate
