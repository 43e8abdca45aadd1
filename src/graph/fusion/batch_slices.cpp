// A row is as many steps one behind another as work by sample. What stands between them and does
// not read what they make, such as the factors of a batch norm, runs before the row. It is cut into
// sliced ops and single steps by dynamic programming over its steps:
//
//   best(end) = min over begin < end of best(begin) + cost(begin, end)
//
// with the costs of slice_costs.h. Then, while the iteration needs more bytes than before, the
// sliced op at its peak is given up.

#include "graph/fusion/batch_slices.h"

#include <algorithm>
#include <limits>

#include "graph/fusion/samples.h"
#include "graph/sliced_parts.h"

namespace rockmate {
namespace {

struct Row {
  Members before;  // these run first
  Members steps;
};

// Steps of a row that become one op, or a step.
struct Group {
  Members steps;
  std::int64_t samples = 0;
};

// The batch: the most that a convolution makes images of.
std::int64_t batch_of(const Tape& tape) {
  std::int64_t batch = 1;
  for (const Step& step : tape.steps()) {
    if (step.node.kind != OpKind::kConv && step.node.kind != OpKind::kFused) continue;
    const Shape& shape = tape[step.node.outputs.front()].tensor.type.shape;
    if (shape.size() == 4) batch = std::max(batch, shape.front());
  }
  return batch;
}

class Slicer {
 public:
  Slicer(const Tape& tape, const WantedTensors& wanted, const SliceLimits& limits)
      : tape_(tape), use_(tape, wanted), limits_(limits), batch_(batch_of(tape)) {
    if (batch_ > 1) find_groups();
  }

  /// The tape's steps, and for each the group that it is, if it is one of several steps.
  struct Written {
    std::vector<Step> steps;
    std::vector<std::optional<std::size_t>> groups;
  };
  [[nodiscard]] Written write() const;
  void give_up(std::size_t group);

 private:
  void find_groups();
  [[nodiscard]] std::vector<Row> rows() const;
  [[nodiscard]] bool may_run_before(const Node& node, const Row& row) const;
  [[nodiscard]] std::vector<Group> groups_of(const Members& row) const;
  [[nodiscard]] std::optional<Step> sliced_step(const Group& group) const;

  const Tape& tape_;
  TapeUse use_;
  SliceLimits limits_;
  std::int64_t batch_;
  std::vector<Group> groups_;  // all steps, in an order in which they can run
};

void Slicer::find_groups() {
  for (const Row& row : rows()) {
    for (const std::size_t s : row.before) groups_.push_back({{s}});
    for (Group& group : groups_of(row.steps)) groups_.push_back(std::move(group));
  }
}

std::vector<Row> Slicer::rows() const {
  std::vector<Row> rows(1);
  for (std::size_t s = 0; s < tape_.steps().size(); ++s) {
    const Node& node = use_.step(s).node;
    if (inputs_with_samples(tape_, node, batch_)) {
      rows.back().steps.push_back(s);
      continue;
    }
    if (!may_run_before(node, rows.back())) rows.emplace_back();
    rows.back().before.push_back(s);
  }
  return rows;
}

// What runs earlier than it could lives longer, too.
bool Slicer::may_run_before(const Node& node, const Row& row) const {
  constexpr Bytes kSmall{1 << 16};
  const auto is_of_row = [&](TensorId t) {
    const auto maker = use_.maker(tape_[t].storage);
    return maker && std::ranges::binary_search(row.steps, *maker);
  };
  const auto is_small = [&](TensorId t) {
    return tape_[t].storage != t || use_.bytes(t) <= kSmall;
  };
  return definition(node.kind).updates.empty() && std::ranges::none_of(node.inputs, is_of_row) &&
         std::ranges::all_of(node.outputs, is_small);
}

std::vector<Group> Slicer::groups_of(const Members& row) const {
  struct Best {
    double cost = std::numeric_limits<double>::infinity();
    std::size_t begin = 0;
    std::int64_t samples = 0;
  };
  std::vector<Best> best(row.size() + 1);
  best.front().cost = 0;
  const SliceCosts costs(use_, row, batch_, limits_);
  for (std::size_t begin = 0; begin < row.size(); ++begin) {
    std::size_t end = begin;
    for (const SliceCosts::Choice& choice : costs.choices(begin)) {
      Best& known = best[++end];
      const double cost = best[begin].cost + choice.cost;
      const bool is_step_or_group = choice.samples > 0 || end == begin + 1;
      if (is_step_or_group && cost < known.cost) known = {cost, begin, choice.samples};
    }
  }
  std::vector<Group> groups;
  for (std::size_t end = row.size(); end > 0; end = best[end].begin) {
    const auto at = [&](std::size_t i) { return row.begin() + static_cast<std::ptrdiff_t>(i); };
    groups.push_back({Members(at(best[end].begin), at(end)), best[end].samples});
  }
  std::ranges::reverse(groups);
  return groups;
}

// None: one of its parts has samples where another has none.
std::optional<Step> Slicer::sliced_step(const Group& group) const {
  Step step = fused_step(use_, group.steps);
  const auto sliced = inputs_with_samples(tape_, step.node, batch_);
  if (!sliced) return std::nullopt;
  step.node.attributes =
      sliced_attributes(step.node.attributes.shared_parts(), group.samples, *sliced);
  return step;
}

Slicer::Written Slicer::write() const {
  Written written;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    if (auto step = group.steps.size() > 1 ? sliced_step(group) : std::nullopt) {
      written.steps.push_back(*std::move(step));
      written.groups.emplace_back(g);
      continue;
    }
    for (const std::size_t s : group.steps) written.steps.push_back(use_.step(s));
    written.groups.resize(written.steps.size());
  }
  return written;
}

void Slicer::give_up(std::size_t group) {
  const Members steps = std::move(groups_[group].steps);
  const auto at = groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(group));
  std::vector<Group> singles;
  for (const std::size_t s : steps) singles.push_back({{s}});
  groups_.insert(at, singles.begin(), singles.end());
}

// The group that is nearest to a step, or none.
std::optional<std::size_t> nearest_group(const Slicer::Written& written, std::size_t at) {
  std::optional<std::size_t> found;
  std::size_t least = written.groups.size();
  for (std::size_t s = 0; s < written.groups.size(); ++s) {
    const std::size_t distance = s < at ? at - s : s - at;
    if (!written.groups[s] || distance >= least) continue;
    found = written.groups[s];
    least = distance;
  }
  return found;
}

}  // namespace

void slice_batches(Tape& tape, const WantedTensors& wanted, const SliceLimits& limits) {
  Slicer slicer(tape, wanted, limits);
  const Bytes before = tape_peak(tape, tape.steps(), wanted, true).bytes;
  while (true) {
    Slicer::Written written = slicer.write();
    const TapePeak peak = tape_peak(tape, written.steps, wanted, true);
    const auto worst = nearest_group(written, peak.step);
    if (!worst) return;
    if (peak.bytes <= before) return tape.set_steps(std::move(written.steps));
    slicer.give_up(*worst);
  }
}

}  // namespace rockmate
