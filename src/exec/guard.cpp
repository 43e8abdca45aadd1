#include "exec/guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "base/shown.h"

namespace rockmate {
namespace {

// Not a number in every floating-point type, and a small one: what spreads from either into a
// result differs, even behind a maximum with zero.
constexpr std::array kPatterns = {std::byte{0x3F}, std::byte{0xFF}};

std::size_t begin_of(const Place& place) { return static_cast<std::size_t>(place.offset.count()); }
std::size_t size_of(const Place& place) { return static_cast<std::size_t>(place.bytes.count()); }

template <class Visit>
void for_each_result(const ProgramStep& step, const Visit& visit) {
  for (const auto& output : step.outputs) {
    if (output) visit(*output);
  }
  for (const Place& update : step.updates) visit(update);
}

bool lives_at(const LayoutRow& row, std::size_t action) {
  return row.first <= action && action <= row.last;
}

// An input lies there: in place, or updated.
bool is_input(const ProgramStep& step, const Place& place) {
  return std::any_of(step.inputs.begin(), step.inputs.end(), [&](const Place& input) {
    return input.offset == place.offset && input.bytes > Bytes();
  });
}

}  // namespace

Guard::Guard(const TrainingModel& model, const Program& program, std::span<std::byte> memory)
    : model_(model), program_(program), memory_(memory) {}

void Guard::run(const ProgramStep& step, const std::function<void()>& kernel) {
  before_.assign(memory_.begin(), memory_.end());
  Memory first;
  for (std::size_t pass = 0; pass < kPatterns.size(); ++pass) {
    std::copy(before_.begin(), before_.end(), memory_.begin());
    poison(step, pass);
    const Memory poisoned(memory_.begin(), memory_.end());
    kernel();
    check_untouched(step, poisoned);
    if (pass == 0) first.assign(memory_.begin(), memory_.end());
  }
  check_results(step, first);
}

// Dead memory, fresh outputs and the workspace. An output that is still resident is written again.
void Guard::poison(const ProgramStep& step, std::size_t pattern) {
  const auto fill = [&](std::size_t begin, std::size_t size) {
    std::fill_n(memory_.begin() + static_cast<std::ptrdiff_t>(begin), size, kPatterns[pattern]);
  };
  const auto fixed = static_cast<std::size_t>(program_.static_bytes.count());
  fill(fixed, memory_.size() - fixed);
  for (const LayoutRow& row : program_.rows) {
    if (!lives_at(row, step.action) || row.is_workspace) continue;
    const auto begin = static_cast<std::ptrdiff_t>(row.offset.count());
    std::copy_n(before_.begin() + begin, row.bytes.count(), memory_.begin() + begin);
  }
  for (const auto& output : step.outputs) {
    if (output && !is_input(step, *output)) fill(begin_of(*output), size_of(*output));
  }
}

void Guard::check_untouched(const ProgramStep& step, const Memory& poisoned) const {
  std::vector<std::pair<std::size_t, std::size_t>> allowed;  // begin, end
  const auto allow = [&](const Place& place) {
    allowed.emplace_back(begin_of(place), begin_of(place) + size_of(place));
  };
  for_each_result(step, allow);
  allow(step.workspace);
  allowed.emplace_back(memory_.size(), memory_.size());
  std::sort(allowed.begin(), allowed.end());
  std::size_t at = 0;
  for (const auto& [begin, end] : allowed) {
    for (; at < begin; ++at) {
      if (memory_[at] == poisoned[at]) continue;
      accuse(step, fmt::format("wrote to {}", describe(at, step.action)));
    }
    at = std::max(at, end);
  }
}

void Guard::check_results(const ProgramStep& step, const Memory& first) const {
  for_each_result(step, [&](const Place& place) { check_place(step, place, first); });
}

void Guard::check_place(const ProgramStep& step, const Place& place, const Memory& first) const {
  const auto is_made = [&](const LayoutRow& row) {
    return !row.is_workspace && row.offset == place.offset && row.first == step.action;
  };
  const bool is_fresh =
      is_input(step, place) || std::any_of(program_.rows.begin(), program_.rows.end(), is_made);
  for (std::size_t at = begin_of(place); at < begin_of(place) + size_of(place); ++at) {
    if (first[at] != memory_[at]) {
      const bool is_unwritten = first[at] == kPatterns[0] && memory_[at] == kPatterns[1];
      accuse(step,
             (is_unwritten ? "left unwritten " : "read what is none of its inputs: it shows in ") +
                 describe(at, step.action));
    }
    if (!is_fresh && memory_[at] != before_[at]) {
      accuse(step, fmt::format("wrote other bits than before to {}", describe(at, step.action)));
    }
  }
}

std::string Guard::describe(std::size_t byte, std::size_t action) const {
  const auto holds = [&](Bytes offset, Bytes bytes) {
    const auto begin = static_cast<std::size_t>(offset.count());
    return begin <= byte && byte < begin + static_cast<std::size_t>(bytes.count());
  };
  const auto text = [&](ValueId v, Bytes offset) {
    return fmt::format("byte {} of '{}'", byte - static_cast<std::size_t>(offset.count()),
                       shown(model_.graph[v].name));
  };
  for (const Source& source : model_.sources) {
    const Bytes offset = program_.sources[source.value].value().offset;
    if (holds(offset, model_.graph[source.value].bytes)) return text(source.value, offset);
  }
  for (const LayoutRow& row : program_.rows) {
    if (row.is_workspace || !lives_at(row, action) || !holds(row.offset, row.bytes)) continue;
    return text(row.value, row.offset);
  }
  return fmt::format("byte {} of the arena, where nothing lives",
                     byte - static_cast<std::size_t>(program_.static_bytes.count()));
}

void Guard::accuse(const ProgramStep& step, const std::string& of) const {
  throw InternalError(fmt::format("op '{}' ({}), action {}: its kernel {}",
                                  shown(model_.graph[step.op].name),
                                  to_string(model_.kernels[step.op].kind), step.action, of));
}

}  // namespace rockmate
