// The gradient of a clamped batch norm whose x is a concatenation: pixels of x are gathered, a few
// thousand elements at a time, and what the gradient makes of them is dealt to the pieces'
// gradients while both are in the cache.

#include <array>

#include "exec/cpu/batch_norm_sums.h"
#include "exec/cpu/families.h"
#include "exec/cpu/pieces.h"
#include "exec/cpu/spans.h"
#include "graph/fusion/pieced_norm.h"

namespace rockmate::cpu {
namespace {

constexpr std::int64_t kChunk = 8192;  // elements: 32 KiB of x, and of dx
constexpr std::int64_t kMostWorkers = 8;

class PiecedNormKernel {
 public:
  PiecedNormKernel(PiecedNorm norm, Pieces pieces, const Shape& image)
      : norm_(std::move(norm)),
        pieces_(std::move(pieces)),
        add_(*find_binary(OpKind::kAdd, {})),
        shape_{image[0] * image[2] * image[3], image[1], norm_.epsilon},
        clamp_{static_cast<float>(norm_.low), static_cast<float>(norm_.high)},
        parts_(shape_),
        rows_(std::clamp<std::int64_t>(kChunk / shape_.channels, 1, shape_.rows)),
        workers_(std::min(kMostWorkers, parts_.count)) {}

  [[nodiscard]] Bytes workspace() const {
    return sums_bytes() + Bytes(workers_ * worker_bytes().count());
  }
  void run(const Run& run) const;

 private:
  // What a worker has: a chunk of x, one of dx, and two sums per channel.
  struct Worker {
    float* x;
    float* dx;
    double* sums;
  };
  [[nodiscard]] Bytes sums_bytes() const { return aligned(batch_norm_workspace(shape_)); }
  [[nodiscard]] Bytes chunk_bytes() const { return aligned(Bytes(rows_ * shape_.channels * 4)); }
  [[nodiscard]] Bytes worker_bytes() const {
    return chunk_bytes() + chunk_bytes() + aligned(Bytes(2 * shape_.channels * 8));
  }
  [[nodiscard]] Worker worker(const Run& run, std::int64_t which) const;
  [[nodiscard]] BatchNormBackward tensors(const Run& run) const;
  template <class F>
  void for_each_chunk(const Run& run, const F& body) const;
  void add_chunk(const Worker& worker, const float* dy, const Gate& gate, const float* center,
                 std::int64_t rows, double* sum, double* moment) const;
  void deal(const Run& run, const float* dx, std::int64_t row, std::int64_t rows) const;

  PiecedNorm norm_;
  Pieces pieces_;
  Binary add_;
  BatchNormShape shape_;
  Clamp clamp_;
  BatchNormParts parts_;
  std::int64_t rows_;  // of a chunk
  std::int64_t workers_;
};

PiecedNormKernel::Worker PiecedNormKernel::worker(const Run& run, std::int64_t which) const {
  std::byte* const own =
      run.workspace().data() + sums_bytes().count() + which * worker_bytes().count();
  return {reinterpret_cast<float*>(own), reinterpret_cast<float*>(own + chunk_bytes().count()),
          reinterpret_cast<double*>(own + 2 * chunk_bytes().count())};
}

BatchNormBackward PiecedNormKernel::tensors(const Run& run) const {
  const auto in = [&](const std::optional<std::size_t>& i) {
    return i ? run.in<float>(*i) : nullptr;
  };
  const auto out = [&](std::size_t which) {
    return norm_.outputs[which] ? run.out<float>(*norm_.outputs[which]) : nullptr;
  };
  BatchNormBackward t;
  t.dy = run.in<float>(norm_.dy);
  t.mean = run.in<float>(norm_.mean);
  t.variance = run.in<float>(norm_.variance);
  t.scale = in(norm_.scale);
  t.bias = in(norm_.bias);
  t.dx = out(0);
  t.dscale = out(1);
  t.dbias = out(2);
  return t;
}

// body(worker, part, first row, rows)
template <class F>
void PiecedNormKernel::for_each_chunk(const Run& run, const F& body) const {
  parallel_for(run.threads(), workers_, 1, [&](std::int64_t begin, std::int64_t end) {
    const Worker own = worker(run, begin);
    for (std::int64_t p = parts_.count * begin / workers_; p < parts_.count * end / workers_; ++p) {
      for (std::int64_t r = 0; r < parts_.size(p); r += rows_) {
        const std::int64_t row = parts_.first(p) + r;
        const std::int64_t rows = std::min(rows_, parts_.size(p) - r);
        pieces_.gather(run, row * shape_.channels, rows * shape_.channels, own.x);
        body(own, p, row, rows);
      }
    }
  });
}

void PiecedNormKernel::add_chunk(const Worker& own, const float* dy, const Gate& gate,
                                 const float* center, std::int64_t rows, double* sum,
                                 double* moment) const {
  double* const more = own.sums + shape_.channels;
  channel_gradient_sums(dy, own.x, gate, center, rows, shape_.channels, own.sums, more);
  for (std::int64_t c = 0; c < shape_.channels; ++c) {
    sum[c] += own.sums[c];
    moment[c] += more[c];
  }
}

void PiecedNormKernel::deal(const Run& run, const float* dx, std::int64_t row,
                            std::int64_t rows) const {
  for (const PiecedNorm::Gradient& piece : norm_.gradients) {
    const std::int64_t at = row * piece.count;
    float* const to = run.out<float>(piece.output) + at;
    if (piece.addend) {
      add_({dx + piece.first, shape_.channels}, {run.in<float>(*piece.addend) + at, piece.count},
           to, rows, piece.count);
      continue;
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      std::copy_n(dx + r * shape_.channels + piece.first, piece.count, to + r * piece.count);
    }
  }
}

void PiecedNormKernel::run(const Run& run) const {
  const BatchNormBackward t = tensors(run);
  const BatchNormSpace space(shape_, parts_, run.workspace());
  batch_norm_line(shape_, {t.mean, t.variance, t.scale, t.bias}, space.factor(0), space.factor(1),
                  space.factor(2));
  const Gate gate{clamp_, nullptr, nullptr, line_of(space)};
  std::fill_n(space.sum(0, 0), parts_.count * 2 * shape_.channels, 0.0);
  for_each_chunk(run,
                 [&](const Worker& own, std::int64_t part, std::int64_t row, std::int64_t rows) {
                   add_chunk(own, t.dy + row * shape_.channels, gate, space.factor(0), rows,
                             space.sum(part, 0), space.sum(part, 1));
                 });
  write_gradient_factors(shape_, parts_, t, space);
  if (t.dx == nullptr && norm_.gradients.empty()) return;
  for_each_chunk(run, [&](const Worker& own, std::int64_t, std::int64_t row, std::int64_t rows) {
    const std::int64_t at = row * shape_.channels;
    float* const dx = t.dx != nullptr ? t.dx + at : own.dx;
    channel_gradient(t.dy + at, own.x, gate, gradient_factors(space), dx, nullptr, rows,
                     shape_.channels);
    deal(run, dx, row, rows);
  });
}

std::optional<Prepared> make_pieced_norm(const KernelView& kernel, int) {
  const FusedParts& parts = kernel.attributes.parts();
  auto norm = pieced_norm(parts);
  if (!norm || !is_float32(kernel)) return std::nullopt;
  const TensorType& x = parts.parts.front().outputs.front();
  auto pieces = Pieces::of(kernel, norm->pieces);
  const bool has_rows = x.shape.size() == 4 && x.format == MemoryFormat::kChannelsLast &&
                        kernel.inputs[norm->dy] == x && element_count(x.shape) > 0;
  if (!pieces || !has_rows) return std::nullopt;
  const PiecedNormKernel made(*std::move(norm), *std::move(pieces), x.shape);
  return Prepared{[made](const Run& run) { made.run(run); }, made.workspace()};
}

}  // namespace

void add_pieced_norms(Makers& makers) { add(makers, {OpKind::kFused}, make_pieced_norm); }

}  // namespace rockmate::cpu
