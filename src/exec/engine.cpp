#include "exec/engine.h"

#include <fmt/format.h>

#include "base/shown.h"
#include "exec/linked_device.h"
#include "rockmate/error.h"
#include "rockmate/vector_engine.h"

namespace rockmate {

Packer Engine::packer(const KernelSpec& spec, std::size_t operand) const {
  throw InternalError(fmt::format("engine '{}' packs nothing: op '{}', operand {}", name(),
                                  shown(spec.op), operand));
}

std::unique_ptr<Engine> make_engine(std::string_view name, int threads) {
  if (name == "reference") return make_reference_engine(threads);
  if (name == "cpu") return make_cpu_engine(threads);
  if (name == "vector") return make_vector_engine(threads);
  constexpr std::string_view kOnCard = "vector:";
  if (name.starts_with(kOnCard)) {
    return make_vector_engine(find_vector_device(name.substr(kOnCard.size())), threads);
  }
  throw InvalidInput(fmt::format(
      "unknown engine '{}', expected reference, cpu, vector or vector:CARD", shown(name)));
}

}  // namespace rockmate
