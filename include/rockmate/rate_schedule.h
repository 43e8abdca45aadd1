// How a learning rate changes over a training: a factor by which the model's rate is multiplied, a
// pure function of the step, so that a training that goes on needs nothing but its step.
//
//   executor.set_rate(schedule.factor(executor.next_step()));
#pragma once

#include <cstdint>
#include <string_view>

namespace rockmate {

struct RateSchedule {
  enum class Kind : std::uint8_t {
    kConstant,
    kStep,    ///< times `decay` after every `period` steps
    kCosine,  ///< from 1 to `least` in half a wave, at step `period`; then it stays
    kLinear   ///< the same in a line
  };
  Kind kind = Kind::kConstant;
  std::uint64_t period = 1;
  double decay = 1;           ///< of kStep
  double least = 0;           ///< of kCosine and kLinear
  std::uint64_t warm_up = 0;  ///< the factor rises in a line to 1 during so many first steps

  /// 0 or more. The falling kinds begin to fall when they are warm.
  [[nodiscard]] double factor(std::uint64_t step) const;

  /// "constant", "step:PERIOD:FACTOR", "cosine:STEPS", "cosine:STEPS:LEAST", "linear:STEPS", or
  /// "linear:STEPS:LEAST". Throws InvalidInput that lists them.
  [[nodiscard]] static RateSchedule parse(std::string_view text, std::uint64_t warm_up);
};

}  // namespace rockmate
