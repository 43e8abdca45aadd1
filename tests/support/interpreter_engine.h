// The interpreter's kernels as an engine: every op of the table, in double precision inside,
// rounded to the types of the outputs. Slow, allocates in every run, and shares nothing with other
// engines.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "exec/engine.h"

namespace rockmate::testing {

/// What happens to a call besides the kernel itself, so that tests can bend an engine.
using Mischief = std::function<void(const std::string& op, const Invocation& call)>;

struct InterpreterEngineOptions {
  Bytes workspace = {};       ///< of every op; filled with garbage
  Mischief before = nullptr;  ///< called before the kernel runs
  Mischief after = nullptr;   ///< called after it
};
[[nodiscard]] std::unique_ptr<Engine> make_interpreter_engine(
    const InterpreterEngineOptions& options = {});

/// The elements of a tensor as doubles, row-major, and back from and to its own format; bits and
/// all types but those of 16 bits.
[[nodiscard]] std::vector<double> to_doubles(const TensorType& type, const std::byte* data);
void from_doubles(const std::vector<double>& elements, const TensorType& type, std::byte* data);

}  // namespace rockmate::testing
