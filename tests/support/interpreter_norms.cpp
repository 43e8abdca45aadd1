// Normalisations: one loop for all kinds, which differ in what belongs together.

#include <cmath>

#include "support/interpreter_kernels.h"

namespace rockmate::testing {
namespace {

// For each element of x: the statistics and the affine parameters that belong to it.
struct NormPlaces {
  std::vector<std::size_t> statistics, affine;
};

NormPlaces norm_places(const Call& call, const Shape& x) {
  NormPlaces places;
  const bool is_layer = call.kind == OpKind::kLayerNorm || call.kind == OpKind::kLayerNormGradient;
  const bool is_group = call.kind == OpKind::kGroupNorm || call.kind == OpKind::kGroupNormGradient;
  for_each_index(x, [&](const Index& index) {
    const auto channel = static_cast<std::size_t>(index.size() > 1 ? index[1] : 0);
    std::size_t statistics = channel;
    std::size_t affine = channel;
    if (is_layer) {
      const auto axis = static_cast<std::ptrdiff_t>(call.attributes.integer("axis"));
      statistics = offset({x.begin(), x.begin() + axis}, {index.begin(), index.begin() + axis});
      affine = offset({x.begin() + axis, x.end()}, {index.begin() + axis, index.end()});
    } else if (is_group) {
      const std::int64_t groups = call.attributes.integer("groups");
      statistics = static_cast<std::size_t>(index[0] * groups + index[1] / (x[1] / groups));
    }
    places.statistics.push_back(statistics);
    places.affine.push_back(affine);
  });
  return places;
}

std::vector<double> means(const std::vector<double>& elements,
                          const std::vector<std::size_t>& place, std::size_t count) {
  std::vector<double> sums(count);
  std::vector<double> sizes(count);
  for (std::size_t e = 0; e < elements.size(); ++e) {
    sums[place[e]] += elements[e];
    sizes[place[e]] += 1;
  }
  for (std::size_t s = 0; s < count; ++s) sums[s] /= sizes[s];
  return sums;
}

void find_statistics(const Call& call, const NormPlaces& places, Array& mean, Array& variance) {
  const Array& x = call.in(0);
  const std::size_t count = mean.data.size();
  mean.data = means(x.data, places.statistics, count);
  std::vector<double> squares(x.data.size());
  for (std::size_t e = 0; e < squares.size(); ++e) {
    squares[e] = std::pow(x.data[e] - mean.data[places.statistics[e]], 2);
  }
  variance.data = means(squares, places.statistics, count);
}

// Scale and bias are the operands from `affine` on.
void normalise(Call& call, const NormPlaces& places, const Array& mean, const Array& variance,
               std::size_t affine) {
  const Array& x = call.in(0);
  for (std::size_t e = 0; e < x.data.size(); ++e) {
    const std::size_t s = places.statistics[e];
    const double normal =
        (x.data[e] - mean.data[s]) / std::sqrt(variance.data[s] + call.attributes.real("epsilon"));
    const double scale = call.has(affine) ? call.in(affine).data[places.affine[e]] : 1;
    const double bias = call.has(affine + 1) ? call.in(affine + 1).data[places.affine[e]] : 0;
    call.out(0).data[e] = normal * scale + bias;
  }
}

void run_norm(Call& call) {
  const NormPlaces places = norm_places(call, call.in(0).shape);
  find_statistics(call, places, call.out(1), call.out(2));
  normalise(call, places, call.out(1), call.out(2), 1);
}

// dx = (g - mean(g) - n mean(g n)) / deviation, where g = dy scale and n = (x - mean) / deviation
void run_norm_gradient(Call& call) {
  const Array& dy = call.in(0);
  const Array& x = call.in(1);
  const NormPlaces places = norm_places(call, x.shape);
  std::vector<double> g(x.data.size()), n(x.data.size()), gn(x.data.size()), deviation(g.size());
  for (std::size_t e = 0; e < g.size(); ++e) {
    const std::size_t s = places.statistics[e];
    deviation[e] = std::sqrt(call.in(3).data[s] + call.attributes.real("epsilon"));
    n[e] = (x.data[e] - call.in(2).data[s]) / deviation[e];
    g[e] = dy.data[e] * (call.has(4) ? call.in(4).data[places.affine[e]] : 1);
    gn[e] = g[e] * n[e];
    call.out(1).data[places.affine[e]] += dy.data[e] * n[e];
    call.out(2).data[places.affine[e]] += dy.data[e];
  }
  const std::size_t count = call.in(2).data.size();
  const auto mean_g = means(g, places.statistics, count);
  const auto mean_gn = means(gn, places.statistics, count);
  for (std::size_t e = 0; e < g.size(); ++e) {
    const std::size_t s = places.statistics[e];
    call.out(0).data[e] = (g[e] - mean_g[s] - n[e] * mean_gn[s]) / deviation[e];
  }
}

void run_running_statistics(Call& call) {
  const double momentum = call.attributes.real("momentum");
  const auto count = static_cast<double>(call.attributes.integer("count"));
  const double unbiased = count > 1 ? count / (count - 1) : 1;
  for (std::size_t c = 0; c < call.in(0).data.size(); ++c) {
    double& mean = call.inputs[2]->data[c];
    double& variance = call.inputs[3]->data[c];
    mean = (1 - momentum) * mean + momentum * call.in(0).data[c];
    variance = (1 - momentum) * variance + momentum * unbiased * call.in(1).data[c];
  }
}

}  // namespace

bool run_norms(Call& call) {
  switch (call.kind) {
    case OpKind::kBatchNorm:
    case OpKind::kLayerNorm:
    case OpKind::kGroupNorm:
      return run_norm(call), true;
    case OpKind::kBatchNormStatistics:
      return find_statistics(call, norm_places(call, call.in(0).shape), call.out(0), call.out(1)),
             true;
    case OpKind::kBatchNormApply:
      return normalise(call, norm_places(call, call.in(0).shape), call.in(1), call.in(2), 3), true;
    case OpKind::kBatchNormGradient:
    case OpKind::kLayerNormGradient:
    case OpKind::kGroupNormGradient:
      return run_norm_gradient(call), true;
    case OpKind::kRunningStatistics:
      return run_running_statistics(call), true;
    default:
      return false;
  }
}

}  // namespace rockmate::testing
