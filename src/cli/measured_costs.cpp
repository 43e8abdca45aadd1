#include "cli/measured_costs.h"

#include <fmt/format.h>

#include "base/shown.h"
#include "cli/interrupt.h"
#include "cli/progress_line.h"
#include "rockmate/error.h"

namespace rockmate::cli {

Profile measure(const TrainingModel& model, const MeasureFlags& flags) {
  const StopOnInterrupt interrupt("stopping with what is measured");
  ProgressLine line;
  ProfileOptions options{.engine = flags.engine,
                         .threads = flags.threads,
                         .cache = flags.cache,
                         .again = flags.again,
                         .stop = interrupt.token()};
  options.progress = [&line](const ProfileProgress& progress) {
    line.show(fmt::format("measuring op {} of {}  {}", progress.done + 1, progress.all,
                          shown(progress.op, 60)));
  };
  return profile(model, options);
}

CostModel measure_costs(const TrainingModel& model, const MeasureFlags& flags) {
  const Profile found = measure(model, flags);
  if (found.missing == 0) return found.costs();
  throw InvalidInput(fmt::format(
      "interrupted: {} ops are not measured yet; what is measured was kept, so that the next "
      "attempt goes on from there (--costs analytic plans without measurements)",
      found.missing));
}

}  // namespace rockmate::cli
