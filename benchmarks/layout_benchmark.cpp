// How close does the arena come to the peak of live bytes, and how long does that take?
// Arguments: graphs (*.json, rockmate.graph/1), packing problems (*.csv with a header line
// id,lower,upper,size; half-open), or a number: that many random items of a training-like shape.
// Graphs are measured on the plain iteration and on three random recomputation sequences each.
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

bool measure(const std::string& name, const std::vector<PackItem>& items,
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
  fmt::print("{:<44} {:>7} items  bound {:>12}  height {:>12}  +{:.3f} %  {:.3f} s{}\n", name,
             items.size(), bound.count(), packing.height.count(), 100 * excess, seconds.count(),
             sound ? "" : "  UNSOUND");
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

bool measure_graph(const std::string& file, const PackOptions& options) {
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
                     items_of(*trace), options);
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

bool ends_with(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) {
  using namespace rockmate;
  bool sound = true;
  PackOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--work=", 0) == 0) {
      options.work_limit = std::stoull(argument.substr(7));
    } else if (argument.rfind("--target=", 0) == 0) {
      options.target = Bytes(std::stoll(argument.substr(9)));
    } else if (ends_with(argument, ".json")) {
      sound &= measure_graph(argument, options);
    } else if (ends_with(argument, ".csv")) {
      sound &= measure(argument, read_csv(argument), options);
    } else {
      sound &= measure("random", random_items(std::stoull(argument)), options);
    }
  }
  return sound ? 0 : 1;
}
