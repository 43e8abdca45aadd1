#include "exec/cpu/grouped_planes.h"

#include <algorithm>

namespace rockmate::cpu {
namespace {

constexpr std::int64_t kTileFloats = 48 << 10;  // of all planes, where that is a few rows
}  // namespace

std::optional<GroupedPlanes> GroupedPlanes::of(const TensorType& source, const TensorType& result,
                                               std::int64_t groups, SourceAxis rows,
                                               SourceAxis columns) {
  GroupedPlanes made;
  made.images = source.shape[0];
  made.channels = source.shape[1];
  made.entries = made.channels / groups;
  made.lanes = group_lanes();
  const bool is_small = made.entries == 2 || made.entries == 4;
  if (groups == 1 || result.shape[1] != made.channels || !is_small || made.entries >= made.lanes) {
    return std::nullopt;
  }
  made.blocks = (made.channels + made.lanes - 1) / made.lanes;
  made.rows = std::move(rows);
  made.columns = std::move(columns);
  made.choose_strips();
  return made;
}

void GroupedPlanes::choose_strips() {
  width_ = columns.span(columns.most());
  const std::int64_t fit = kTileFloats / (blocks * row_step());
  const std::int64_t most = (fit - rows.span(1)) / rows.source_step + 1;
  const std::int64_t height = std::clamp<std::int64_t>(most, 1, rows.most());
  strips_ = (rows.most() + height - 1) / height;
  plane_rows_ = rows.span((rows.most() + strips_ - 1) / strips_);
}

std::int64_t GroupedPlanes::planes_size() const { return blocks * plane_step(); }

std::int64_t GroupedPlanes::results_size() const {
  const std::int64_t height = (rows.most() + strips_ - 1) / strips_ * rows.result_step;
  return std::min(height, rows.results) * columns.results * channels;
}

GroupTile GroupedPlanes::tile(std::int64_t strip, std::int64_t which, std::int64_t chunks) const {
  const std::int64_t at = strip % strips_;
  return {strip / strips_,
          {rows.most() * at / strips_, rows.most() * (at + 1) / strips_},
          {blocks * which / chunks, blocks * (which + 1) / chunks}};
}

GroupRange GroupedPlanes::channels_of(const GroupTile& tile) const {
  return {tile.blocks.begin * lanes, std::min(tile.blocks.end * lanes, channels)};
}

GroupRange GroupedPlanes::rows_of(const GroupTile& tile) const {
  return {tile.strip.begin * rows.result_step,
          std::min(tile.strip.end * rows.result_step, rows.results)};
}

void GroupedPlanes::fill(const float* source, const GroupTile& tile, float* to) const {
  const std::int64_t begin = std::clamp<std::int64_t>(-columns.low, 0, width_);
  const std::int64_t end = std::clamp<std::int64_t>(columns.source - columns.low, begin, width_);
  const GroupRange own = channels_of(tile);
  const DealtPixels dealt = {end - begin, own.size(), channels, plane_step()};
  const std::int64_t first = tile.strip.begin * rows.source_step + rows.low;
  for (std::int64_t r = 0; r < rows.span(tile.strip.size()); ++r) {
    const std::int64_t at = first + r;
    const bool is_pad = at < 0 || at >= rows.source;
    for (std::int64_t b = 0; b < tile.blocks.size(); ++b) {
      float* const row = to + b * plane_step() + r * row_step();
      std::fill_n(row, (is_pad ? width_ : begin) * lanes, 0.0F);
      if (!is_pad) std::fill_n(row + end * lanes, (width_ - end) * lanes, 0.0F);
    }
    if (is_pad) continue;
    const std::int64_t pixel = (tile.image * rows.source + at) * columns.source;
    deal_pixels(source + (pixel + begin + columns.low) * channels + own.begin, dealt,
                to + r * row_step() + begin * lanes);
  }
}

}  // namespace rockmate::cpu
