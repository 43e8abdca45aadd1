#include "exec/cpu/instruction_sets.h"

#include <fmt/format.h>

#include "rockmate/error.h"

#ifdef ROCKMATE_WITH_HIGHWAY
#include "exec/cpu/targets.h"

#include <hwy/targets.h>
#endif

namespace rockmate::cpu {

#ifdef ROCKMATE_WITH_HIGHWAY
std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    names.emplace_back(hwy::TargetName(target));
  }
  return names;
}

void use_instruction_set(const std::string& name) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if (name != hwy::TargetName(target)) continue;
    hwy::GetChosenTarget().Update(target);
    return;
  }
  throw InvalidInput(
      fmt::format("instruction set '{}', expected one that instruction_sets() lists", name));
}
#else
std::vector<std::string> instruction_sets() { return {}; }

void use_instruction_set(const std::string& name) {
  throw InvalidInput(fmt::format("instruction set '{}', but this build has none", name));
}
#endif

}  // namespace rockmate::cpu
