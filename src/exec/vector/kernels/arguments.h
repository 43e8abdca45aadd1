// What the host tells a kernel: addresses in the device's memory, null where an operand is absent,
// and sizes in elements. A kernel is called as kernel(&arguments, begin, end) for a range of its
// tasks; each of them makes results of its own, so it does not matter who runs which.
#pragma once

#include <stdint.h>

namespace rockmate::ve {

constexpr int kMostAxes = 8;

enum class Function : int {
  kRelu,
  kLeakyRelu,
  kClip,  // first: they have a mask
  kElu,
  kGelu,
  kGeluTanh,
  kSigmoid,
  kTanh,
  kHardSigmoid,
  kHardSwish,
  kSilu,
  kSoftplus,
  kExp,
  kLog,
  kSqrt,
  kPow,
  kErf,
  kAbs,
  kSin,
  kCos,
  kScale
};

/// y = f(x), or dx = dy f'(saved). Tasks: stretches of kMapStretch elements.
constexpr long kMapStretch = 1024;
struct MapArguments {
  Function function;
  bool wide;  ///< float64, else float32
  const void *x, *saved;
  void* y;
  void* mask;             ///< written by the activation; null: not asked for
  const void* read_mask;  ///< read by the gradient instead of `saved`
  double p, q;
  long count;
};

/// A space of elements through which operands move with strides of their own; lanes run along the
/// last axis. Tasks: its rows.
struct Space {
  int rank;  ///< without the last axis
  long extents[kMostAxes];
  long length;                 ///< of the last axis
  long strides[3][kMostAxes];  ///< of the operands
  long lane_strides[3];
};

enum class Binary : int { kAdd, kSub, kMul, kDiv, kMaximum, kMinimum };
struct BinaryArguments {
  Binary function;
  bool wide;
  const void *a, *b;
  void* y;
  Space space;  ///< y, a, b
};

/// y = x, or, of real numbers, factor * x + addend where `computes`.
struct CopyArguments {
  long width;  ///< of an element, in bytes: 1, 4 or 8
  bool computes;
  double factor;
  const void *x, *addend;
  void* y;
  Space space;  ///< y, x, addend
};

/// Elements of any type, one of the result after the other. Tasks: stretches of kMapStretch
/// elements of it.
enum class Element : int { kFloat32, kFloat64, kInt32, kInt64, kByte };
enum class Elementwise : int {
  kCast,  // first: they have one operand
  kTruth,
  kNot,
  kScale,
  kTrilu,
  kFill,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMaximum,
  kMinimum,
  kEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kAnd,
  kOr,
  kWhere
};
struct ElementsArguments {
  Elementwise function;
  Element types[3];  ///< of the operands
  Element result;
  const void* operands[3];
  void* y;
  long count;
  int rank;  ///< of the result
  long extents[kMostAxes];
  long strides[3][kMostAxes];  ///< of the operands
  bool is_even[3];             ///< an operand whose elements lie as those of the result
  double factor, offset;       ///< kScale
  long value;                  ///< kFill
  bool upper;                  ///< kTrilu
  long width, height, diagonal;
};

/// How an operand moves as the elements of the result do, which are `rows` of `length`.
enum class Spread : int {
  kBeside,   ///< with them
  kChannel,  ///< a number for each row, again after `channels` rows
  kColumn,   ///< a row of numbers
  kScalar
};
/// An operand of a chain; where there is a mean, a batch norm's application to it.
struct ChainOperand {
  const void* data;
  Spread spread;
  const void *mean, *variance, *scale, *bias;
  Spread numbers;  ///< of these
  double epsilon;
};
enum class ChainVerb : int {
  kMap,       ///< v = f(v)
  kBinary,    ///< v = f(v, operand)
  kReversed,  ///< v = f(operand, v)
  kSlope,     ///< v = v f'(operand): a gradient and what was saved for it
  kSlopeOf    ///< v = operand f'(v)
};
struct ChainStep {
  ChainVerb verb;
  Function function;
  Binary binary;
  double p, q;  ///< of the function
  ChainOperand operand;
};
/// Point-wise steps from an operand to a result, in registers. Tasks: rows; of one row, stretches
/// of kMapStretch elements.
constexpr int kMostSteps = 12;
struct ChainArguments {
  bool wide;
  long rows, length, channels;
  ChainOperand first;
  int count;
  ChainStep steps[kMostSteps];
  void* y;
  void* mask;  ///< of the last step, of one row; null: none
};

/// Tasks: stretches of kMapStretch elements.
struct FillArguments {
  bool wide;
  double value;
  void* y;
  long count;
};

/// What is done to a sum before it is stored.
enum class Epilogue : int { kNone, kRelu, kClip };

/// c[r, q] = sum over k of a[r, k] b[k, q], + bias + addend, for several products.
/// Tasks of `outer`: products, blocks of rows, registers of columns; of `dot`: products, blocks of
/// rows, blocks of columns.
/// Registers of rows, and columns, of a task of `dot`.
constexpr int kDotRegisters = 4;
constexpr int kDotColumns = 4;
struct ProductArguments {
  bool wide;
  const void *a, *b, *bias, *addend;
  void* c;
  long rows, inner, columns;
  long a_row, a_inner, b_inner, b_column, c_row, c_column, bias_row, bias_column;
  int rank;  ///< of the space of products
  long extents[kMostAxes], a_strides[kMostAxes], b_strides[kMostAxes];
  long c_product;
  int block;  ///< accumulators of `outer`: 1, 2, 4, 8 or 16, of one or two rows each
  Epilogue epilogue;
  double low, high;  ///< of kClip
};

/// The places of a window along one axis: weight and offset grow evenly.
struct AxisTaps {
  long count, weight, weight_step, offset, offset_step;
};
/// One lattice of results (src/exec/reference/taps.h). Position t reads the image at t * step +
/// offset, and lies at first + t * spacing.
struct Grid {
  int rank;
  long counts[kMostAxes], step[kMostAxes], first[kMostAxes], spacing[kMostAxes];
  long image[kMostAxes], result[kMostAxes];
  AxisTaps taps[kMostAxes];
  long positions, pixels, results;
  bool is_plain;  ///< unit steps, and as many positions as pixels along each axis
  /// Chunks of positions: of one image each, or of all images one behind the other.
  bool joins_images;
  long chunks, chunk;
};

/// Tasks: groups, blocks of output channels, chunks.
struct ConvArguments {
  bool wide;
  const void *x, *weight, *bias;
  void* y;
  Grid grid;
  long batch, groups, in, out;  ///< channels per group
  long weight_group, weight_out, weight_in;
  int block;
  Epilogue epilogue;
  double low, high;  ///< of kClip
};

/// dw[o, c, tap] = sum of dy x. Tasks: groups, blocks of output channels, taps, blocks of input
/// channels.
struct WeightGradientArguments {
  bool wide;
  const void *x, *dy;
  void* dw;
  Grid grid;
  long batch, groups, in, out;
  int rows, columns;  ///< of a block: registers of output channels, input channels
};

/// 1x1 convolution, bias, clamp, and the mean over all pixels. Tasks: images, blocks of channels.
struct ConvPoolArguments {
  bool wide;
  const void *x, *weight, *bias;
  void* y;
  long batch, in, out, pixels;
  double low, high;  ///< of the clamp; of a ReLU 0, infinity
};

/// As NormPlan (src/exec/reference/norm_plan.h); elements of a run are element_stride apart.
struct NormArguments {
  bool wide, per_element;
  const void *x, *dy, *scale, *bias, *means, *variances;
  void *y, *mean_out, *variance_out, *dscale, *dbias;
  long sets, runs, length, set_stride, run_stride, element_stride, period, affine_set, affine_run;
  double epsilon;
  bool is_clamped;  ///< a gradient: low < y < high, made again of x, lets dy pass
  double low, high;
};

struct RunningArguments {
  bool wide, running_wide;
  const void* batch;
  void* running;
  double momentum, factor;
  long channels;
};

/// Tasks: stretches of kPoolStretch results (of pixels, in gradients).
constexpr long kPoolStretch = 1024;
struct PoolArguments {
  bool wide, byte_indices, counts_padding;
  const void *x, *indices;
  void *y, *index_out;
  Grid grid;
  long planes;
  long pads_before[kMostAxes], pads_behind[kMostAxes];
};

/// Along each axis a result lies between two pixels, or on one. Tasks: stretches of kPoolStretch
/// results (of pixels, in gradients).
/// Pixel p is a source of no result before max(0, (p - 1) * result / image - kResizeMargin).
constexpr long kResizeMargin = 1;
struct ResizeArguments {
  bool wide, is_nearest, aligns_corners;
  const void* x;
  void* y;
  int rank;
  long image[kMostAxes], result[kMostAxes];
  long reach[kMostAxes];  ///< how many results, from the first one on, a pixel may be a source of
  long planes, pixels, results;
};

/// Lines of elements `stride` apart. Tasks: lines.
struct LineArguments {
  bool wide, is_log, wide_targets;
  const void *x, *dy, *targets, *log_sums, *scale;
  void *y, *log_sum_out;
  double* parts;  ///< of the loss
  long lines, length, stride, ignored;
  double counted;
};

/// One task: the sum of `count` doubles (wide) or of pairwise losses, over divisor.
enum class Pairwise : int { kSum, kSquare, kCross, kNorm };
struct LossArguments {
  Pairwise function;
  bool wide;
  const void *x, *target, *scale;
  void* y;
  long count;
  double divisor;
};

/// One task: min(1, largest / (root of the sum of squares + epsilon)) of scalars.
struct ClipArguments {
  bool wide;
  const void* const* squares;  ///< a list that is passed along with the arguments
  long count;
  double largest, epsilon;
  void* y;
};

/// One task: how many indices are not `ignored`, and the first one that is out of range.
struct CheckArguments {
  bool wide_indices;
  const void* indices;
  long count, below;
  bool has_ignored;
  long ignored;
  long* counted;
  long* bad;  ///< -1: none
};

/// Tasks: picks (gather), columns in registers (gradient).
struct GatherArguments {
  bool wide, wide_indices;
  const void *x, *indices;
  void* y;
  long picks, outer, rows, width;
};

/// Tasks: registers of blocks of elements, which share a draw of numbers.
constexpr long kDropoutBlock = 4;
struct DropoutArguments {
  bool wide, negates;
  const void* x;
  void* y;
  long count, first_block;
  double rate, scale;
  uint64_t seed;
  uint32_t stream, step;
};

enum class Reduction : int { kSum, kMaximum, kMinimum };
/// Tasks: kept places, times registers of columns where the innermost block is kept.
struct ReduceArguments {
  Reduction function;
  bool wide, inner_is_reduced;
  const void *x, *dy, *extremum;  ///< the last two: of an extremum's gradient, which writes like x
  void* y;
  double share;
  int kept_rank, reduced_rank;
  long kept[kMostAxes], kept_strides[kMostAxes], reduced[kMostAxes], reduced_strides[kMostAxes];
  long outer, repeats, inner;
};

enum class Optimizer : int { kSgd, kMomentum, kAdam, kAccumulate };
/// Tasks: stretches of kMapStretch elements.
struct UpdateArguments {
  Optimizer function;
  bool wide;
  void* parameter;
  const void* gradient;
  const void* factor;  ///< of the gradient, on the device; null: 1
  void *first, *second;
  long count;
  bool starts;  ///< kAccumulate: what was there does not count
  double rate, decay, momentum, beta1, beta2, epsilon, shrink, correction;
};

}  // namespace rockmate::ve
