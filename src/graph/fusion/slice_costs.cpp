// Costs are counted in bytes from the memory. With T the bytes of one sample of all images that a
// step reads and makes, k samples at a time hold k T bytes; a byte of them costs nothing while that
// fits into the caches, and the more the more it exceeds them, until it costs one byte:
//
//   price(k) = log2(k T / cache) / 3, at least 0 and at most 1
//
//   a step by itself, N samples    F + N T price(N) + W + call
//   as part of a sliced op         F + N (near price(k) + far price(N)) + (W + call) N / k
//
// Near is what other parts made or read before it, of the same slice, and what it makes for them
// alone; far is the rest of T. W are the bytes of its weights, which each slice reads again, and F
// its arithmetic, in bytes that would take as long.
//
// A convolution of few pixels keeps neither the rows of its tiles nor threads busy, however near
// they are, so no slice has less of them; nor does a slice hold more than twice what the caches do.
//
// Measured on two cores with 2 MB of second cache each, time of whole batches of 32 by that of
// slices: 1x1 convolutions with a residual of 56 x 56 pixels 1.9, of 14 x 14 1.3; 3 x 3 ones by
// Winograd's algorithm 1.2 to 1.5. At 16, 32 and 64 MB in a slice, a seventh, a half and all of
// that was gone. Of 3 x 3 convolutions on images of which one sample fills the caches, no slices
// were better.

#include "graph/fusion/slice_costs.h"

#include <algorithm>
#include <cmath>

#include "graph/fusion/samples.h"

namespace rockmate {
namespace {

constexpr double kFlops = 20;      // that take as long as a byte
constexpr double kMargin = 1.05;   // by which slices have to be the better
constexpr double kMostCaches = 2;  // that a slice may hold
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

// The convolution that a step is, or begins with, a concatenation apart, and its weight among the
// step's inputs.
struct Found {
  const Attributes* attributes = nullptr;
  std::size_t weight = 0;
};
Found convolution(const Node& node) {
  if (node.kind == OpKind::kConv) return {&node.attributes, 1};
  if (node.kind != OpKind::kFused) return {};
  const std::vector<FusedPart>& parts = node.attributes.parts().parts;
  const bool is_pieced = parts.size() > 1 && parts.front().kind == OpKind::kConcat;
  const FusedPart& first = parts[is_pieced ? 1 : 0];
  if (first.kind != OpKind::kConv) return {};
  return {&first.attributes, first.inputs[1]};
}

// Goes through bands of rows (banded_convolutions.h).
bool is_banded(const Node& node) {
  if (node.kind != OpKind::kFused) return false;
  const auto has_windows = [](const FusedPart& part) {
    return part.kind == OpKind::kConv || part.kind == OpKind::kMaxPool;
  };
  return std::ranges::count_if(node.attributes.parts().parts, has_windows) > 1;
}

double flops_of(const Tape& tape, const Node& node) {
  return work_of(view_of(tape, node), output_types(tape, node)).flops;
}

}  // namespace

SliceCosts::SliceCosts(const TapeUse& use, const Members& row, std::int64_t batch,
                       const SliceLimits& limits)
    : batch_(batch), limits_(limits) {
  std::vector<std::size_t> number(use.tape().tensors().size(), kNone);
  for (const std::size_t s : row) add_item(use, use.step(s).node, number);
  for (std::size_t t = 0; t < number.size(); ++t) {
    if (number[t] == kNone) continue;
    const auto is_outside = [&](std::size_t s) { return !std::ranges::binary_search(row, s); };
    images_[number[t]].leaves =
        use.is_wanted(TensorId(t)) || std::ranges::any_of(use.readers(TensorId(t)), is_outside);
  }
}

void SliceCosts::add_item(const TapeUse& use, const Node& node, std::vector<std::size_t>& number) {
  constexpr double kNumbers = 36. / 9;          // of a weight that is transformed, by its own
  constexpr double kProducts = 36. / (9 * 16);  // of a tile, by those of the direct algorithm
  const Found conv = convolution(node);
  const auto sliced = inputs_with_samples(use.tape(), node, batch_);
  const bool is_winograd = conv.attributes != nullptr && conv.attributes->flag("winograd");
  const std::size_t at = items_.size();
  Item& item = items_.emplace_back();
  const auto add = [&](TensorId t) -> Image& {
    std::size_t& i = number[t.index()];
    const double bytes = static_cast<double>(use.bytes(t).count()) / static_cast<double>(batch_);
    if (i == kNone) {
      i = images_.size();
      images_.push_back({bytes});
    }
    images_[i].last = at;
    if (std::ranges::find(item.images, i) == item.images.end()) {
      item.images.push_back(i);
      item.bytes += bytes;
    }
    return images_[i];
  };
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (std::ranges::binary_search(*sliced, i)) {
      add(node.inputs[i]);
      continue;
    }
    const bool grows =
        conv.attributes != nullptr && conv.weight == i && conv.attributes->flag("winograd");
    item.weights += (grows ? kNumbers : 1) * static_cast<double>(use.bytes(node.inputs[i]).count());
  }
  for (const TensorId t : node.outputs) {
    if (!use.readers(t).empty() || use.is_wanted(t)) add(t).maker = at;
  }
  item.hides_images = is_winograd || is_banded(node);
  item.flops = flops_of(use.tape(), node) * (is_winograd ? kProducts : 1);
  const Shape& made = use.tape()[node.outputs.front()].tensor.type.shape;
  if (conv.attributes != nullptr) item.pixels = made[2] * made[3];
}

// Powers of two, or a little less where slices would make samples twice.
std::vector<std::int64_t> SliceCosts::sizes() const {
  std::vector<std::int64_t> sizes;
  for (std::int64_t size = 1; size < batch_; size *= 2) {
    const std::int64_t count = (batch_ + size - 1) / size;
    sizes.push_back((batch_ + count - 1) / count);
  }
  return sizes;
}

double SliceCosts::price(std::size_t item, std::int64_t samples) const {
  if (items_[item].hides_images) return 0;
  const double held = static_cast<double>(samples) * items_[item].bytes;
  const double excess = std::log2(held / static_cast<double>(limits_.cache.count()));
  return std::clamp(excess / 3, 0.0, 1.0);
}

std::vector<SliceCosts::Choice> SliceCosts::choices(std::size_t begin) const {
  const auto batch = static_cast<double>(batch_);
  const std::vector<std::int64_t> sizes = this->sizes();
  std::vector<double> sliced(sizes.size());
  std::vector<Choice> choices;
  std::vector<char> is_here(images_.size());
  const double room = kMostCaches * static_cast<double>(limits_.cache.count());
  const auto call = static_cast<double>(limits_.call.count());
  double arithmetic = 0, apart = 0, most = 0;
  std::int64_t fewest = 1;  // samples of a slice
  for (std::size_t end = begin; end < items_.size(); ++end) {
    const Item& item = items_[end];
    const double whole = price(end, batch_);
    arithmetic += item.flops / kFlops;
    apart += batch * item.bytes * whole + item.weights + call;
    most = std::max(most, item.bytes);
    if (item.pixels > 0) fewest = std::max(fewest, (limits_.pixels - 1) / item.pixels + 1);
    Choice best{arithmetic + apart, 0};
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      double moved = 0;
      for (const std::size_t i : item.images) {
        const Image& image = images_[i];
        const bool was_made = is_here[i] == 0 && image.maker == end;
        const bool stays = stays_inside(image, begin, end);
        const bool is_near = is_here[i] != 0 || (was_made && stays);
        moved += image.bytes * (is_near ? price(end, sizes[k]) : whole);
        // Now that all who read it are parts, it is not far any more where it was made.
        if (!was_made && stays) {
          moved -= image.bytes * (price(*image.maker, batch_) - price(*image.maker, sizes[k]));
        }
      }
      const double count = std::ceil(batch / static_cast<double>(sizes[k]));
      sliced[k] += count * (static_cast<double>(sizes[k]) * moved + item.weights + call);
      const double cost = arithmetic + sliced[k];
      const bool fits = sizes[k] >= fewest && static_cast<double>(sizes[k]) * most <= room;
      const bool pays = kMargin * cost < arithmetic + apart && cost < best.cost;
      if (end > begin && fits && pays) best = {cost, sizes[k]};
    }
    for (const std::size_t i : item.images) is_here[i] = 1;
    choices.push_back(best);
  }
  return choices;
}

}  // namespace rockmate
