// How the results of a convolution along one axis read its source, where the convolution is plain
// or transposed. Results of one class are so many steps apart and read the source at the same
// offsets from places that are also so many steps apart: a plain convolution has one class, a
// transposed one as many as its stride.
#pragma once

#include <cstdint>
#include <vector>

namespace rockmate::cpu {

struct SourceAxis {
  struct Tap {
    std::int64_t offset = 0;  ///< from step * j, for the j-th result of the class
    std::int64_t weight = 0;  ///< position in the window
  };
  struct Class {
    std::int64_t first = 0, count = 0;  ///< results
    std::vector<Tap> taps;
  };

  struct Window {
    std::int64_t extent = 1, stride = 1, pad = 0, dilation = 1;
  };
  [[nodiscard]] static SourceAxis plain(std::int64_t source, std::int64_t results,
                                        const Window& window);
  /// Of the convolution that maps the results to the source.
  [[nodiscard]] static SourceAxis transposed(std::int64_t source, std::int64_t results,
                                             const Window& window);

  /// Source elements that results [0, count) of classes reach over, from `low`; pads are among
  /// them.
  [[nodiscard]] std::int64_t span(std::int64_t count) const {
    return (count - 1) * source_step + high - low + 1;
  }
  /// Results of the largest class.
  [[nodiscard]] std::int64_t most() const { return classes.front().count; }

  std::int64_t source = 0, results = 0;  ///< extents
  std::int64_t source_step = 1, result_step = 1;
  std::int64_t low = 0, high = 0;  ///< least and greatest offset
  std::vector<Class> classes;

 private:
  void find_bounds();
};

}  // namespace rockmate::cpu
