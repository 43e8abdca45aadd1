#include "exec/engine.h"

#include <fmt/format.h>

#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate {

std::unique_ptr<Engine> make_engine(std::string_view name, int threads) {
  if (name == "reference") return make_reference_engine(threads);
  if (name == "cpu") return make_cpu_engine(threads);
  if (name == "vector") return make_vector_engine(threads);
  throw InvalidInput(
      fmt::format("unknown engine '{}', expected reference, cpu or vector", shown(name)));
}

}  // namespace rockmate
