// The geometry of a grouped convolution of channels-last images, plain or transposed, for the
// kernels of grouped_rows.h: of groups that have as many channels of the result as of the source,
// two or four, so
// that several groups fit into a vector. (With more, oneDNN's are as fast.) Work is cut into tiles:
// a strip of rows of one image, and a chunk of channels. Rows are read and written as they lie,
// through tiles in the cache; in between each block of channels has a plane of its own.
#pragma once

#include <algorithm>
#include <optional>

#include "exec/cpu/grouped_rows.h"
#include "exec/cpu/source_axis.h"
#include "exec/kernel.h"

namespace rockmate::cpu {

struct GroupRange {
  std::int64_t begin = 0, end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

struct GroupTile {
  std::int64_t image = 0;
  GroupRange strip;   ///< results of the largest class of rows
  GroupRange blocks;  ///< of channels, a vector of each pixel: the chunk
};

class GroupedPlanes {
 public:
  /// Nothing where groups are others.
  [[nodiscard]] static std::optional<GroupedPlanes> of(const TensorType& source,
                                                       const TensorType& result,
                                                       std::int64_t groups, SourceAxis rows,
                                                       SourceAxis columns);

  /// What a tile takes besides the result's, in floats: its planes, and so many of its results.
  [[nodiscard]] std::int64_t planes_size() const;
  [[nodiscard]] std::int64_t results_size() const;
  [[nodiscard]] std::int64_t strips() const { return images * strips_; }
  /// A strip with chunk `which` of so many.
  [[nodiscard]] GroupTile tile(std::int64_t strip, std::int64_t which, std::int64_t chunks) const;
  /// Brings what results of the tile read, with the pads, into planes.
  void fill(const float* source, const GroupTile& tile, float* planes) const;

  [[nodiscard]] GroupRange channels_of(const GroupTile& tile) const;
  [[nodiscard]] std::int64_t channels_of(std::int64_t block) const {
    return std::min(lanes, channels - block * lanes);
  }
  /// Rows of the result in which classes have results of the strip: without a gap.
  [[nodiscard]] GroupRange rows_of(const GroupTile& tile) const;

  /// Floats of a row, of a plane.
  [[nodiscard]] std::int64_t row_step() const { return width_ * lanes; }
  [[nodiscard]] std::int64_t plane_step() const { return plane_rows_ * row_step(); }

  std::int64_t images = 0, channels = 0, blocks = 0;
  std::int64_t entries = 0;  ///< channels of a group
  std::int64_t lanes = 0;
  SourceAxis rows, columns;

 private:
  void choose_strips();

  std::int64_t width_ = 0;       // columns of a plane
  std::int64_t strips_ = 1;      // of an image
  std::int64_t plane_rows_ = 0;  // of the largest strip
};

}  // namespace rockmate::cpu
