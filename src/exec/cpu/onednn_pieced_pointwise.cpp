// Gradients of 1 x 1 convolutions without strides whose image lies in pieces, as products on rows
// of pixels.
//
//   by the image   dx_p = dy w_p, a product for each piece p
//   by the weight  dw = dy' x, of chunks of pixels that are gathered into a cache; parts of the
//                  pixels have sums of their own, which are added up last
//
// As a product for each piece, the latter would bring dy into the format of the product once per
// piece: 1.3 to 2 times the time.

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "exec/cpu/onednn_conv_parts.h"
#include "exec/cpu/onednn_product.h"
#include "exec/cpu/pieces.h"

namespace rockmate::cpu {
namespace {

using namespace onednn;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

struct Pointwise {
  std::int64_t pixels, in, out;
};

std::optional<Pointwise> find_pointwise(const Convolution& conv, Direction direction) {
  const Shape& y = conv.y.type->shape;
  const auto are_zeros = [](const Dims& pads) {
    return std::ranges::all_of(pads, [](std::int64_t n) { return n == 0; });
  };
  const bool fits = conv.is_pieced() && conv.direction == direction && !conv.rounds &&
                    extent(conv.weight_shape, 2, conv.weight_shape.size()) == 1 &&
                    conv.strides == Dims{1, 1} && are_zeros(conv.before) && are_zeros(conv.after);
  if (!fits) return std::nullopt;
  return Pointwise{y[0] * y[2] * y[3], conv.x.type->shape[1], y[1]};
}

std::optional<Prepared> make_image_gradient(const KernelView& kernel, int) {
  const auto conv = fused_convolution(kernel);
  const auto found = conv ? find_pointwise(*conv, Direction::kData) : std::nullopt;
  if (!found) return std::nullopt;
  std::vector<std::pair<std::size_t, Multiplication>> products;  // by output
  for (const ImagePiece& piece : conv->x_pieces) {
    products.emplace_back(piece.operand.index, Multiplication({1,
                                                               found->pixels,
                                                               found->out,
                                                               piece.channels.count,
                                                               {found->out, false},
                                                               {found->in, false},
                                                               {0},
                                                               {piece.channels.first}}));
  }
  return Prepared{[products = std::move(products), dy = conv->y.index,
                   weight = conv->weight.index](const Run& run) {
    for (const auto& [output, by] : products) {
      by.run({run.in<float>(dy), run.in<float>(weight), nullptr, nullptr, run.out<float>(output)},
             run.threads());
    }
  }};
}

class WeightGradient {
 public:
  WeightGradient(const Pointwise& conv, Pieces pieces, std::size_t dy)
      : conv_(conv), pieces_(std::move(pieces)), dy_(dy) {
    constexpr std::int64_t kMostPointwiseParts = 4;
    constexpr std::int64_t kSums = 16 << 20;  // bytes
    constexpr std::int64_t kChunk = 1 << 19;  // bytes
    constexpr std::int64_t kLeastRows = 64;   // pixels
    const std::int64_t most =
        std::clamp<std::int64_t>(kSums / sums_bytes().count(), 2, kMostPointwiseParts);
    parts_ = std::min(most, ceil_div(conv.pixels, kLeastRows));
    const std::int64_t of_part = ceil_div(conv.pixels, parts_);
    rows_ = std::min(of_part, std::max(kLeastRows, kChunk / (conv.in * 4)));
    rows_ = ceil_div(of_part, ceil_div(of_part, rows_));  // alike
  }

  [[nodiscard]] Bytes workspace() const {
    return Bytes(parts_ * (chunk_bytes() + sums_bytes()).count());
  }

  void run(const Run& run) const {
    const OneThread one_thread;
    parallel_for(run.threads(), parts_, 1, [&](std::int64_t lane, std::int64_t end) {
      for (std::int64_t part = lane; part < end; ++part) {
        add_up(run, conv_.pixels * part / parts_, conv_.pixels * (part + 1) / parts_,
               at(run, chunk_bytes(), lane), sums(run, part));
      }
    });
    parallel_for(run.threads(), conv_.in * conv_.out, kGrain,
                 [&](std::int64_t begin, std::int64_t end) {
                   float* const dw = run.out<float>();
                   std::copy(sums(run, 0) + begin, sums(run, 0) + end, dw + begin);
                   for (std::int64_t part = 1; part < parts_; ++part) {
                     const float* const more = sums(run, part);
                     for (std::int64_t i = begin; i < end; ++i) dw[i] += more[i];
                   }
                 });
  }

 private:
  [[nodiscard]] Bytes chunk_bytes() const { return aligned(Bytes(rows_ * conv_.in * 4)); }
  [[nodiscard]] Bytes sums_bytes() const { return aligned(Bytes(conv_.in * conv_.out * 4)); }
  [[nodiscard]] static float* at(const Run& run, Bytes each, std::int64_t which) {
    return reinterpret_cast<float*>(run.workspace().data() + which * each.count());
  }
  [[nodiscard]] float* sums(const Run& run, std::int64_t part) const {
    return at(run, sums_bytes(), part) + parts_ * chunk_bytes().count() / 4;
  }

  // Of pixels [begin, end).
  void add_up(const Run& run, std::int64_t begin, std::int64_t end, float* chunk,
              float* sum) const {
    for (std::int64_t pixel = begin; pixel < end; pixel += rows_) {
      const std::int64_t count = std::min(rows_, end - pixel);
      pieces_.gather(run, pixel * conv_.in, count * conv_.in, chunk);
      const dnnl_status_t status = dnnl_sgemm(
          'T', 'N', conv_.out, conv_.in, count, 1, run.in<float>(dy_) + pixel * conv_.out,
          conv_.out, chunk, conv_.in, pixel > begin ? 1.0F : 0.0F, sum, conv_.in);
      ROCKMATE_CHECK(status == dnnl_success);
    }
  }

  Pointwise conv_;
  Pieces pieces_;
  std::size_t dy_;      // input
  std::int64_t parts_;  // of the pixels
  std::int64_t rows_;   // of a chunk
};

std::optional<Prepared> make_weight_gradient(const KernelView& kernel, int) {
  const auto conv = fused_convolution(kernel);
  const auto found = conv ? find_pointwise(*conv, Direction::kWeights) : std::nullopt;
  if (!found) return std::nullopt;
  std::vector<std::size_t> inputs;
  for (const ImagePiece& piece : conv->x_pieces) inputs.push_back(piece.operand.index);
  auto pieces = Pieces::of(kernel, inputs);
  if (!pieces) return std::nullopt;
  const WeightGradient by(*found, *std::move(pieces), conv->y.index);
  return Prepared{[by](const Run& run) { by.run(run); }, by.workspace()};
}

}  // namespace

void add_pieced_pointwise(Makers& makers) {
  add(makers, {OpKind::kFused}, make_image_gradient);
  add(makers, {OpKind::kFused}, make_weight_gradient);
}

}  // namespace rockmate::cpu
