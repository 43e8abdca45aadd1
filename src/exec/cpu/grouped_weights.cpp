// Weight gradients of grouped convolutions: products of dy and operands of x, summed over parts of
// the strips that follow from the shapes alone; the parts are added last.

#include "exec/cpu/families.h"
#include "exec/cpu/grouped.h"
#include "rockmate/training_model.h"

namespace rockmate::cpu {
namespace {

class GroupedWeightGradient {
 public:
  GroupedWeightGradient(GroupedPlanes planes, const Shape& window);
  [[nodiscard]] Bytes workspace() const {
    return Bytes((sums_size() + workers_ * memory_size()) * 4);
  }
  void run(const Run& run) const;

 private:
  [[nodiscard]] std::int64_t block_size() const {
    return positions_ * planes_.entries * planes_.lanes;
  }
  [[nodiscard]] std::int64_t part_size() const { return planes_.blocks * block_size(); }
  [[nodiscard]] std::int64_t sums_size() const {
    return aligned(Bytes(parts_ * part_size() * 4)).count() / 4;
  }
  [[nodiscard]] std::int64_t memory_size() const {
    return aligned(Bytes((planes_.planes_size() + planes_.results_size()) * 4)).count() / 4;
  }
  // Adds what a part has to sums of its own.
  void add_part(const Run& run, std::int64_t part, std::int64_t chunk, float* memory,
                float* sums) const;
  void add_tile(const Run& run, const GroupTile& tile, float* memory, float* sums) const;
  void write(const float* sums, float* dw) const;

  GroupedPlanes planes_;
  std::int64_t positions_;  // of the window
  std::vector<GroupTaps> taps_;
  std::int64_t parts_ = 1, chunks_ = 1, workers_ = 1;
};

GroupedWeightGradient::GroupedWeightGradient(GroupedPlanes planes, const Shape& window)
    : planes_(std::move(planes)),
      positions_(window[0] * window[1]),
      taps_(grouped_taps(planes_, planes_.rows.classes.front(), planes_.columns.classes.front(),
                         window[1])) {
  constexpr std::int64_t kSums = 512 << 10;  // floats of all parts, where one is not larger
  parts_ = std::clamp<std::int64_t>(kSums / part_size(), 1,
                                    std::min(kMostGroupWorkers, planes_.strips()));
  chunks_ = std::clamp<std::int64_t>(kMostGroupWorkers / parts_, 1, planes_.blocks);
  workers_ = std::min(kMostGroupWorkers, parts_ * chunks_);
}

void GroupedWeightGradient::run(const Run& run) const {
  auto* const sums = reinterpret_cast<float*>(run.workspace().data());
  const std::int64_t units = parts_ * chunks_;
  parallel_for(run.threads(), workers_, 1, [&](std::int64_t begin, std::int64_t end) {
    float* const memory = sums + sums_size() + begin * memory_size();
    for (std::int64_t u = units * begin / workers_; u < units * end / workers_; ++u) {
      add_part(run, u / chunks_, u % chunks_, memory, sums + u / chunks_ * part_size());
    }
  });
  write(sums, run.out<float>());
}

void GroupedWeightGradient::add_part(const Run& run, std::int64_t part, std::int64_t chunk,
                                     float* memory, float* sums) const {
  const std::int64_t first = planes_.strips() * part / parts_;
  const std::int64_t last = planes_.strips() * (part + 1) / parts_;
  for (std::int64_t s = first; s < last; ++s) {
    const GroupTile tile = planes_.tile(s, chunk, chunks_);
    if (s == first) {
      std::fill_n(sums + tile.blocks.begin * block_size(), tile.blocks.size() * block_size(), 0.0F);
    }
    add_tile(run, tile, memory, sums);
  }
}

void GroupedWeightGradient::add_tile(const Run& run, const GroupTile& tile, float* memory,
                                     float* sums) const {
  planes_.fill(run.in<float>(0), tile, memory);
  const GroupRange own = planes_.channels_of(tile);
  const std::int64_t width = planes_.columns.results;
  GroupProducts products;
  products.rows = tile.strip.size();
  products.count = width;
  products.dy_row = width * own.size();
  products.dy_step = own.size();
  products.plane_row = planes_.rows.source_step * planes_.row_step();
  products.pixels = planes_.columns.source_step;
  products.entries = planes_.entries;
  float* const gathered = memory + planes_.planes_size();
  const std::int64_t pixel = (tile.image * planes_.rows.results + tile.strip.begin) * width;
  const float* const dy = run.in<float>(1) + pixel * planes_.channels + own.begin;
  for (std::int64_t p = 0; p < products.rows * width; ++p) {
    std::copy_n(dy + p * planes_.channels, own.size(), gathered + p * own.size());
  }
  for (std::int64_t b = tile.blocks.begin; b < tile.blocks.end; ++b) {
    products.channels = planes_.channels_of(b);
    const float* const plane = memory + (b - tile.blocks.begin) * planes_.plane_step();
    for (const GroupTaps& taps : taps_) {
      products.taps = taps.count;
      add_group_products(products, gathered + b * planes_.lanes - own.begin, plane + taps.plane,
                         sums + b * block_size() + taps.weight);
    }
  }
}

void GroupedWeightGradient::write(const float* sums, float* dw) const {
  for (std::int64_t c = 0; c < planes_.channels; ++c) {
    const float* const from = sums + c / planes_.lanes * block_size() + c % planes_.lanes;
    for (std::int64_t e = 0; e < planes_.entries; ++e) {
      for (std::int64_t k = 0; k < positions_; ++k) {
        double sum = 0;
        for (std::int64_t p = 0; p < parts_; ++p) {
          sum += from[p * part_size() + (k * planes_.entries + e) * planes_.lanes];
        }
        *dw++ = static_cast<float>(sum);
      }
    }
  }
}

// (x, dy) -> dw
std::optional<Prepared> make_grouped_weight_gradient(const KernelView& kernel, int) {
  const TensorType& x = kernel.inputs[0];
  const TensorType& dy = kernel.inputs[1];
  if (!is_grouped_image(x) || !is_grouped_image(dy)) return std::nullopt;
  const Shape& window = kernel.attributes.integers("kernel");
  auto planes = grouped_planes(kernel.attributes, x, dy, window, true);
  if (!planes) return std::nullopt;
  const GroupedWeightGradient gradient(*std::move(planes), window);
  return Prepared{[gradient](const Run& run) { gradient.run(run); }, gradient.workspace()};
}

}  // namespace

void add_grouped_weight_gradients(Makers& makers) {
  add(makers, {OpKind::kConvWeightGradient}, make_grouped_weight_gradient);
}

}  // namespace rockmate::cpu
