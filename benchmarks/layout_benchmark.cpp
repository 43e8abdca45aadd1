// How close does the arena come to the peak of live bytes, with how much work and in how long?
//
//   layout_benchmark [--work=STEPS,STEPS,...] [--target=BYTES] PROBLEM...
//
// Problems: graphs (*.json, rockmate.graph/1), items to pack (*.csv with a header line
// id,lower,upper,size; half-open), a number N: that many random items of a training-like shape, or
// tangled:N:SEED: the values of N ops that read others far and near, with no order in their deaths.
// Graphs are measured on the plain iteration and on three random recomputation sequences each. One
// line for each work limit; 1 is first fit alone.
// Every packing is checked against its load bound and for overlaps.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>

#include "schedule/layout.h"
#include "schedule/runs.h"

namespace rockmate {
namespace {

// Items that live at one time, swept by time: neighbours in the order of offsets must not overlap.
bool is_sound(const std::vector<PackItem>& items, const Packing& packing) {
  struct Event {
    std::size_t time;
    bool is_birth;
    std::size_t item;
    auto operator<=>(const Event&) const = default;
  };
  std::vector<Event> events;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].size == Bytes() || items[i].begin >= items[i].end) continue;
    events.push_back({items[i].begin, true, i});
    events.push_back({items[i].end, false, i});
  }
  std::sort(events.begin(), events.end());
  std::map<Bytes, Bytes> live;  // offset -> end
  for (const Event& event : events) {
    const Bytes offset = packing.offsets[event.item];
    const Bytes end = offset + items[event.item].size;
    if (!event.is_birth) {
      live.erase(offset);
      continue;
    }
    const auto above = live.lower_bound(offset);
    if (above != live.end() && above->first < end) return false;
    if (above != live.begin() && std::prev(above)->second > offset) return false;
    if (end > packing.height) return false;
    live[offset] = end;
  }
  return packing.height >= max_load(items);
}

bool measure_once(const std::string& name, const std::vector<PackItem>& items,
                  const PackOptions& options) {
  const Bytes bound = max_load(items);
  const auto start = std::chrono::steady_clock::now();
  const Packing packing = pack(items, options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const bool sound = is_sound(items, packing);
  const double excess =
      bound == Bytes()
          ? 0
          : static_cast<double>(packing.height.count()) / static_cast<double>(bound.count()) - 1;
  fmt::print(
      "{:<44} {:>7} items  work {:>11}  bound {:>12}  height {:>12}  +{:.3f} %  {:.3f} s{}\n", name,
      items.size(), options.work_limit, bound.count(), packing.height.count(), 100 * excess,
      seconds.count(), sound ? "" : "  UNSOUND");
  return sound;
}

struct Limits {
  std::vector<std::uint64_t> works = {PackOptions().work_limit};
  std::optional<Bytes> target = std::nullopt;
};

bool measure(const std::string& name, const std::vector<PackItem>& items, const Limits& limits) {
  bool sound = true;
  for (const std::uint64_t work : limits.works) {
    sound &= measure_once(name, items, {.target = limits.target, .work_limit = work});
  }
  return sound;
}

// Recomputes a random share of the forward ops just before the first backward op that needs them.
Runs with_recomputation(const TrainingGraph& graph, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Runs runs;
  IdVector<OpId, char> is_fresh(graph.ops().size(), true);
  const auto run_again = [&](auto&& self, OpId op) -> void {
    for (const ValueId v : graph[op].needs) {
      const auto maker = graph[v].producer;
      if (maker && graph[*maker].recomputable && !is_fresh[*maker]) self(self, *maker);
    }
    runs.push_back({op});
    is_fresh[op] = true;
  };
  bool in_backward = false;
  for (std::size_t o = 0; o < graph.ops().size(); ++o) {
    const OpId op(o);
    if (!in_backward && graph[op].phase != Phase::kForward) {
      in_backward = true;
      for (std::size_t f = 0; f < o; ++f) is_fresh[OpId(f)] = random() % 3 != 0;
    }
    run_again(run_again, op);
  }
  return without_idle_runs(graph, runs);
}

bool measure_graph(const std::string& file, const Limits& limits) {
  const TrainingGraph graph = read_graph(file);
  bool sound = true;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Runs runs = seed == 0 ? program_order(graph) : with_recomputation(graph, seed);
    const auto trace = simulate(graph, schedule_from_runs(graph, runs));
    if (!trace) {
      fmt::print("{}: {}\n", file, trace.error().message);
      return false;
    }
    sound &= measure(fmt::format("{} ({} again)", graph.name(), trace->recomputations),
                     items_of(*trace), limits);
  }
  return sound;
}

std::vector<PackItem> read_csv(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  std::vector<PackItem> items;
  while (std::getline(in, line)) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream fields(line);
    std::int64_t id = 0, size = 0;
    PackItem item;
    if (fields >> id >> item.begin >> item.end >> size) {
      item.size = Bytes(size);
      items.push_back(item);
    }
  }
  return items;
}

// Half of the items live from a forward step to its mirror image, half are short.
std::vector<PackItem> random_items(std::size_t count) {
  std::mt19937_64 random(count);
  std::vector<PackItem> items;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = random() % (2 * count);
    const bool is_saved = begin < count && random() % 2 == 0;
    const std::size_t end = is_saved ? 2 * count - begin : begin + 1 + random() % 12;
    items.push_back({begin, end, Bytes(static_cast<std::int64_t>(1 + random() % 4096) * 256)});
  }
  return items;
}

// Op i makes value i and reads some values that were made shortly before it, and some made any time
// before; a value dies at its last reader.
std::vector<PackItem> tangled_items(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  constexpr std::size_t kNear = 20;
  std::vector<PackItem> items;
  for (std::size_t i = 0; i < count; ++i) {
    items.push_back({i, i + 1, Bytes(static_cast<std::int64_t>(2 + random() % 460) * 10)});
    if (i == 0) continue;
    for (std::size_t near = 0; near < 3; ++near) {
      items[i - 1 - random() % std::min(i, kNear)].end = i + 1;
    }
    for (std::size_t far = random() % 3; far > 0; --far) items[random() % i].end = i + 1;
  }
  return items;
}

std::vector<std::uint64_t> numbers(std::string list, char separator) {
  std::replace(list.begin(), list.end(), separator, ' ');
  std::istringstream fields(list);
  std::vector<std::uint64_t> found;
  for (std::uint64_t number = 0; fields >> number;) found.push_back(number);
  return found;
}

bool ends_with(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) {
  using namespace rockmate;
  bool sound = true;
  Limits limits;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--work=", 0) == 0) {
      limits.works = numbers(argument.substr(7), ',');
    } else if (argument.rfind("--target=", 0) == 0) {
      limits.target = Bytes(std::stoll(argument.substr(9)));
    } else if (ends_with(argument, ".json")) {
      sound &= measure_graph(argument, limits);
    } else if (ends_with(argument, ".csv")) {
      sound &= measure(argument, read_csv(argument), limits);
    } else if (argument.rfind("tangled:", 0) == 0) {
      const auto given = numbers(argument.substr(8), ':');
      sound &= measure(argument, tangled_items(given.at(0), given.at(1)), limits);
    } else {
      sound &= measure("random", random_items(std::stoull(argument)), limits);
    }
  }
  return sound ? 0 : 1;
}
