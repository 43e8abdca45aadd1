// Runs a training model in double precision, op by op, as plainly as can be: the oracle for
// autodiff's wiring and for every gradient of the op table. A value exists from the op that makes
// it to the action that frees it; reading another one is an error.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "rockmate/schedule.h"
#include "rockmate/training_model.h"

namespace rockmate::testing {

struct Array {
  Shape shape;
  std::vector<double> data;  ///< row-major
};

class Interpreter {
 public:
  /// Sources begin as the model says; inputs are all zero until `set` is called.
  explicit Interpreter(const TrainingModel& model, std::uint64_t seed = 0);

  void set(ValueId source, std::vector<double> data);
  /// Runs one iteration. Sources keep their new values, everything else is forgotten first.
  void run(const Schedule& schedule);
  /// Runs the ops of the phases forward and loss only, in program order.
  void run_losses();
  /// Throws InvalidInput where the value is not resident.
  [[nodiscard]] const Array& operator[](ValueId value) const;
  /// Sum of weight * loss.
  [[nodiscard]] double total_loss() const;

 private:
  void compute(const Compute& action);

  const TrainingModel& model_;
  std::map<ValueId, Array> values_;
  std::uint64_t seed_;
  std::int64_t step_ = 0;
};

}  // namespace rockmate::testing
