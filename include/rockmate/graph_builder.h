// Builds a forward model, one method per layer. Every method checks types and shapes at once and
// throws InvalidInput that names the op, what it found and what it expected.
// ```cpp
// GraphBuilder b("mlp");
// const TensorId x = b.input("x", {32, 784});
// const TensorId target = b.input("target", {32}, DType::kInt64);
// const TensorId h = b.relu(b.linear(x, 512));
// b.loss(b.cross_entropy(b.linear(h, 10), target));
// const Graph graph = std::move(b).build();
// ```
// Axes may be negative (from the end). Images are [batch, channels, spatial...].
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate {

/// A list of extents per spatial dimension; one number stands for all dimensions. A padding may
/// also have two per dimension: all that come before, then all that come after.
using Extents = std::vector<std::int64_t>;

struct ConvOptions {
  Extents stride = {1};
  Extents padding = {0};
  Extents dilation = {1};
  std::int64_t groups = 1;
  bool bias = true;              ///< of the layers that make their own parameters
  Extents output_padding = {0};  ///< of transposed convolutions: added behind the last element
};

struct PoolOptions {
  Extents stride = {};  ///< empty: the kernel
  Extents padding = {0};
  Extents dilation = {1};  ///< max pooling only
  bool ceil_mode = false;
  bool count_include_pad = true;  ///< average pooling only
};

struct NormOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;  ///< running = (1 - momentum) * running + momentum * batch
};

enum class ResizeMode : std::uint8_t { kNearest, kLinear };

class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name);
  /// Goes on where `graph` ends.
  explicit GraphBuilder(Graph graph);

  // Sources. Their names must be new.
  TensorId input(const std::string& name, Shape shape, DType dtype = DType::kFloat32);
  TensorId parameter(const std::string& name, Shape shape, Fill fill = {},
                     DType dtype = DType::kFloat32);
  /// `data` in row-major order; one number stands for all elements.
  TensorId constant(const std::string& name, TensorType type, std::vector<double> data);
  TensorId scalar(double value, DType dtype = DType::kFloat32);
  TensorId statistics(const std::string& name, Shape shape, double value = 0);
  /// Gives a source its first values, row-major.
  void set_data(TensorId source, std::vector<double> data);
  /// The optimizer leaves this parameter as it is.
  void freeze(TensorId parameter);

  // Names. A node is called after its op and a number, unless it is named before it is added.
  /// The next node's name; a suffix makes it unique.
  GraphBuilder& named(std::string name);
  class Scope;
  /// Names of nodes and parameters begin with "prefix." until the returned object dies.
  [[nodiscard]] Scope scope(const std::string& prefix);

  // Layers that make their parameters, as "<node>.weight", "<node>.bias".
  TensorId conv(TensorId x, std::int64_t channels, const Extents& kernel,
                const ConvOptions& options = {});
  TensorId conv_transpose(TensorId x, std::int64_t channels, const Extents& kernel,
                          const ConvOptions& options = {});
  TensorId linear(TensorId x, std::int64_t features, bool bias = true);
  TensorId batch_norm(TensorId x, const NormOptions& options = {});
  TensorId layer_norm(TensorId x, const NormOptions& options = {});  ///< over the last axis
  TensorId group_norm(TensorId x, std::int64_t groups, const NormOptions& options = {});
  TensorId instance_norm(TensorId x, const NormOptions& options = {});
  TensorId embedding(TensorId indices, std::int64_t rows, std::int64_t features);

  // The same ops on tensors that exist already.
  /// weight: [out, in / groups, kernel...]; bias: [out].
  TensorId conv(TensorId x, TensorId weight, std::optional<TensorId> bias,
                const ConvOptions& options = {});
  /// weight: [in, out / groups, kernel...]; bias: [out].
  TensorId conv_transpose(TensorId x, TensorId weight, std::optional<TensorId> bias,
                          const ConvOptions& options = {});
  /// x: [..., in]; weight: [out, in], or [in, out] unless `transposed`; bias: [out].
  TensorId linear(TensorId x, TensorId weight, std::optional<TensorId> bias,
                  bool transposed = true);
  struct BatchNormTensors {
    TensorId scale, bias, running_mean, running_variance;
  };
  /// In training mode: normalises by the batch; a second node updates the running statistics.
  TensorId batch_norm(TensorId x, const BatchNormTensors& tensors, const NormOptions& options = {});
  /// Over the axes from `first_axis` on; scale and bias have their shape.
  TensorId layer_norm(TensorId x, TensorId scale, TensorId bias, std::int64_t first_axis,
                      const NormOptions& options = {});
  TensorId group_norm(TensorId x, TensorId scale, TensorId bias, std::int64_t groups,
                      const NormOptions& options = {});

  /// Batched, with broadcasting of the leading axes.
  TensorId matmul(TensorId a, TensorId b, bool transpose_a = false, bool transpose_b = false);

  TensorId max_pool(TensorId x, const Extents& kernel, const PoolOptions& options = {});
  TensorId average_pool(TensorId x, const Extents& kernel, const PoolOptions& options = {});
  /// The mean over all spatial axes, which stay with extent 1.
  TensorId global_average_pool(TensorId x);
  /// Average pooling to a given size, which must divide the input's.
  TensorId adaptive_average_pool(TensorId x, const Extents& size);

  TensorId relu(TensorId x);
  TensorId relu6(TensorId x);
  TensorId clip(TensorId x, double low, double high);
  TensorId leaky_relu(TensorId x, double slope = 0.01);
  TensorId elu(TensorId x, double alpha = 1);
  TensorId gelu(TensorId x, bool tanh_approximation = false);
  TensorId sigmoid(TensorId x);
  TensorId tanh(TensorId x);
  TensorId hard_sigmoid(TensorId x, double alpha = 1.0 / 6, double beta = 0.5);
  TensorId hard_swish(TensorId x);
  TensorId silu(TensorId x);
  TensorId softplus(TensorId x);
  TensorId softmax(TensorId x, std::int64_t axis = -1);
  TensorId log_softmax(TensorId x, std::int64_t axis = -1);
  /// Zeroes elements with probability `rate` and scales the others by 1 / (1 - rate). The mask is a
  /// function of (seed, step, this op, element): it is never saved.
  TensorId dropout(TensorId x, double rate);

  TensorId gather(TensorId table, TensorId indices, std::int64_t axis = 0);
  TensorId concat(const std::vector<TensorId>& parts, std::int64_t axis);
  std::vector<TensorId> split(TensorId x, const std::vector<std::int64_t>& sizes,
                              std::int64_t axis);
  /// `parts` equal pieces.
  std::vector<TensorId> chunk(TensorId x, std::int64_t parts, std::int64_t axis);
  /// Elements start, start + step, ... before `end` of one axis; negative ones count from the end.
  TensorId slice(TensorId x, std::int64_t axis, std::int64_t start, std::int64_t end,
                 std::int64_t step = 1);
  /// A view. One extent may be -1: what is left.
  TensorId reshape(TensorId x, Shape shape);
  TensorId flatten(TensorId x, std::int64_t first_axis = 1);
  TensorId squeeze(TensorId x, std::int64_t axis);
  TensorId unsqueeze(TensorId x, std::int64_t axis);
  TensorId transpose(TensorId x, const std::vector<std::int64_t>& permutation);
  /// Per axis: elements before and after; negative ones crop.
  TensorId pad(TensorId x, const std::vector<std::int64_t>& before,
               const std::vector<std::int64_t>& after, double value = 0);
  TensorId expand(TensorId x, Shape shape);
  /// Resizes the spatial axes to `size`.
  TensorId resize(TensorId x, const Extents& size, ResizeMode mode, bool align_corners = false);
  TensorId cast(TensorId x, DType dtype);
  TensorId where(TensorId condition, TensorId a, TensorId b);
  /// Keeps the lower (or upper) triangle of the last two axes, seen from `diagonal`.
  TensorId trilu(TensorId x, bool upper, std::int64_t diagonal = 0);

  // With broadcasting.
  TensorId add(TensorId a, TensorId b);
  TensorId sub(TensorId a, TensorId b);
  TensorId mul(TensorId a, TensorId b);
  TensorId div(TensorId a, TensorId b);
  TensorId maximum(TensorId a, TensorId b);
  TensorId minimum(TensorId a, TensorId b);
  TensorId equal(TensorId a, TensorId b);
  TensorId less(TensorId a, TensorId b);
  TensorId less_or_equal(TensorId a, TensorId b);
  TensorId greater(TensorId a, TensorId b);
  TensorId greater_or_equal(TensorId a, TensorId b);
  TensorId logical_and(TensorId a, TensorId b);
  TensorId logical_or(TensorId a, TensorId b);
  TensorId logical_not(TensorId x);

  /// factor * x + offset
  TensorId scale(TensorId x, double factor, double offset = 0);
  TensorId neg(TensorId x) { return scale(x, -1); }
  TensorId exp(TensorId x);
  TensorId log(TensorId x);
  TensorId sqrt(TensorId x);
  TensorId pow(TensorId x, double exponent);
  TensorId erf(TensorId x);
  TensorId abs(TensorId x);
  TensorId sin(TensorId x);
  TensorId cos(TensorId x);

  /// Over the given axes; none: over all.
  TensorId reduce_sum(TensorId x, const std::vector<std::int64_t>& axes = {}, bool keep = false);
  TensorId reduce_mean(TensorId x, const std::vector<std::int64_t>& axes = {}, bool keep = false);
  TensorId reduce_max(TensorId x, const std::vector<std::int64_t>& axes = {}, bool keep = false);
  TensorId reduce_min(TensorId x, const std::vector<std::int64_t>& axes = {}, bool keep = false);

  /// Mean over all targets but those equal to `ignore_index`. targets: int64, the shape of logits
  /// without `axis`.
  TensorId cross_entropy(TensorId logits, TensorId targets, std::int64_t axis = 1,
                         std::int64_t ignore_index = -100);
  TensorId mse(TensorId prediction, TensorId target);
  /// Mean of the binary cross-entropy of sigmoid(logits) with targets in [0, 1].
  TensorId binary_cross_entropy(TensorId logits, TensorId targets);

  /// Adds a node; its outputs are activations named after it. The layers above are made of this.
  std::vector<TensorId> node(OpKind kind, std::vector<TensorId> inputs, Attributes attributes = {});

  /// Training minimises the sum of weight * tensor over all losses; each is a scalar.
  void loss(TensorId tensor, double weight = 1);
  /// Marks what the model is asked for.
  void output(TensorId tensor);

  /// Throws InvalidInput for a tensor of another builder.
  [[nodiscard]] const Tensor& operator[](TensorId id) const;
  [[nodiscard]] const Shape& shape(TensorId id) const { return (*this)[id].type.shape; }

  [[nodiscard]] Graph build() &&;

 private:
  TensorId add_source(const std::string& name, TensorKind kind, TensorType type, Fill fill);
  TensorId layer_parameter(const std::string& name, Shape shape, Fill fill, DType dtype);
  [[nodiscard]] Extents per_dimension(TensorId x, const Extents& kernel) const;
  TensorId single(OpKind kind, std::vector<TensorId> inputs, Attributes attributes = {});
  TensorId reduce(OpKind kind, TensorId x, const std::vector<std::int64_t>& axes, bool keep);
  std::string take_name(OpKind kind);
  std::string unique(const std::string& name);

  Graph graph_;
  std::unordered_set<std::string> names_;
  std::unordered_map<std::string, std::size_t> next_number_;
  std::string prefix_;
  std::string next_name_;   // as the user wants it, before prefix and suffix
  std::string fixed_name_;  // final: of a layer whose parameters are called after it
  std::int64_t dropouts_ = 0;
};

/// Ends a scope of names when it dies.
class [[nodiscard]] GraphBuilder::Scope {
 public:
  Scope(GraphBuilder& builder, const std::string& prefix)
      : builder_(builder), outer_(builder.prefix_) {
    builder.prefix_ += prefix + ".";
  }
  ~Scope() { builder_.prefix_ = std::move(outer_); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  GraphBuilder& builder_;
  std::string outer_;
};

}  // namespace rockmate
