// Groups grow along the tape, three times: point-wise steps with what stands behind them; sweeps
// with what stands behind them; matrix products. A mask is better off with the softmax behind it
// than with the product before it. Each step that may be fused asks, operand by operand, the group
// that makes the operand whether they may become one:
//
//   roles     One matrix product (or convolution) with point-wise steps behind it; or one sweep
//             with point-wise steps on both sides; or a 1x1 convolution, a clamp and the mean over
//             all pixels, if nobody else reads what they hand on; or a depthwise convolution
//             with the 1x1 convolutions around it, or a convolution of few channels and a max
//             pooling, if what they hand on takes more bytes than their weights; or a shuffled
//             concatenation and the split behind it; or a product of what dropout left.
//   outputs   In the forward part a group has one large output. With two, the one that is cheap to
//             get from the other could no longer be got from it alone: a planner would run more
//             again than before. So a convolution stays apart from the batch norm that needs its
//             output once more. (Softmax and the dropout behind it would be apart, too, but for
//             signs, which make one output of both: signed_dropouts.h.) Backward ops run once;
//             there this rule does not hold. Nor does it for the parts of a split where
//             nothing is trained.
//   order     The group can run where its last member stands, or where its first does.
//   memory    No step of the window between first and last member has more alive than before, but
//             for what is negligible (the gradient of a bias).
//
// Then, while the plain iteration of the whole tape needs more than before, the group at its peak
// loses its last member. The rule on memory looks at one group at a time; this is what makes it a
// promise.
//
// Left out: two large outputs where all parts are cheap, as the planner would lose the cheap way
// from one to the other.

#include "graph/fusion.h"

#include <algorithm>
#include <map>
#include <optional>

#include "graph/fusion/banded_convolutions.h"
#include "graph/fusion/concatenations.h"
#include "graph/fusion/dealt_pieces.h"
#include "graph/fusion/dropped_product.h"
#include "graph/fusion/group.h"
#include "graph/fusion/planes.h"
#include "graph/fusion/pooled_convolution.h"
#include "graph/fusion/rewrites.h"
#include "graph/fusion/roles.h"
#include "graph/fusion/signed_dropouts.h"
#include "graph/op_table.h"

namespace rockmate {
namespace {

constexpr std::size_t kMostMembers = 16;
constexpr std::size_t kWidestWindow = 64;  // steps between the first member and the last
constexpr std::int64_t kSmall = 8;         // an output of less than 1 / kSmall of another is small
constexpr std::int64_t kSlack = 16;        // what may be added to a window: its peak / kSlack

// Which steps are one: those with the same label.
class Grouping {
 public:
  Grouping(const Tape& tape, const WantedTensors& wanted)
      : tape_(tape),
        wanted_(wanted),
        trains_(std::ranges::any_of(
            tape.steps(), [](const Step& step) { return step.phase == Phase::kBackward; })),
        use_(tape, wanted),
        label_(tape.steps().size()) {
    for (std::size_t s = 0; s < label_.size(); ++s)
      groups_[label_[s] = next_label_++] = {{s}, false};
  }

  /// Joins steps along the tape to groups with members of no greater role than this.
  void grow(FusionRole behind);
  /// The steps of its members stand alone again; or the last one alone.
  void give_up(std::size_t label);
  void shrink(std::size_t label);
  /// Takes back each recomputation that is not in one group with its reader. Forgets it.
  void take_back(Tape& tape, std::vector<Recomputed>& recomputed);

  [[nodiscard]] bool are_apart(const Recomputed& each) const {
    return label_[each.step] != label_[each.reader];
  }

  struct Written {
    std::vector<Step> steps;
    std::vector<std::size_t> labels;  // of each of them
  };
  [[nodiscard]] Written write() const;
  [[nodiscard]] bool is_group(std::size_t label) const {
    return groups_.at(label).steps.size() > 1;
  }

 private:
  void join(std::size_t a, std::size_t b);
  [[nodiscard]] std::vector<const TensorType*> input_types(const Step& step) const;
  [[nodiscard]] FusionRole greatest_role(std::size_t label) const;
  void drop_broken_groups();
  [[nodiscard]] bool may_join(const Members& members) const;
  [[nodiscard]] bool can_run_at(const Members& members, std::size_t place) const;
  [[nodiscard]] bool has_room_at(const Members& members, std::size_t place) const;
  [[nodiscard]] bool roles_agree(const Members& members) const;
  [[nodiscard]] bool is_pooled_convolution(const Members& members) const;
  [[nodiscard]] bool are_bands(const Members& members) const;
  [[nodiscard]] bool is_dropped_product(const Members& members) const;
  [[nodiscard]] bool deals_pieces(const Members& members) const;
  [[nodiscard]] bool outputs_agree(const Members& members) const;
  [[nodiscard]] bool has_one_large_output(const Members& members) const;

  const Tape& tape_;
  const WantedTensors& wanted_;
  const bool trains_;
  TapeUse use_;
  std::vector<std::size_t> label_;
  struct Group {
    Members steps;
    bool is_at_front = false;
    [[nodiscard]] std::size_t place() const { return is_at_front ? steps.front() : steps.back(); }
  };
  std::map<std::size_t, Group> groups_;  // by label
  std::size_t next_label_ = 0;
};

std::vector<const TensorType*> Grouping::input_types(const Step& step) const {
  std::vector<const TensorType*> types;
  for (const TensorId t : step.node.inputs) types.push_back(&tape_[t].tensor.type);
  return types;
}

FusionRole Grouping::greatest_role(std::size_t label) const {
  FusionRole role = FusionRole::kNone;
  for (const std::size_t s : groups_.at(label).steps) {
    role = std::max(role, fusion_role(use_.step(s).node.kind));
  }
  return role;
}

void Grouping::grow(FusionRole behind) {
  for (std::size_t s = 0; s < label_.size(); ++s) {
    const Node& node = tape_.steps()[s].node;
    if (fusion_role(node.kind) == FusionRole::kNone) continue;
    for (const TensorId t : node.inputs) {
      const auto maker = use_.maker(t);
      if (!maker || label_[*maker] == label_[s]) continue;
      if (greatest_role(label_[*maker]) <= behind) join(label_[*maker], label_[s]);
    }
  }
}

void Grouping::join(std::size_t a, std::size_t b) {
  Members both = groups_.at(a).steps;
  const Members& more = groups_.at(b).steps;
  both.insert(both.end(), more.begin(), more.end());
  std::sort(both.begin(), both.end());
  if (!may_join(both)) return;
  for (const std::size_t place : {both.back(), both.front()}) {
    if (!can_run_at(both, place) || !has_room_at(both, place)) continue;
    for (const std::size_t s : both) label_[s] = a;
    const bool is_at_front = place == both.front();
    groups_.erase(b);
    groups_[a] = {std::move(both), is_at_front};
    return;
  }
}

// Whoever makes what the members read runs before, whoever reads what they make, or updates what
// they read, behind: each where its own group runs. As this holds for all groups at any time, there
// are no cycles among them.
bool Grouping::can_run_at(const Members& members, std::size_t place) const {
  const auto is_member = [&](std::size_t s) {
    return std::binary_search(members.begin(), members.end(), s);
  };
  const auto runs_at = [&](std::size_t s) { return groups_.at(label_[s]).place(); };
  for (const std::size_t s : members) {
    for (const TensorId t : use_.step(s).node.inputs) {
      const auto maker = use_.maker(t);
      if (maker && !is_member(*maker) && runs_at(*maker) >= place) return false;
      const auto update = use_.update(tape_[t].storage);
      if (update && *update <= place) return false;
    }
    for (const TensorId t : use_.step(s).node.outputs) {
      for (const std::size_t reader : use_.readers(t)) {
        if (!is_member(reader) && runs_at(reader) <= place) return false;
      }
    }
  }
  return true;
}

bool Grouping::has_room_at(const Members& members, std::size_t place) const {
  const WindowPeaks peaks = window_peaks(use_, members, place);
  const auto slack = Bytes(std::max<std::int64_t>(peaks.single.count(), 0) / kSlack);
  return peaks.fused <= peaks.single + slack;
}

bool Grouping::may_join(const Members& members) const {
  if (members.size() > kMostMembers || members.back() - members.front() > kWidestWindow) {
    return false;
  }
  const Phase phase = use_.step(members.front()).phase;
  for (const std::size_t s : members) {
    if (use_.step(s).phase != phase) return false;
  }
  if (phase == Phase::kUpdate || !roles_agree(members)) return false;
  return phase == Phase::kBackward || outputs_agree(members);
}

bool Grouping::roles_agree(const Members& members) const {
  std::size_t sweeps = 0;
  std::size_t matrices = 0;
  for (const std::size_t s : members) {
    const FusionRole role = fusion_role(use_.step(s).node.kind);
    if (role == FusionRole::kNone) return false;
    if (role == FusionRole::kMove) return deals_pieces(members);
    if (role == FusionRole::kMean) return is_pooled_convolution(members);
    if (role == FusionRole::kPool) return are_bands(members);
    if (role == FusionRole::kMatrix && s != members.front()) {
      return is_dropped_product(members) || are_bands(members);
    }
    if (role == FusionRole::kSweep) ++sweeps;
    if (role == FusionRole::kMatrix) ++matrices;
  }
  return sweeps + matrices < 2 &&
         (matrices == 0 || use_.step(members.front()).phase == Phase::kForward);
}

bool Grouping::is_pooled_convolution(const Members& members) const {
  const Step step = fused_step(use_, members);
  return step.phase == Phase::kForward &&
         pooled_convolution(step.node.attributes.parts(), input_types(step)).has_value();
}

// Weights are brought into another format in every run, which has to be worth it.
bool Grouping::are_bands(const Members& members) const {
  const Step step = fused_step(use_, members);
  const std::vector<const TensorType*> inputs = input_types(step);
  const FusedParts& parts = step.node.attributes.parts();
  const auto found = banded_convolutions(parts, inputs);
  if (!found || step.phase != Phase::kForward) return false;
  Bytes weights;
  for (const FusedPart& part : parts.parts) {
    if (part.kind == OpKind::kConv) weights += inputs[part.inputs[1]]->bytes();
  }
  return bytes_between(parts, *found) > weights;
}

bool Grouping::is_dropped_product(const Members& members) const {
  return dropped_product(fused_step(use_, members).node.attributes.parts()).has_value();
}

bool Grouping::deals_pieces(const Members& members) const {
  const Step step = fused_step(use_, members);
  return dealt_pieces(step.node.attributes.parts(), input_types(step)).has_value();
}

// Where nothing is trained, nothing runs again in order to get one output from the other.
bool Grouping::outputs_agree(const Members& members) const {
  return (!trains_ && deals_pieces(members)) || has_one_large_output(members);
}

bool Grouping::has_one_large_output(const Members& members) const {
  const Step step = fused_step(use_, members);
  const auto& optional = step.node.attributes.parts().optional;
  std::vector<std::int64_t> bytes;
  for (std::size_t o = 0; o < step.node.outputs.size(); ++o) {
    if (std::find(optional.begin(), optional.end(), o) != optional.end()) continue;
    bytes.push_back(use_.bytes(step.node.outputs[o]).count());
  }
  std::sort(bytes.rbegin(), bytes.rend());
  return bytes.size() < 2 || bytes[1] * kSmall < bytes[0];
}

void Grouping::give_up(std::size_t label) {
  const Members members = groups_.at(label).steps;
  groups_.erase(label);
  for (const std::size_t s : members) groups_[label_[s] = next_label_++] = {{s}, false};
}

void Grouping::shrink(std::size_t label) {
  Members& members = groups_.at(label).steps;
  const std::size_t last = members.back();
  members.pop_back();
  groups_[label_[last] = next_label_++] = {{last}, false};
}

void Grouping::take_back(Tape& tape, std::vector<Recomputed>& recomputed) {
  std::vector<Step> steps;
  std::vector<std::size_t> labels;
  std::vector<Recomputed> left;
  auto next = recomputed.begin();
  for (std::size_t s = 0; s < label_.size(); ++s) {
    const bool is_again = next != recomputed.end() && next->step == s;
    const bool is_reader = next != recomputed.end() && next->reader == s;
    if (is_again && are_apart(*next)) continue;
    steps.push_back(tape.steps()[s]);
    labels.push_back(label_[s]);
    if (!is_reader) continue;
    if (!are_apart(*next)) {
      left.push_back(*next);
      left.back().step = steps.size() - 2;
      left.back().reader = steps.size() - 1;
    } else {
      steps.back().node.inputs[next->operand] = next->original;
    }
    ++next;
  }
  recomputed = std::move(left);
  label_ = std::move(labels);
  for (auto& [label, group] : groups_) group.steps.clear();
  for (std::size_t s = 0; s < label_.size(); ++s) groups_[label_[s]].steps.push_back(s);
  std::erase_if(groups_, [](const auto& entry) { return entry.second.steps.empty(); });
  tape.set_steps(std::move(steps));
  use_ = TapeUse(tape_, wanted_);
  drop_broken_groups();
}

// What a gradient reads again may be an output of a group that had one before; and a group that was
// given up no longer runs where others counted on.
void Grouping::drop_broken_groups() {
  const auto is_broken = [&](const Group& group) {
    if (group.steps.size() == 1) return false;
    const bool is_forward = use_.step(group.steps.front()).phase != Phase::kBackward;
    return (is_forward && !(roles_agree(group.steps) && outputs_agree(group.steps))) ||
           !can_run_at(group.steps, group.place());
  };
  for (bool changes = true; changes;) {
    changes = false;
    for (const auto& [label, group] : groups_) {
      if (!is_broken(group)) continue;
      give_up(label);
      changes = true;
      break;
    }
  }
}

Grouping::Written Grouping::write() const {
  Written written;
  for (std::size_t s = 0; s < label_.size(); ++s) {
    const Group& group = groups_.at(label_[s]);
    if (s != group.place()) continue;
    written.steps.push_back(group.steps.size() == 1 ? use_.step(s) : fused_step(use_, group.steps));
    written.labels.push_back(label_[s]);
  }
  return written;
}

// The group that is nearest to a step, or nothing.
std::optional<std::size_t> nearest_group(const Grouping& grouping,
                                         const std::vector<std::size_t>& labels, std::size_t at) {
  for (std::size_t distance = 0; distance < labels.size(); ++distance) {
    if (at + distance < labels.size() && grouping.is_group(labels[at + distance])) {
      return labels[at + distance];
    }
    if (distance <= at && grouping.is_group(labels[at - distance])) return labels[at - distance];
  }
  return std::nullopt;
}

}  // namespace

void fuse(Tape& tape, const WantedTensors& wanted) {
  const std::vector<Step> original = tape.steps();
  const Bytes before = tape_peak(tape, original, wanted).bytes;
  sign_dropouts(tape, wanted);
  split_batch_norms(tape);
  split_statistics(tape, wanted);
  std::vector<Recomputed> recomputed = recompute_operands(tape);
  Grouping grouping(tape, wanted);
  for (const auto role : {FusionRole::kPointwise, FusionRole::kSweep, FusionRole::kMatrix}) {
    grouping.grow(role);
  }
  while (true) {
    do {  // taking back may break groups
      grouping.take_back(tape, recomputed);
    } while (std::any_of(recomputed.begin(), recomputed.end(),
                         [&](const Recomputed& each) { return grouping.are_apart(each); }));
    Grouping::Written written = grouping.write();
    const TapePeak peak = tape_peak(tape, written.steps, wanted);
    if (peak.bytes <= before) {
      std::vector<Step> pieced = read_pieces(tape, written.steps, wanted);
      const bool fits = tape_peak(tape, pieced, wanted).bytes <= before;
      return tape.set_steps(
          read_planes(tape, fits ? std::move(pieced) : std::move(written.steps), wanted));
    }
    const auto worst = nearest_group(grouping, written.labels, peak.step);
    if (!worst) return tape.set_steps(original);
    grouping.shrink(*worst);
  }
}

}  // namespace rockmate
