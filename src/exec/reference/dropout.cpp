// Dropout: element e passes where the stream's number first + e is at least the rate. Nothing is
// saved; the gradient draws the same numbers. One that negates gives the others a minus sign.

#include "exec/parallel.h"
#include "exec/random.h"
#include "exec/reference/kernel.h"

namespace rockmate::reference {
namespace {

template <class T>
Body dropout(const KernelView& kernel) {
  const double rate = kernel.attributes.real("rate");
  const auto stream = static_cast<std::uint32_t>(kernel.attributes.integer("stream"));
  const auto first = static_cast<std::uint64_t>(kernel.attributes.integer("first", 0));
  const bool negates = kernel.attributes.flag("negates");
  return [=, count = element_count(kernel.shape())](const Run& run) {
    const RandomStream random(run.seed(), stream, static_cast<std::uint32_t>(run.step()));
    const T scale = negates ? T(1) : static_cast<T>(1 / (1 - rate));
    const T* x = run.in<T>();
    T* y = run.out<T>();
    parallel_for(run.threads(), count, kGrain / 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t e = begin; e < end; ++e) {
        const bool keeps = random.uniform(first + static_cast<std::uint64_t>(e)) >= rate;
        y[e] = keeps ? x[e] * scale : negates ? -x[e] : T(0);
      }
    });
  };
}

Body make_dropout(const KernelView& kernel) {
  return for_floating(kernel, kernel.dtype(), [&](auto t) { return dropout<decltype(t)>(kernel); });
}

}  // namespace

void add_random_kernels(Makers& makers) { add(makers, {OpKind::kDropout}, make_dropout); }

}  // namespace rockmate::reference
