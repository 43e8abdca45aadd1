// Numbers between spaces and ends of lines:
//
//   candidates solver                                  origin
//   chains, then for each of them
//     cuts: how many, and each
//     ways, without equal ones: how many; of each its ops, after their number
//     by block: how many ways it has, and which
//     parts: how many; of each its way, right and left part (one higher; 0: none)
//   whether judged; curves: how many, then for each of them
//     drafts: how many; of each its peak, judged peak, seconds, chain and plan

#include "plan/kept_plans.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <map>

#include "rockmate/error.h"

namespace rockmate {
namespace {

using rotor::ChainPlans;
using rotor::PartId;
using rotor::PlanPart;

using Positions = std::vector<std::size_t>;

std::vector<OpId> ops_of(const Block& block) {
  std::vector<OpId> ops = block.forward;
  ops.insert(ops.end(), block.backward.begin(), block.backward.end());
  return ops;
}

class Writer {
 public:
  template <class T>
  void put(T number) {
    fmt::format_to(std::back_inserter(text_), "{} ", number);
  }
  template <class List>
  void put_list(const List& list) {
    put(list.size());
    for (const auto& each : list) put(each);
    end_line();
  }
  void end_line() { text_.back() = '\n'; }

  void put_chain(const ChainPlans& plans) {
    const std::vector<Block>& blocks = plans.chain().blocks;
    Positions cuts;
    for (std::size_t a = 1; a < blocks.size(); ++a) {
      cuts.push_back(blocks[a].forward.front().index());
    }
    put_list(cuts);
    put_ways(plans);
    put(plans.parts().size());
    end_line();
    for (const PlanPart& part : plans.parts()) {
      put(part.way);
      put(part.right + 1);  // none is the largest number
      put(part.left + 1);
      end_line();
    }
  }

  std::string text() && { return std::move(text_); }

 private:
  void put_ways(const ChainPlans& plans) {
    std::map<Positions, std::size_t> numbers;
    std::vector<const Positions*> different;
    std::vector<Positions> of_block;
    for (std::size_t a = 0; a < plans.ways().size(); ++a) {
      std::map<OpId, std::size_t> position;
      for (const OpId op : ops_of(plans.chain().blocks[a])) position.emplace(op, position.size());
      of_block.emplace_back();
      for (const std::vector<OpId>& way : plans.ways()[a]) {
        Positions positions;
        for (const OpId op : way) positions.push_back(position.at(op));
        const auto [it, is_new] = numbers.emplace(std::move(positions), numbers.size());
        if (is_new) different.push_back(&it->first);
        of_block.back().push_back(it->second);
      }
    }
    put(different.size());
    end_line();
    for (const Positions* way : different) put_list(*way);
    for (const Positions& ways : of_block) put_list(ways);
  }

  std::string text_;
};

// A text that is none ends in Damaged, wherever it is found out.
struct Damaged {};

class Reader {
 public:
  Reader(std::string_view text, const TrainingGraph& graph)
      : at_(text.data()), end_(text.data() + text.size()), graph_(graph) {}

  KeptPlans all() {
    KeptPlans kept;
    if (const auto candidates = number(); candidates > 0) {
      kept.origin.candidates = candidates - 1;
    }
    kept.origin.solver = word();
    const std::size_t forward = forward_part(graph_).size();
    for (std::size_t left = count(); left > 0; --left) kept.chains.push_back(chain(forward));
    kept.is_judged = below(2) == 1;
    kept.curves.resize(count());
    for (std::vector<KeptDraft>& curve : kept.curves) {
      for (std::size_t left = count(); left > 0; --left) curve.push_back(draft(kept, curve));
    }
    if (at_ != end_) throw Damaged();
    for (std::size_t i = 0; i < kept.chains.size(); ++i) {
      std::vector<PartId> plans;
      for (const std::vector<KeptDraft>& curve : kept.curves) {
        for (const KeptDraft& draft : curve) {
          if (draft.chain == i) plans.push_back(draft.plan);
        }
      }
      if (!kept.chains[i].are_plans(plans)) throw Damaged();
    }
    return kept;
  }

 private:
  template <class T = std::size_t>
  T number() {
    T number{};
    const auto [after, error] = std::from_chars(at_, end_, number);
    if (error != std::errc() || after == end_ || (*after != ' ' && *after != '\n')) throw Damaged();
    at_ = after + 1;
    return number;
  }
  // Of things that take a byte at least.
  std::size_t count() {
    const auto count = number();
    if (count > static_cast<std::size_t>(end_ - at_)) throw Damaged();
    return count;
  }
  std::size_t below(std::size_t limit) {
    const auto number = this->number();
    if (number >= limit) throw Damaged();
    return number;
  }
  std::string word() {
    const char* const begin = at_;
    while (at_ != end_ && *at_ != '\n') ++at_;
    if (at_ == end_) throw Damaged();
    return {begin, at_++};
  }

  ChainPlans chain(std::size_t forward) {
    Positions cuts;
    for (std::size_t left = count(); left > 0; --left) {
      cuts.push_back(below(forward));
      if (cuts.back() <= (cuts.size() > 1 ? cuts[cuts.size() - 2] : 0)) throw Damaged();
    }
    if (forward == 0) throw Damaged();
    Chain chain = cut_chain(graph_, cuts);
    ChainPlans::Ways ways = this->ways(chain);
    ChainPlans plans(graph_, std::move(chain), std::move(ways));
    for (std::size_t left = count(); left > 0; --left) {
      const auto way = number<std::uint32_t>();
      const auto right = number<PartId>(), left_part = number<PartId>();
      plans.add({way, right - 1, left_part - 1});
    }
    return plans;
  }

  ChainPlans::Ways ways(const Chain& chain) {
    std::vector<Positions> different(count());
    for (Positions& way : different) {
      for (std::size_t left = count(); left > 0; --left) way.push_back(number());
    }
    ChainPlans::Ways ways;
    for (const Block& block : chain.blocks) {
      const std::vector<OpId> ops = ops_of(block);
      ways.emplace_back();
      for (std::size_t left = count(); left > 0; --left) {
        ways.back().push_back(way(different[below(different.size())], block, ops));
      }
    }
    return ways;
  }

  // The backward ops are all there, once and in order, with forward ops between them.
  std::vector<OpId> way(const Positions& positions, const Block& block,
                        const std::vector<OpId>& ops) {
    std::vector<OpId> way;
    std::size_t next = block.forward.size();
    for (const std::size_t position : positions) {
      if (position >= ops.size()) throw Damaged();
      if (position >= block.forward.size() && position != next++) throw Damaged();
      if (position < block.forward.size() && !graph_[ops[position]].recomputable) throw Damaged();
      way.push_back(ops[position]);
    }
    if (next != ops.size()) throw Damaged();
    return way;
  }

  KeptDraft draft(const KeptPlans& kept, const std::vector<KeptDraft>& curve) {
    KeptDraft draft;
    draft.peak = Bytes(number<std::int64_t>());
    draft.judged = Bytes(number<std::int64_t>());
    draft.seconds = Seconds(number<double>());
    draft.chain = below(kept.chains.size());
    draft.plan = number<PartId>();
    const bool is_number = draft.peak >= Bytes() && std::isfinite(draft.seconds.count());
    const bool is_next =
        curve.empty() || (curve.back().peak < draft.peak && draft.seconds < curve.back().seconds);
    if (!is_number || !is_next) throw Damaged();
    return draft;
  }

  const char* at_;
  const char* end_;
  const TrainingGraph& graph_;
};

}  // namespace

std::string to_text(const KeptPlans& kept) {
  Writer out;
  out.put(kept.origin.candidates ? *kept.origin.candidates + 1 : 0);
  out.put(kept.origin.solver);
  out.end_line();
  out.put(kept.chains.size());
  out.end_line();
  for (const ChainPlans& plans : kept.chains) out.put_chain(plans);
  out.put(kept.is_judged ? 1 : 0);
  out.put(kept.curves.size());
  out.end_line();
  for (const std::vector<KeptDraft>& curve : kept.curves) {
    out.put(curve.size());
    out.end_line();
    for (const KeptDraft& draft : curve) {
      out.put(draft.peak.count());
      out.put(draft.judged.count());
      out.put(draft.seconds.count());
      out.put(draft.chain);
      out.put(draft.plan);
      out.end_line();
    }
  }
  return std::move(out).text();
}

std::optional<KeptPlans> parse_kept_plans(std::string_view text, const TrainingGraph& graph) {
  try {
    return Reader(text, graph).all();
  } catch (const Damaged&) {
    return std::nullopt;
  } catch (const InvalidInput&) {  // parts that do not fit together
    return std::nullopt;
  }
}

}  // namespace rockmate
