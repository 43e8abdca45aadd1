#include "support/pipelines.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <tuple>

namespace rockmate::testing {
namespace {

using Key = std::tuple<bool, std::size_t, std::size_t>;  // gradient?, receiving stage, micro-batch

bool is(const StageAction& a, std::initializer_list<StageVerb> verbs) {
  return std::find(verbs.begin(), verbs.end(), a.verb) != verbs.end();
}

bool is_send(const StageAction& a) {
  return is(a, {StageVerb::kSendActivation, StageVerb::kSendGradient});
}
bool is_post(const StageAction& a) {
  return is(a, {StageVerb::kPostActivation, StageVerb::kPostGradient});
}
bool is_wait(const StageAction& a) {
  return is(a, {StageVerb::kWaitActivation, StageVerb::kWaitGradient});
}

Key key_of(const StageAction& a) {
  if (a.verb == StageVerb::kSendActivation) return {false, a.stage + 1, a.micro_batch};
  if (a.verb == StageVerb::kSendGradient) return {true, a.stage - 1, a.micro_batch};
  return {is(a, {StageVerb::kPostGradient, StageVerb::kWaitGradient}), a.stage, a.micro_batch};
}

std::int64_t size_of(const Pipeline& p, const Key& key) {
  const auto [gradient, stage, micro_batch] = key;
  return gradient ? p.stages[stage + 1].input_gradient.count() : p.stages[stage].input.count();
}

struct Place {
  std::size_t rank = 0, action = 0;
};

struct Transfer {
  Place send, post;
  Key key;
};

// By channel, in the order of the sends.
std::map<std::pair<std::size_t, std::size_t>, std::vector<Transfer>> transfers_of(
    const Pipeline& p) {
  std::map<Key, Place> posts;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<Transfer>> all;
  for (std::size_t r = 0; r < p.rows.size(); ++r) {
    for (std::size_t i = 0; i < p.rows[r].size(); ++i) {
      if (is_post(p.rows[r][i])) posts[key_of(p.rows[r][i])] = {r, i};
    }
  }
  for (std::size_t r = 0; r < p.rows.size(); ++r) {
    for (std::size_t i = 0; i < p.rows[r].size(); ++i) {
      if (!is_send(p.rows[r][i])) continue;
      const Key key = key_of(p.rows[r][i]);
      all[{r, posts.at(key).rank}].push_back({{r, i}, posts.at(key), key});
    }
  }
  return all;
}

const StageStrategy& strategy_of(const Pipeline& p, const StageAction& a) {
  for (const StageAction& f : p.rows[p.stages[a.stage].rank]) {
    if (f.verb == StageVerb::kForward && f.stage == a.stage && f.micro_batch == a.micro_batch) {
      return p.stages[a.stage].strategies[f.strategy];
    }
  }
  throw InternalError("no forward");
}

bool has_recompute(const Pipeline& p, const StageAction& a) {
  const PipelineRow& row = p.rows[p.stages[a.stage].rank];
  return std::any_of(row.begin(), row.end(), [&](const StageAction& r) {
    return r.verb == StageVerb::kRecompute && r.stage == a.stage && r.micro_batch == a.micro_batch;
  });
}

double seconds_of(const Pipeline& p, std::size_t rank, const StageAction& a) {
  if (!is_compute(a.verb)) return 0;
  const StageStrategy& s = strategy_of(p, a);
  const double again = has_recompute(p, a) ? 0 : s.recompute.count();
  double seconds = 0;
  if (a.verb == StageVerb::kForward) seconds = s.forward.count();
  if (a.verb == StageVerb::kRecompute) seconds = s.recompute.count();
  if (a.verb == StageVerb::kInputGradient) seconds = again + s.input_gradient.count();
  if (a.verb == StageVerb::kWeightGradient) seconds = s.weight_gradient.count();
  if (a.verb == StageVerb::kBackward) {
    seconds = again + s.input_gradient.count() + s.weight_gradient.count();
  }
  return seconds / p.cluster.devices[rank].speed;
}

struct Times {
  std::vector<std::vector<double>> ends;
  std::map<Key, double> arrivals;
};

Times longest_paths(const Pipeline& p) {
  Times times;
  const auto transfers = transfers_of(p);
  for (const PipelineRow& row : p.rows) times.ends.emplace_back(row.size());
  std::vector<std::vector<double>> seconds;
  for (std::size_t r = 0; r < p.rows.size(); ++r) {
    seconds.emplace_back();
    for (const StageAction& a : p.rows[r]) seconds.back().push_back(seconds_of(p, r, a));
  }
  for (bool changed = true; changed;) {
    changed = false;
    const auto raise = [&](double& value, double to) {
      if (to <= value) return;
      value = to;
      changed = true;
    };
    for (const auto& [ends, channel] : transfers) {
      const PipelineLink link = p.cluster.link(ends.first, ends.second);
      double left = 0;  // the link
      for (const Transfer& t : channel) {
        const double start = std::max(
            {times.ends[t.send.rank][t.send.action], times.ends[t.post.rank][t.post.action], left});
        left = start + static_cast<double>(size_of(p, t.key)) / link.bytes_per_second;
        raise(times.arrivals[t.key], left + link.latency.count());
      }
    }
    for (std::size_t r = 0; r < p.rows.size(); ++r) {
      for (std::size_t i = 0; i < p.rows[r].size(); ++i) {
        double start = i > 0 ? times.ends[r][i - 1] : 0;
        if (is_wait(p.rows[r][i])) start = std::max(start, times.arrivals[key_of(p.rows[r][i])]);
        raise(times.ends[r][i], start + seconds[r][i]);
      }
    }
  }
  return times;
}

// Bytes on a rank for begin <= time < end.
struct Lifetime {
  std::size_t rank = 0;
  double begin = 0, end = 0;
  std::int64_t bytes = 0;
};

// All that one micro-batch has on one stage, from the places of its actions.
class Lifetimes {
 public:
  Lifetimes(const Pipeline& p, const Times& times) : p_(p), times_(times) {
    for (std::size_t s = 0; s < p.stages.size(); ++s) {
      for (std::size_t k = 0; k < p.micro_batches; ++k) add_all(s, k);
    }
  }
  [[nodiscard]] const std::vector<Lifetime>& all() const { return all_; }

 private:
  struct Span {
    double begin = 0, end = 0;
  };
  std::optional<Span> span(StageVerb verb, std::size_t s, std::size_t k) const {
    const std::size_t r = p_.stages[s].rank;
    for (std::size_t i = 0; i < p_.rows[r].size(); ++i) {
      const StageAction& a = p_.rows[r][i];
      if (a.verb != verb || a.stage != s || a.micro_batch != k) continue;
      const double end = times_.ends[r][i];
      return Span{is_compute(verb) ? end - seconds_of(p_, r, a) : end, end};
    }
    return std::nullopt;
  }
  void add(std::size_t s, double begin, double end, Bytes bytes) {
    all_.push_back({p_.stages[s].rank, begin, end, bytes.count()});
  }

  void add_all(std::size_t s, std::size_t k) {
    const Span f = *span(StageVerb::kForward, s, k);
    const auto r = span(StageVerb::kRecompute, s, k);
    const auto i = span(StageVerb::kInputGradient, s, k);
    const auto w = span(StageVerb::kWeightGradient, s, k);
    const Span first = i ? *i : *span(StageVerb::kBackward, s, k);
    const double last = w ? w->end : first.end;
    const StageStrategy& x = strategy_of(
        p_, {StageVerb::kForward, static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(k), 0});
    const Bytes recomputed = std::max(x.saved, x.recomputed);
    const Bytes held = r ? recomputed : x.saved;
    add(s, f.begin, f.end, std::max(x.saved, x.forward_peak));
    add(s, f.end, r ? r->begin : first.begin, x.saved);
    if (r) add(s, r->begin, first.begin, recomputed);
    add(s, first.begin, first.end, std::max(held, x.backward_peak));
    if (w) add(s, first.end, w->end, x.for_weights);

    const auto stage = p_.stages.size();
    if (s + 1 < stage) {
      const Bytes out = p_.stages[s + 1].input, back = p_.stages[s + 1].input_gradient;
      if (p_.stages[s + 1].rank != p_.stages[s].rank) {
        add(s, f.end, times_.arrivals.at({false, s + 1, k}), out);
        add(s, span(StageVerb::kPostGradient, s, k)->end, last, back);
      } else {
        const auto next_i = span(StageVerb::kInputGradient, s + 1, k);
        const double made = next_i ? next_i->end : span(StageVerb::kBackward, s + 1, k)->end;
        add(s, made, last, back);
      }
    }
    if (s > 0) {
      const bool crosses = p_.stages[s - 1].rank != p_.stages[s].rank;
      const double got = crosses ? span(StageVerb::kPostActivation, s, k)->end
                                 : span(StageVerb::kForward, s - 1, k)->end;
      add(s, got, last, p_.stages[s].input);
      if (crosses) {
        add(s, first.end, times_.arrivals.at({true, s - 1, k}), p_.stages[s].input_gradient);
      }
    }
  }

  const Pipeline& p_;
  const Times& times_;
  std::vector<Lifetime> all_;
};

}  // namespace

Cluster cluster_of(std::size_t devices, Bytes memory) {
  Cluster cluster;
  cluster.devices.assign(devices, {"", memory, 1});
  cluster.bytes_per_second = 1e9;
  return cluster;
}

Pipeline unit_pipeline(PipelineFamily family, std::size_t ranks, std::size_t chunks,
                       std::size_t micro_batches, const UnitStage& unit) {
  Pipeline p;
  p.cluster.devices.resize(ranks);
  p.micro_batches = micro_batches;
  const double share = 1.0 / static_cast<double>(chunks);
  for (std::size_t s = 0; s < ranks * chunks; ++s) {
    StageStrategy strategy;
    strategy.forward = Seconds(unit.forward * share);
    strategy.input_gradient = Seconds(unit.input_gradient * share);
    strategy.weight_gradient = Seconds(unit.weight_gradient * share);
    strategy.saved = Bytes(unit.activations / static_cast<std::int64_t>(chunks));
    strategy.for_weights = strategy.saved;
    PipelineStage stage;
    stage.rank = s % ranks;
    stage.strategies = {strategy};
    p.stages.push_back(stage);
  }
  p.rows = pipeline_rows(family, ranks, ranks * chunks, micro_batches);
  return p;
}

Pipeline random_pipeline(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto whole = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  const auto size = [&](std::int64_t low, std::int64_t high) {
    return static_cast<std::size_t>(whole(low, high));
  };
  const auto real = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  const auto family = static_cast<PipelineFamily>(whole(0, 3));
  const std::size_t ranks = size(1, 5);
  const std::size_t chunks = family == PipelineFamily::kInterleaved ? size(1, 3) : 1;
  const std::size_t micro_batches = chunks > 1 ? ranks * size(1, 3) : size(1, 9);
  Pipeline p = unit_pipeline(family, ranks, chunks, micro_batches);
  p.cluster.bytes_per_second = real(10, 1000);
  for (std::size_t r = 0; r < ranks; ++r) {
    p.cluster.devices[r].speed = real(0.5, 2);
    for (std::size_t to = 0; to < ranks; ++to) {
      if (to == r || whole(0, 2) == 0) continue;
      p.cluster.links.push_back({r, to, real(10, 1000), Seconds(real(0, 0.5))});
    }
  }
  for (PipelineStage& stage : p.stages) {
    stage.strategies.clear();
    for (std::size_t k = size(1, 3); k > 0; --k) {
      StageStrategy x;
      x.forward = Seconds(real(0.1, 2));
      x.recompute = Seconds(real(0, 1));
      x.input_gradient = Seconds(real(0.1, 2));
      x.weight_gradient = Seconds(real(0.1, 2));
      x.saved = Bytes(whole(0, 100));
      x.forward_peak = Bytes(whole(0, 150));
      x.recomputed = Bytes(whole(0, 150));
      x.backward_peak = Bytes(whole(0, 200));
      x.for_weights = Bytes(whole(0, 60));
      stage.strategies.push_back(x);
    }
    stage.static_bytes = Bytes(whole(0, 50));
    stage.input = Bytes(whole(0, 40));
    stage.input_gradient = Bytes(whole(0, 40));
  }
  for (PipelineRow& row : p.rows) {
    PipelineRow filled;
    for (StageAction a : row) {
      const auto strategies = static_cast<std::int64_t>(p.stages[a.stage].strategies.size());
      if (a.verb == StageVerb::kForward) {
        a.strategy = static_cast<std::uint32_t>(whole(0, strategies - 1));
      }
      const bool is_first = is(a, {StageVerb::kBackward, StageVerb::kInputGradient});
      if (is_first && whole(0, 3) == 0) {
        filled.push_back({StageVerb::kRecompute, a.stage, a.micro_batch, 0});
      }
      filled.push_back(a);
    }
    row = std::move(filled);
  }
  return p;
}

std::vector<std::vector<double>> naive_ends(const Pipeline& pipeline) {
  return longest_paths(pipeline).ends;
}

std::vector<std::int64_t> naive_peaks(const Pipeline& pipeline) {
  const Times times = longest_paths(pipeline);
  const Lifetimes lifetimes(pipeline, times);
  std::vector<std::int64_t> peaks(pipeline.rows.size());
  for (std::size_t r = 0; r < peaks.size(); ++r) {
    std::int64_t fixed = 0;
    for (const PipelineStage& stage : pipeline.stages) {
      if (stage.rank == r) fixed += stage.static_bytes.count();
    }
    peaks[r] = fixed;
    for (const Lifetime& moment : lifetimes.all()) {
      if (moment.rank != r) continue;
      // A hair after the moment: ends that are the same up to rounding have passed.
      const double at = moment.begin + 1e-7;
      std::int64_t bytes = fixed;
      for (const Lifetime& life : lifetimes.all()) {
        if (life.rank == r && life.begin <= at && at < life.end) bytes += life.bytes;
      }
      peaks[r] = std::max(peaks[r], bytes);
    }
  }
  return peaks;
}

}  // namespace rockmate::testing
