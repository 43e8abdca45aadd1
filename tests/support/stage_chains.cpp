#include "support/stage_chains.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <tuple>

namespace rockmate::testing {
namespace {

void demand(bool condition, const std::string& what) {
  if (!condition) throw InternalError("replay: " + what);
}

}  // namespace

StageChain random_chain(std::size_t blocks, std::size_t candidates, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto whole = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  const bool transients = whole(0, 1) == 1;
  StageChain chain;
  chain.input = Bytes(whole(1, 10));
  chain.input_gradient = Bytes(whole(1, 10));
  for (std::size_t b = 0; b < blocks; ++b) {
    StageBlock block;
    block.output = Bytes(whole(1, 10));
    block.gradient = Bytes(whole(1, 10));
    block.pass = Seconds(whole(1, 10));
    if (transients) block.pass_transient = Bytes(whole(0, 10));
    for (int c = whole(1, static_cast<int>(candidates)); c > 0; --c) {
      BlockCandidate x;
      x.forward = block.pass + Seconds(whole(0, 2));
      x.backward = Seconds(whole(1, 20));
      x.weights = Seconds(x.backward.count() / 2);
      x.saved = block.output + Bytes(whole(0, 20));
      if (transients) {
        x.forward_transient = Bytes(whole(0, 10));
        x.backward_transient = Bytes(whole(0, 10));
      }
      block.candidates.push_back(x);
    }
    chain.blocks.push_back(block);
  }
  return chain;
}

StageChain hand_chain(std::size_t blocks) {
  StageBlock block;
  block.output = block.gradient = Bytes(1);
  block.pass = Seconds(1);
  block.candidates = {{Seconds(1), Seconds(2), Seconds(1), Bytes(4)}};
  return {Bytes(1), Bytes(1), std::vector<StageBlock>(blocks, block)};
}

Replay replay(const StageChain& chain, std::size_t micro_batches,
              const std::vector<StageStep>& steps) {
  // What lives: kind ('x' input, 'a' output, 's' saved, 'd' gradient of an output), micro-batch,
  // block; the input and its gradient have block -1.
  using Name = std::tuple<char, std::size_t, int>;
  std::map<Name, std::int64_t> live;
  std::map<Name, const BlockCandidate*> chosen;
  std::vector<std::size_t> forwards, gradients;
  Replay result;
  const auto gradient = [&](int block) {
    return block < 0 ? chain.input_gradient.count()
                     : chain.blocks[static_cast<std::size_t>(block)].gradient.count();
  };
  const auto make = [&](const Name& name, std::int64_t bytes) {
    demand(live.emplace(name, bytes).second, "made twice");
  };
  const auto remove = [&](const Name& name) { demand(live.erase(name) == 1, "not there"); };
  const auto readable = [&](std::size_t k, int block) {
    return block < 0 ? live.contains({'x', k, -1})
                     : live.contains({'a', k, block}) || live.contains({'s', k, block});
  };
  const auto look = [&](std::int64_t transient) {
    std::int64_t bytes = transient;
    for (const auto& [name, size] : live) bytes += size;
    result.peak = std::max(result.peak, bytes);
  };
  const int last = static_cast<int>(chain.blocks.size()) - 1;
  for (const StageStep& step : steps) {
    const std::size_t k = step.micro_batch;
    const int b = static_cast<int>(step.block);
    const StageBlock& block = chain.blocks.at(step.block);
    switch (step.kind) {
      case StageStepKind::kReceive:
        make({'x', k, -1}, chain.input.count());
        forwards.push_back(k);
        ++result.receives;
        look(0);
        break;
      case StageStepKind::kPass:
        demand(readable(k, b - 1), "a pass without its input");
        make({'a', k, b}, block.output.count());
        look(block.pass_transient.count());
        result.seconds += block.pass.count();
        break;
      case StageStepKind::kSave: {
        demand(readable(k, b - 1), "a forward without its input");
        const BlockCandidate& x = block.candidates.at(step.candidate);
        make({'s', k, b}, x.saved.count());
        chosen[{'s', k, b}] = &x;
        look(x.forward_transient.count());
        result.seconds += x.forward.count();
        break;
      }
      case StageStepKind::kDrop:
        remove({'a', k, b});
        break;
      case StageStepKind::kReceiveGradient:
        make({'d', k, last}, gradient(last));
        gradients.push_back(k);
        look(0);
        break;
      case StageStepKind::kBackward: {
        demand(readable(k, b - 1) && live.contains({'s', k, b}) && live.contains({'d', k, b}),
               "a backward without what it reads");
        const BlockCandidate& x = *chosen.at({'s', k, b});
        make({'d', k, b - 1}, gradient(b - 1));
        look(x.backward_transient.count());
        result.seconds += x.backward.count();
        remove({'s', k, b});
        remove({'d', k, b});
        if (b == 0) {
          remove({'d', k, -1});
          remove({'x', k, -1});
        }
      }
    }
  }
  demand(live.empty(), "something is left");
  demand(forwards.size() == micro_batches && gradients.size() == micro_batches, "one of each");
  demand(std::is_sorted(forwards.begin(), forwards.end()), "forwards in order");
  demand(std::is_sorted(gradients.rbegin(), gradients.rend()), "backwards in reverse order");
  return result;
}

namespace {

using Steps = std::vector<StageStep>;
using Visit = std::function<void(const Steps&)>;

class AllPlans {
 public:
  AllPlans(const StageChain& chain, std::size_t micro_batches)
      : chain_(chain), micro_batches_(micro_batches), last_(chain.blocks.size() - 1) {}

  void receive(std::size_t k, const Visit& visit) const {
    if (k == micro_batches_) {
      visit({});
      return;
    }
    rest(k, 0, [&](const Steps& tail) { visit(join({{StageStepKind::kReceive, k, 0, 0}}, tail)); });
  }

 private:
  static Steps join(Steps a, const Steps& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }
  static Steps pass(std::size_t k, std::size_t s, std::size_t j, bool keeps) {
    Steps steps;
    for (std::size_t b = s; b <= j; ++b) {
      steps.push_back({StageStepKind::kPass, k, b, 0});
      if (b > s) steps.push_back({StageStepKind::kDrop, k, b - 1, 0});
    }
    if (!keeps) steps.push_back({StageStepKind::kDrop, k, j, 0});
    return steps;
  }
  static Steps saved(std::size_t k, std::size_t s, std::size_t c, const Steps& inner) {
    return join(join({{StageStepKind::kSave, k, s, c}}, inner),
                {{StageStepKind::kBackward, k, s, 0}});
  }
  void wait(std::size_t k, const Visit& visit) const {
    receive(k + 1, [&](const Steps& steps) {
      visit(join(steps, {{StageStepKind::kReceiveGradient, k, 0, 0}}));
    });
  }
  void rest(std::size_t k, std::size_t s, const Visit& visit) const {
    if (s > last_) {
      wait(k, visit);
      return;
    }
    for (std::size_t c = 0; c < chain_.blocks[s].candidates.size(); ++c) {
      rest(k, s + 1, [&](const Steps& steps) { visit(saved(k, s, c, steps)); });
    }
    for (std::size_t j = s; j < last_; ++j) {
      rest(k, j + 1, [&](const Steps& right) {
        const Steps done =
            join(join(pass(k, s, j, true), right), {{StageStepKind::kDrop, k, j, 0}});
        segment(k, s, j, [&](const Steps& left) { visit(join(done, left)); });
      });
    }
    wait(k, [&](const Steps& inner) {
      const Steps done = join(pass(k, s, last_, false), inner);
      segment(k, s, last_, [&](const Steps& left) { visit(join(done, left)); });
    });
  }
  void segment(std::size_t k, std::size_t s, std::size_t t, const Visit& visit) const {
    for (std::size_t c = 0; c < chain_.blocks[s].candidates.size(); ++c) {
      if (s == t) {
        visit(saved(k, s, c, {}));
      } else {
        segment(k, s + 1, t, [&](const Steps& steps) { visit(saved(k, s, c, steps)); });
      }
    }
    for (std::size_t j = s; j < t; ++j) {
      segment(k, j + 1, t, [&](const Steps& right) {
        const Steps done =
            join(join(pass(k, s, j, true), right), {{StageStepKind::kDrop, k, j, 0}});
        segment(k, s, j, [&](const Steps& left) { visit(join(done, left)); });
      });
    }
  }

  const StageChain& chain_;
  std::size_t micro_batches_;
  std::size_t last_;
};

}  // namespace

void for_each_plan(const StageChain& chain, std::size_t micro_batches,
                   const std::function<void(const std::vector<StageStep>&)>& visit) {
  AllPlans(chain, micro_batches).receive(0, visit);
}

}  // namespace rockmate::testing
