#include "exec/nesting.h"

#include <algorithm>

#include "graph/fusion/roles.h"

namespace rockmate {
namespace {

bool has(const std::vector<std::size_t>& list, std::size_t item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::size_t position(const std::vector<std::size_t>& list, std::size_t item) {
  return static_cast<std::size_t>(std::find(list.begin(), list.end(), item) - list.begin());
}

bool may_stand_in_one_run(const FusedPart& a, const FusedPart& b) {
  const auto is_pointwise = [](const FusedPart& part) {
    return fusion_role(part.kind) == FusionRole::kPointwise && !part.attributes.flag("adds");
  };
  return is_pointwise(a) && is_pointwise(b) && a.outputs.front() == b.outputs.front();
}

class Nester {
 public:
  explicit Nester(const FusedParts& whole) : whole_(whole) {
    std::size_t next = whole.inputs;
    for (std::size_t s = 0; s < whole.inputs; ++s) slot_.push_back(s);
    for (const FusedPart& part : whole.parts) {
      first_slot_.push_back(next);
      next += part.outputs.size();
    }
    slot_.resize(next);
    made_->inputs = next_ = whole.inputs;
  }

  // `goes_on(p)`: whether parts p - 1 and p are of one run.
  template <class GoesOn>
  std::shared_ptr<const FusedParts> run(const GoesOn& goes_on) && {
    for (std::size_t begin = 0; begin < whole_.parts.size();) {
      std::size_t end = begin + 1;
      while (end < whole_.parts.size() && goes_on(end)) ++end;
      end - begin == 1 ? copy(begin) : nest(begin, end);
      begin = end;
    }
    for (const std::size_t slot : whole_.outputs) made_->outputs.push_back(slot_[slot]);
    made_->optional = whole_.optional;
    return made_;
  }

 private:
  void copy(std::size_t p) {
    FusedPart part = whole_.parts[p];
    for (std::size_t& slot : part.inputs) slot = slot_[slot];
    for (std::size_t o = 0; o < part.outputs.size(); ++o) slot_[first_slot_[p] + o] = next_++;
    made_->parts.push_back(std::move(part));
  }

  // Read by a part from `end` on, or an output of the whole.
  [[nodiscard]] bool is_read_behind(std::size_t slot, std::size_t end) const {
    bool is_read = has(whole_.outputs, slot);
    for (std::size_t p = end; p < whole_.parts.size(); ++p) {
      is_read = is_read || has(whole_.parts[p].inputs, slot);
    }
    return is_read;
  }

  void nest(std::size_t begin, std::size_t end) {
    auto inner = std::make_shared<FusedParts>();
    std::vector<std::size_t> own;  // the whole's slots, by those of the run
    for (std::size_t p = begin; p < end; ++p) {
      for (const std::size_t slot : whole_.parts[p].inputs) {
        if (slot < first_slot_[begin] && !has(own, slot)) own.push_back(slot);
      }
    }
    FusedPart run{OpKind::kFused, {}, {}, {}};
    for (const std::size_t slot : own) run.inputs.push_back(slot_[slot]);
    inner->inputs = own.size();
    for (std::size_t p = begin; p < end; ++p) {
      FusedPart part = whole_.parts[p];
      for (std::size_t& slot : part.inputs) slot = position(own, slot);
      for (std::size_t o = 0; o < part.outputs.size(); ++o) {
        const std::size_t slot = first_slot_[p] + o;
        own.push_back(slot);
        if (!is_read_behind(slot, end)) continue;
        if (o > 0) inner->optional.push_back(inner->outputs.size());  // a mask
        inner->outputs.push_back(own.size() - 1);
        run.outputs.push_back(part.outputs[o]);
        slot_[slot] = next_++;
      }
      inner->parts.push_back(std::move(part));
    }
    run.attributes.set("parts", std::shared_ptr<const FusedParts>(std::move(inner)));
    made_->parts.push_back(std::move(run));
  }

  const FusedParts& whole_;
  std::vector<std::size_t> first_slot_;  // of each part of the whole
  std::vector<std::size_t> slot_;        // of what is made, by those of the whole
  std::size_t next_ = 0;
  std::shared_ptr<FusedParts> made_ = std::make_shared<FusedParts>();
};

}  // namespace

std::shared_ptr<const FusedParts> nest_point_runs(const FusedParts& parts) {
  auto nested = Nester(parts).run(
      [&](std::size_t p) { return may_stand_in_one_run(parts.parts[p - 1], parts.parts[p]); });
  return nested->parts.size() > 1 ? nested : std::make_shared<const FusedParts>(parts);
}

std::shared_ptr<const FusedParts> nest_all_but_last(const FusedParts& parts) {
  return Nester(parts).run([&](std::size_t p) { return p + 1 < parts.parts.size(); });
}

std::shared_ptr<const FusedParts> nest_all_but_first(const FusedParts& parts) {
  return Nester(parts).run([](std::size_t p) { return p > 1; });
}

}  // namespace rockmate
