#include "bounds/pebble_search.h"

#include <algorithm>

namespace rockmate {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
// With a part of its states a search must have come this part of the way that is hoped for, and
// some way at all: it starts fast and gets slower.
constexpr std::uint64_t kProbePart = 32;
constexpr double kProbeWay = 0.5;
// Most tries lead to states that are known, or are of no interest.
constexpr std::uint64_t kTriesPerState = 32;
constexpr std::uint64_t kTriesPerClock = 4096;
// Of the ends to come, the next ones say most.
constexpr std::size_t kNextEnds = 4;

}  // namespace

std::size_t PebbleSearch::StateHash::operator()(const State& state) const {
  return state.live.hash(state.progress);
}

bool PebbleSearch::Entry::operator<(const Entry& other) const {
  if (estimate != other.estimate) return estimate > other.estimate;
  if (seconds != other.seconds) return seconds < other.seconds;
  return number < other.number;
}

PebbleSearch::PebbleSearch(const PebbleBoard& board, Bytes budget, double enough,
                           const std::vector<PebbleEnd>& ends, const PebbleOptions& options)
    : board_(board),
      room_(budget - board.facts.graph.static_bytes()),
      enough_(enough),
      ends_(ends),
      options_(options) {}

std::uint32_t PebbleSearch::number_of(std::vector<bool> run) {
  const auto [at, is_new] = numbers_.emplace(run, static_cast<std::uint32_t>(steps_.size()));
  if (!is_new) return at->second;
  Step step{PebbleProgress(board_, run), {}, {}};
  step.next.resize(step.progress.ready.size(), 0);  // the start: nothing leads there
  for (const PebbleEnd& end : ends_) {
    if (step.ends.size() == kNextEnds) break;
    if (run[end.op.index()]) continue;
    Pebbles wanted;
    for (std::size_t o = 0; o < run.size(); ++o) {
      if (end.until[o] && !run[o]) wanted |= board_.moves[OpId(o)].needs;
    }
    step.ends.emplace_back(wanted & step.progress.wanted, end.seconds);
  }
  steps_.push_back(std::move(step));
  return at->second;
}

std::uint32_t PebbleSearch::after_first_run(std::uint32_t progress, std::size_t ready) {
  Step& step = steps_[progress];
  if (step.next[ready] == 0) {
    std::vector<bool> run = step.progress.run;
    run[step.progress.ready[ready].index()] = true;
    step.next[ready] = number_of(std::move(run));
  }
  return step.next[ready];
}

void PebbleSearch::start() { reach({}, number_of(std::vector<bool>(board_.moves.size())), 0); }

void PebbleSearch::start_at(OpId op, std::vector<bool> ops_run) {
  const PebbleProgress before(board_, ops_run);
  ops_run[op.index()] = true;
  const Pebbles live = before.made & before.useful;
  run(op, number_of(std::move(ops_run)), 0, live, board_.bytes_of(live));
}

// All that is missing once more, and what that takes: from the latest op to the earliest, so that
// all who read a storage have been seen when it comes.
double PebbleSearch::remaking(Pebbles missing, const PebbleProgress& progress,
                              const Pebbles& live) const {
  double seconds = 0;
  std::optional<OpId> last;
  while (!missing.is_empty()) {
    const std::size_t rank = missing.pop_highest();
    if (!progress.remade.has(rank)) return kNever;
    const OpId maker = board_.makers[rank];
    if (maker == last) continue;
    last = maker;
    seconds += board_.moves[maker].seconds;
    missing |= board_.moves[maker].needs - live;
  }
  return seconds;
}

double PebbleSearch::least_to_come(const Step& step, const Pebbles& live) const {
  double least = remaking(step.progress.wanted - live, step.progress, live);
  for (const auto& [wanted, seconds] : step.ends) {
    if (least >= enough_) break;
    least = std::max(least, remaking(wanted - live, step.progress, live) + seconds);
  }
  return least;
}

void PebbleSearch::reach(const Pebbles& live, std::uint32_t progress, double seconds) {
  const Step& step = steps_[progress];
  const State state{live & step.progress.useful, progress};
  const auto known = states_.find(state);
  if (known != states_.end() && known->second <= seconds) return;
  const double estimate = seconds + least_to_come(step, state.live);
  if (estimate == kNever || estimate >= enough_) return;
  const auto at = states_.insert_or_assign(state, seconds).first;
  queue_.push({estimate, seconds, &*at, entries_++});
}

// `live`: pebbles before the op runs; more than there is room for are taken away.
void PebbleSearch::run(OpId op, std::uint32_t next, double seconds, const Pebbles& live,
                       Bytes live_bytes) {
  const PebbleBoard::Move& rules = board_.moves[op];
  if (!rules.needs.is_within(live)) return;
  Move move{op, next, seconds, live, live, live_bytes + rules.workspace};
  place_outputs(move, 0, steps_[next].progress.useful);
}

// Chooses for each output from `output` on: bytes of its own, those of an input, or none.
void PebbleSearch::place_outputs(Move& move, std::size_t output, const Pebbles& useful) {
  const auto& outputs = board_.moves[move.op].outputs;
  if (output == outputs.size()) return make_room(move);
  const auto& [rank, is_optional, takes_over] = outputs[output];
  if (move.after.has(rank)) return place_outputs(move, output + 1, useful);
  if (is_optional) place_outputs(move, output + 1, useful);
  if (is_optional && !useful.has(rank)) return;
  const Move without = move;
  move.after.add(rank);
  move.bytes += board_.bytes[rank];
  place_outputs(move, output + 1, useful);
  for (const std::size_t other : takes_over) {
    if (!without.after.has(other)) continue;
    move = without;
    move.after.add(rank);
    move.after.remove(other);
    place_outputs(move, output + 1, useful);
  }
  move = without;
}

// Reaches what the move leads to, for each choice of pebbles that have to go.
void PebbleSearch::make_room(const Move& move) {
  if (move.bytes <= room_) return reach(move.after, move.next, move.seconds);
  const PebbleProgress& progress = steps_[move.next].progress;
  Pebbles stay = board_.moves[move.op].needs | (progress.wanted - progress.remade);
  for (const auto& output : board_.moves[move.op].outputs) {
    if (!output.is_optional) stay.add(output.rank);
  }
  may_go_.clear();
  (move.before - stay).for_each([&](std::size_t rank) { may_go_.push_back(rank); });
  may_free_.assign(may_go_.size() + 1, Bytes());
  for (std::size_t i = may_go_.size(); i-- > 0;) {
    may_free_[i] = may_free_[i + 1] + board_.bytes[may_go_[i]];
  }
  Move with_less = move;
  take_away(with_less, 0, move.bytes - room_, Bytes(std::numeric_limits<std::int64_t>::max()));
}

// `least`: of the pebbles that went so far, the bytes of the smallest.
void PebbleSearch::take_away(Move& move, std::size_t first, Bytes excess, Bytes least) {
  if (is_over()) return;
  if (excess <= Bytes()) {
    const bool could_one_stay = least + excess <= Bytes();
    if (!could_one_stay) reach(move.after, move.next, move.seconds);
    return;
  }
  for (std::size_t i = first; i < may_go_.size() && may_free_[i] >= excess; ++i) {
    const std::size_t rank = may_go_[i];
    const bool stays = move.after.has(rank);
    move.after.remove(rank);
    take_away(move, i + 1, excess - board_.bytes[rank], std::min(least, board_.bytes[rank]));
    if (stays) move.after.add(rank);
  }
}

bool PebbleSearch::runs_at_once(const State& state, Bytes live_bytes, double seconds) {
  const PebbleProgress& progress = steps_[state.progress].progress;
  for (std::size_t i = 0; i < progress.ready.size(); ++i) {
    const PebbleBoard::Move& move = board_.moves[progress.ready[i]];
    if (!move.only_frees || !move.needs.is_within(state.live)) continue;
    if (live_bytes + move.workspace > room_) continue;
    reach(state.live, after_first_run(state.progress, i), seconds);
    return true;
  }
  return false;
}

void PebbleSearch::expand(const State& state, double seconds) {
  const Bytes live_bytes = board_.bytes_of(state.live);
  if (runs_at_once(state, live_bytes, seconds)) return;
  const PebbleProgress& progress = steps_[state.progress].progress;
  for (std::size_t i = 0; i < progress.ready.size(); ++i) {
    run(progress.ready[i], after_first_run(state.progress, i), seconds, state.live, live_bytes);
  }
  for (const OpId op : progress.again) {
    const auto& outputs = board_.moves[op].outputs;
    const bool makes_some = std::any_of(outputs.begin(), outputs.end(), [&](const auto& output) {
      return progress.useful.has(output.rank) && !state.live.has(output.rank);
    });
    if (!makes_some) continue;
    run(op, state.progress, seconds + board_.moves[op].seconds, state.live, live_bytes);
  }
}

std::uint64_t PebbleSearch::used() const {
  return std::max<std::uint64_t>(states_.size(), tries_ / kTriesPerState);
}

// Asked before each try.
bool PebbleSearch::is_over() {
  ++tries_;
  if (used() > options_.most_states) is_over_ = true;
  if (tries_ % kTriesPerClock == 0) {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - started_;
    if (options_.time_limit && spent.count() > options_.time_limit->count()) is_over_ = true;
    if (options_.stop.stop_requested()) is_over_ = true;
  }
  return is_over_;
}

PebbleSearch::Outcome PebbleSearch::play(double hoped) {
  double reached = 0;  // whatever is still in the queue, no end takes less
  bool is_probed = false;
  while (!is_over()) {
    if (queue_.empty()) return {enough_, true, used()};
    const Entry entry = queue_.top();
    queue_.pop();
    if (entry.state->second < entry.seconds) continue;
    reached = std::max(reached, entry.estimate);
    const State state = entry.state->first;
    if (steps_[state.progress].progress.is_done()) return {reached, true, used()};
    if (!is_probed && used() > options_.most_states / kProbePart) {
      is_probed = true;
      if (reached <= hoped * kProbeWay) break;
    }
    expand(state, entry.seconds);
  }
  return {reached, false, used()};
}

}  // namespace rockmate
