// The targets of a cross-entropy: class numbers, one per line of the logits, some of which do not
// count.
#pragma once

#include <fmt/format.h>

#include <string>

#include "exec/reference/lines.h"
#include "rockmate/error.h"

namespace rockmate::reference {

struct Targets {
  Targets(const KernelView& kernel, std::size_t logits, std::size_t targets)
      : op(kernel.op),
        lines(kernel, kernel.shape(logits)),
        input(targets),
        dtype(kernel.dtype(targets)),
        ignored(kernel.attributes.integer("ignore_index")) {}

  [[nodiscard]] Indices read(const Run& run) const { return {run, input, dtype}; }
  // Counts those that are not ignored. Throws InvalidInput for a class that does not exist.
  [[nodiscard]] double count(const Indices& targets) const {
    std::int64_t counted = 0;
    for (std::int64_t line = 0; line < lines.count; ++line) {
      const std::int64_t target = targets[line];
      if (target == ignored) continue;
      if (target < 0 || target >= lines.length) {
        throw InvalidInput(
            fmt::format("op '{}': target {} is {}, expected 0 <= class < {}, or {} "
                        "to ignore it",
                        op, line, target, lines.length, ignored));
      }
      ++counted;
    }
    return static_cast<double>(counted);
  }

  std::string op;
  Lines lines;
  std::size_t input;
  DType dtype;
  std::int64_t ignored;
};

}  // namespace rockmate::reference
