// Kernels with a window that slides over an image: all of them are sums over the same taps.

#include <cmath>

#include "support/interpreter_kernels.h"

namespace rockmate::testing {
namespace {

Shape spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

std::vector<std::int64_t> dilations_of(const Attributes& attributes, std::size_t rank) {
  return attributes.find("dilations") == nullptr ? std::vector<std::int64_t>(rank, 1)
                                                 : attributes.integers("dilations");
}

// Visits (place in the image, place in the result, place in the window) for all taps, those in the
// padding too; places are spatial.
using Tap = std::function<void(const Index& image, const Index& result, const Index& window)>;
void for_each_tap(const Shape& result, const Shape& kernel, const Attributes& attributes,
                  const Tap& visit) {
  const auto& strides = attributes.integers("strides");
  const auto& pads = attributes.integers("pads");
  const auto dilations = dilations_of(attributes, kernel.size());
  for_each_index(result, [&](const Index& r) {
    for_each_index(kernel, [&](const Index& k) {
      Index image(r.size());
      for (std::size_t d = 0; d < r.size(); ++d) {
        image[d] = r[d] * strides[d] - pads[d] + k[d] * dilations[d];
      }
      visit(image, r, k);
    });
  });
}

bool is_inside(const Index& index, const Shape& shape) {
  for (std::size_t d = 0; d < index.size(); ++d) {
    if (index[d] < 0 || index[d] >= shape[d]) return false;
  }
  return true;
}

Index join(std::int64_t a, std::int64_t b, const Index& rest) {
  Index index = {a, b};
  index.insert(index.end(), rest.begin(), rest.end());
  return index;
}

// Calls visit(image offset, weight offset, result offset) for each product of the convolution that
// maps `image` to `result` by a weight [result channels, image channels / groups, kernel...].
void for_each_product(const Shape& image, const Shape& weight, const Shape& result,
                      const Attributes& attributes,
                      const std::function<void(std::size_t, std::size_t, std::size_t)>& visit) {
  const std::int64_t groups = attributes.integer("groups");
  const std::int64_t results_per_group = result[1] / groups;
  const Shape inside = spatial(image);
  for_each_tap(spatial(result), spatial(weight), attributes,
               [&](const Index& i, const Index& r, const Index& k) {
                 if (!is_inside(i, inside)) return;
                 for (std::int64_t n = 0; n < image[0]; ++n) {
                   for (std::int64_t out = 0; out < result[1]; ++out) {
                     for (std::int64_t in = 0; in < weight[1]; ++in) {
                       const std::int64_t channel = out / results_per_group * weight[1] + in;
                       visit(offset(image, join(n, channel, i)), offset(weight, join(out, in, k)),
                             offset(result, join(n, out, r)));
                     }
                   }
                 }
               });
}

void add_channel_bias(Call& call) {
  if (!call.has(2)) return;
  std::size_t e = 0;
  for_each_index(call.out().shape, [&](const Index& index) {
    call.out().data[e++] += call.in(2).data[static_cast<std::size_t>(index[1])];
  });
}

void run_convolution(Call& call) {
  Array& y = call.out();
  const Array& a = call.in(0);
  const Array& b = call.in(1);
  if (call.kind == OpKind::kConv) {
    for_each_product(
        a.shape, b.shape, y.shape, call.attributes,
        [&](std::size_t i, std::size_t w, std::size_t r) { y.data[r] += a.data[i] * b.data[w]; });
  } else if (call.kind == OpKind::kConvTranspose) {
    for_each_product(
        y.shape, b.shape, a.shape, call.attributes,
        [&](std::size_t i, std::size_t w, std::size_t r) { y.data[i] += a.data[r] * b.data[w]; });
  } else {
    for_each_product(
        a.shape, y.shape, b.shape, call.attributes,
        [&](std::size_t i, std::size_t w, std::size_t r) { y.data[w] += a.data[i] * b.data[r]; });
    return;
  }
  add_channel_bias(call);
}

void for_each_channel(const Shape& image,
                      const std::function<void(std::int64_t, std::int64_t)>& f) {
  for (std::int64_t n = 0; n < image[0]; ++n) {
    for (std::int64_t c = 0; c < image[1]; ++c) f(n, c);
  }
}

void run_max_pool(Call& call) {
  const Array& x = call.in(0);
  Array& y = call.out(0);
  const Shape& kernel = call.attributes.integers("kernel");
  for (double& element : y.data) element = -INFINITY;
  for_each_channel(x.shape, [&](std::int64_t n, std::int64_t c) {
    for_each_tap(spatial(y.shape), kernel, call.attributes,
                 [&](const Index& i, const Index& r, const Index& k) {
                   if (!is_inside(i, spatial(x.shape))) return;
                   const double candidate = x.data[offset(x.shape, join(n, c, i))];
                   const std::size_t at = offset(y.shape, join(n, c, r));
                   if (candidate <= y.data[at]) return;
                   y.data[at] = candidate;
                   call.out(1).data[at] = static_cast<double>(offset(kernel, k));
                 });
  });
}

void run_max_pool_gradient(Call& call) {
  const Array& dy = call.in(0);
  const Array& indices = call.in(1);
  Array& dx = call.out();
  const Shape& kernel = call.attributes.integers("kernel");
  for_each_channel(dx.shape, [&](std::int64_t n, std::int64_t c) {
    for_each_tap(spatial(dy.shape), kernel, call.attributes,
                 [&](const Index& i, const Index& r, const Index& k) {
                   const std::size_t at = offset(dy.shape, join(n, c, r));
                   if (indices.data[at] != static_cast<double>(offset(kernel, k))) return;
                   dx.data[offset(dx.shape, join(n, c, i))] += dy.data[at];
                 });
  });
}

// The divisor of each window: its elements within the image, and within the padding (but never
// behind it) where that counts.
std::vector<double> window_sizes(const Call& call, const Shape& image, const Shape& result) {
  const bool counts_padding = call.attributes.flag("count_include_pad");
  const auto& pads = call.attributes.integers("pads");
  std::vector<double> sizes(static_cast<std::size_t>(element_count(result)));
  for_each_tap(result, call.attributes.integers("kernel"), call.attributes,
               [&](const Index& i, const Index& r, const Index&) {
                 bool counts = true;
                 for (std::size_t d = 0; d < i.size(); ++d) {
                   const std::int64_t behind = counts_padding ? pads[d + i.size()] : 0;
                   const std::int64_t before = counts_padding ? pads[d] : 0;
                   counts = counts && i[d] >= -before && i[d] < image[d] + behind;
                 }
                 if (counts) sizes[offset(result, r)] += 1;
               });
  return sizes;
}

void run_average_pool(Call& call) {
  const bool is_gradient = call.kind == OpKind::kAveragePoolGradient;
  const Array& from = call.in(0);
  Array& to = call.out();
  const Shape& x = is_gradient ? to.shape : from.shape;
  const Shape& y = is_gradient ? from.shape : to.shape;
  const auto sizes = window_sizes(call, spatial(x), spatial(y));
  for_each_channel(x, [&](std::int64_t n, std::int64_t c) {
    for_each_tap(spatial(y), call.attributes.integers("kernel"), call.attributes,
                 [&](const Index& i, const Index& r, const Index&) {
                   if (!is_inside(i, spatial(x))) return;
                   const std::size_t at_x = offset(x, join(n, c, i));
                   const std::size_t at_y = offset(y, join(n, c, r));
                   const double size = sizes[offset(spatial(y), r)];
                   (is_gradient ? to.data[at_x] : to.data[at_y]) +=
                       (is_gradient ? from.data[at_y] : from.data[at_x]) / size;
                 });
  });
}

struct Source1D {
  std::int64_t at;
  double weight;
};

std::vector<Source1D> resize_sources(std::int64_t i, std::int64_t in, std::int64_t out,
                                     const Attributes& attributes) {
  if (attributes.text("mode") == "nearest") return {{i * in / out, 1}};
  double place =
      (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
  if (attributes.flag("align_corners")) {
    place = out == 1 ? 0
                     : static_cast<double>(i) * static_cast<double>(in - 1) /
                           static_cast<double>(out - 1);
  }
  place = std::max(place, 0.0);
  const std::int64_t low = std::min(static_cast<std::int64_t>(place), in - 1);
  const std::int64_t high = std::min(low + 1, in - 1);
  const double share = place - static_cast<double>(low);
  return {{low, 1 - share}, {high, share}};
}

void run_resize(Call& call) {
  const bool is_gradient = call.kind == OpKind::kResizeGradient;
  const Array& from = call.in(0);
  Array& to = call.out();
  const Shape& x = is_gradient ? to.shape : from.shape;
  const Shape& y = is_gradient ? from.shape : to.shape;
  for_each_index(y, [&](const Index& index) {
    std::vector<std::vector<Source1D>> sources;
    Shape choices(x.size(), 1);
    for (std::size_t a = 2; a < x.size(); ++a) {
      sources.push_back(resize_sources(index[a], x[a], y[a], call.attributes));
      choices[a] = static_cast<std::int64_t>(sources.back().size());
    }
    for_each_index(choices, [&](const Index& choice) {
      Index place = index;
      double weight = 1;
      for (std::size_t a = 2; a < x.size(); ++a) {
        const Source1D& source = sources[a - 2][static_cast<std::size_t>(choice[a])];
        place[a] = source.at;
        weight *= source.weight;
      }
      const std::size_t at_x = offset(x, place);
      const std::size_t at_y = offset(y, index);
      (is_gradient ? to.data[at_x] : to.data[at_y]) +=
          weight * (is_gradient ? from.data[at_y] : from.data[at_x]);
    });
  });
}

}  // namespace

bool run_windows(Call& call) {
  switch (call.kind) {
    case OpKind::kConv:
    case OpKind::kConvTranspose:
    case OpKind::kConvWeightGradient:
      return run_convolution(call), true;
    case OpKind::kMaxPool:
      return run_max_pool(call), true;
    case OpKind::kMaxPoolGradient:
      return run_max_pool_gradient(call), true;
    case OpKind::kAveragePool:
    case OpKind::kAveragePoolGradient:
      return run_average_pool(call), true;
    case OpKind::kResize:
    case OpKind::kResizeGradient:
      return run_resize(call), true;
    default:
      return false;
  }
}

}  // namespace rockmate::testing
