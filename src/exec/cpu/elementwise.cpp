// Element-wise ops: spans over the whole tensor, or panels where an operand is broadcast.

#include "exec/cpu/broadcast.h"
#include "exec/cpu/families.h"
#include "exec/cpu/spans.h"

namespace rockmate::cpu {
namespace {

// Calls body(first, n) for spans that make up the tensor; masks are cut at whole words.
template <class F>
void for_each_span(const Run& run, std::int64_t count, const F& body) {
  constexpr std::int64_t kWord = 64;
  parallel_for(run.threads(), (count + kWord - 1) / kWord, kGrain / kWord,
               [&](std::int64_t begin, std::int64_t end) {
                 body(begin * kWord, std::min(count, end * kWord) - begin * kWord);
               });
}

bool is_elementwise(const KernelView& kernel) {
  return kernel.dtype() == DType::kFloat32 && has_one_format(kernel);
}

std::optional<Prepared> make_unary(const KernelView& kernel, int) {
  const auto f = find_unary(kernel.kind, kernel.attributes);
  if (!f || !is_elementwise(kernel)) return std::nullopt;
  return Prepared{[f = *f, count = element_count(kernel.shape())](const Run& run) {
    const float* x = run.in<float>();
    float* y = run.out<float>();
    for_each_span(run, count, [&](std::int64_t at, std::int64_t n) { f(x + at, y + at, n); });
  }};
}

std::optional<Prepared> make_masked(const KernelView& kernel, int) {
  const auto f = find_unary(kernel.kind, kernel.attributes);
  const auto masked = find_masked(kernel.kind, kernel.attributes);
  if (!f || !masked || !is_elementwise(kernel)) return std::nullopt;
  return Prepared{
      [f = *f, masked = *masked, count = element_count(kernel.shape())](const Run& run) {
        const float* x = run.in<float>();
        float* y = run.out<float>(0);
        auto* mask = run.out<std::uint8_t>(1);
        for_each_span(run, count, [&](std::int64_t at, std::int64_t n) {
          if (mask == nullptr) {
            f(x + at, y + at, n);
          } else {
            masked(x + at, y + at, mask + at / 8, n);
          }
        });
      }};
}

std::optional<Prepared> make_gradient(const KernelView& kernel, int) {
  const auto f = find_binary(kernel.kind, kernel.attributes);
  if (!f || !is_elementwise(kernel)) return std::nullopt;
  const std::int64_t count = element_count(kernel.shape());
  if (kernel.dtype(1) == DType::kBit) {
    const bool leaks = kernel.kind == OpKind::kLeakyReluGradient;
    return Prepared{[count, rest = leaks ? f->constants.a : 0.0f](const Run& run) {
      const float* dy = run.in<float>(0);
      const auto* mask = run.in<std::uint8_t>(1);
      float* dx = run.out<float>();
      for_each_span(run, count, [&](std::int64_t at, std::int64_t n) {
        apply_mask(dy + at, mask + at / 8, rest, dx + at, n);
      });
    }};
  }
  return Prepared{[f = *f, count](const Run& run) {
    const float* dy = run.in<float>(0);
    const float* saved = run.in<float>(1);
    float* dx = run.out<float>();
    for_each_span(run, count,
                  [&](std::int64_t at, std::int64_t n) { f(dy + at, saved + at, dx + at, n); });
  }};
}

std::optional<Prepared> make_arithmetic(const KernelView& kernel, int) {
  const auto f = find_binary(kernel.kind, kernel.attributes);
  if (!f || !is_float32(kernel)) return std::nullopt;
  const auto space = Broadcast::of(kernel.outputs[0], kernel.inputs);
  if (!space) return std::nullopt;
  return Prepared{[f = *f, space = *space](const Run& run) {
    space.for_each_panel(run.threads(), [&](const Broadcast::Panel& panel) {
      f(space.operand(0, run.in<float>(0), panel), space.operand(1, run.in<float>(1), panel),
        run.out<float>() + panel.first, panel.rows, panel.columns);
    });
  }};
}

std::optional<Prepared> make_where(const KernelView& kernel, int) {
  if (kernel.outputs[0].dtype != DType::kFloat32) return std::nullopt;
  const auto space = Broadcast::of(kernel.outputs[0], kernel.inputs);
  if (!space) return std::nullopt;
  return Prepared{[space = *space](const Run& run) {
    space.for_each_panel(run.threads(), [&](const Broadcast::Panel& panel) {
      const Operand condition = space.operand(0, nullptr, panel);
      Operand a = space.operand(1, run.in<float>(1), panel);
      Operand b = space.operand(2, run.in<float>(2), panel);
      const std::uint8_t* truths = run.in<std::uint8_t>(0) + panel.offsets[0];
      float* y = run.out<float>() + panel.first;
      for (std::int64_t r = 0; r < panel.rows; ++r, y += panel.columns) {
        select(truths, condition.is_scalar, a, b, y, panel.columns);
        truths += condition.stride;
        a.data += a.stride;
        b.data += b.stride;
      }
    });
  }};
}

// Elements are numbered as they stand in the shape, not as they lie: in a channels-last image, the
// pixels of a channel are neighbours, which are fetched and put back piece by piece.
void dropout_image(const DropoutStream& stream, std::uint64_t first_number, const Shape& shape,
                   const float* x, float* y, int threads) {
  constexpr std::int64_t kPiece = 64;
  const std::int64_t channels = shape[1];
  const std::int64_t pixels = extent(shape, 2, shape.size());
  const std::int64_t pieces = (pixels + kPiece - 1) / kPiece;
  parallel_for(threads, shape[0] * pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    float piece[kPiece];
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t n = unit / pieces;
      const std::int64_t first = unit % pieces * kPiece;
      const std::int64_t count = std::min(kPiece, pixels - first);
      const std::int64_t origin = (n * pixels + first) * channels;
      for (std::int64_t c = 0; c < channels; ++c) {
        const auto element =
            first_number + static_cast<std::uint64_t>((n * channels + c) * pixels + first);
        for (std::int64_t p = 0; p < count; ++p) piece[p] = x[origin + p * channels + c];
        dropout(stream, element, piece, piece, count);
        for (std::int64_t p = 0; p < count; ++p) y[origin + p * channels + c] = piece[p];
      }
    }
  });
}

std::optional<Prepared> make_dropout(const KernelView& kernel, int) {
  if (!is_float32(kernel) || !has_one_format(kernel)) return std::nullopt;
  const bool is_image = kernel.inputs[0].format == MemoryFormat::kChannelsLast;
  const DropoutStream stream = dropout_stream(kernel.attributes);
  const auto first = static_cast<std::uint64_t>(kernel.attributes.integer("first", 0));
  return Prepared{[=, shape = kernel.shape()](const Run& run) {
    DropoutStream drawn = stream;
    drawn.seed = run.seed();
    drawn.step = static_cast<std::uint32_t>(run.step());
    const float* x = run.in<float>();
    float* y = run.out<float>();
    if (is_image) return dropout_image(drawn, first, shape, x, y, run.threads());
    const std::int64_t count = element_count(shape);
    for_each_span(run, count, [&](std::int64_t at, std::int64_t n) {
      dropout(drawn, first + static_cast<std::uint64_t>(at), x + at, y + at, n);
    });
  }};
}

}  // namespace

void add_elementwise_kernels(Makers& makers) {
  using enum OpKind;
  add(makers, {kRelu, kClip, kLeakyRelu}, make_masked);
  add(makers,
      {kGelu, kSigmoid, kTanh, kHardSigmoid, kHardSwish, kSilu, kExp, kSqrt, kErf, kAbs, kScale},
      make_unary);
  add(makers,
      {kReluGradient, kClipGradient, kLeakyReluGradient, kEluGradient, kGeluGradient,
       kSigmoidGradient, kTanhGradient, kHardSigmoidGradient, kHardSwishGradient, kSiluGradient,
       kSoftplusGradient, kErfGradient, kAbsGradient},
      make_gradient);
  add(makers, {kAdd, kSub, kMul, kDiv, kMaximum, kMinimum}, make_arithmetic);
  add(makers, {kWhere}, make_where);
  add(makers, {kDropout}, make_dropout);
}

}  // namespace rockmate::cpu
