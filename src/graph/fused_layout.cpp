#include "graph/fused_layout.h"

#include <algorithm>

#include "base/check.h"
#include "rockmate/training_model.h"

namespace rockmate {
namespace {

OpView view_of(const FusedPart& part, const std::vector<FusedSlot>& slots) {
  OpView view{"", part.kind, part.attributes, {}};
  for (const std::size_t slot : part.inputs) view.inputs.push_back(slots[slot].type);
  return view;
}

bool reads(const FusedPart& part, std::size_t slot) {
  return std::find(part.inputs.begin(), part.inputs.end(), slot) != part.inputs.end();
}

}  // namespace

bool may_overwrite(const FusedPart& part, std::size_t output, std::size_t slot,
                   const std::vector<FusedSlot>& slots) {
  const auto pairs = in_place_pairs(view_of(part, slots), part.outputs);
  for (std::size_t i = 0; i < part.inputs.size(); ++i) {
    if (part.inputs[i] != slot) continue;
    const bool is_listed = std::any_of(pairs.begin(), pairs.end(), [&](const MayOverwrite& pair) {
      return pair.output == output && pair.input == i;
    });
    if (!is_listed) return false;
  }
  return true;
}

FusedLayout::FusedLayout(const FusedParts& parts, const std::vector<const TensorType*>& inputs,
                         const std::vector<MayOverwrite>& promised) {
  add_slots(parts, inputs);
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    host_.push_back(s);
    first_.push_back(slots_[s].maker.value_or(0));
  }
  // A reader's output is a later slot, whose own host is known.
  for (std::size_t s = slots_.size(); s-- > 0;) find_host(parts, s, promised);
  place_hosts();
  find_in_place(parts);
}

void FusedLayout::add_slots(const FusedParts& parts, const std::vector<const TensorType*>& inputs) {
  ROCKMATE_CHECK(inputs.size() == parts.inputs);
  for (const TensorType* type : inputs) slots_.push_back({.type = type});
  for (std::size_t p = 0; p < parts.parts.size(); ++p) {
    const FusedPart& part = parts.parts[p];
    for (const std::size_t slot : part.inputs) slots_[slot].last = p;
    const auto optional = optional_outputs(part.kind, part.attributes);
    for (std::size_t o = 0; o < part.outputs.size(); ++o) {
      slots_.push_back({.type = &part.outputs[o], .maker = p, .maker_output = o});
      slots_.back().may_be_skipped =
          std::find(optional.begin(), optional.end(), o) != optional.end();
    }
  }
  for (std::size_t o = 0; o < parts.outputs.size(); ++o) slots_[parts.outputs[o]].output = o;
  for (FusedSlot& slot : slots_) slot.may_be_skipped = slot.may_be_skipped && !slot.last;
}

// An optional output cannot be a host: a run may leave it out.
void FusedLayout::find_host(const FusedParts& parts, std::size_t slot,
                            const std::vector<MayOverwrite>& promised) {
  const FusedSlot& guest = slots_[slot];
  if (!guest.maker || guest.output || !guest.last) return;
  const FusedPart& reader = parts.parts[*guest.last];
  for (std::size_t s = slot + 1; s < slots_.size(); ++s) {
    const FusedSlot& candidate = slots_[s];
    if (candidate.maker != guest.last) continue;
    const std::size_t host = host_[s];
    const auto& output = slots_[host].output;
    if (output &&
        std::find(parts.optional.begin(), parts.optional.end(), *output) != parts.optional.end()) {
      continue;
    }
    if (candidate.may_be_skipped && !candidate.output) continue;
    const bool is_taken = first_[host] != *candidate.maker;
    if (is_taken || !may_overwrite(reader, candidate.maker_output, slot, slots_)) continue;
    if (output && !keeps(promised, parts, *output, slot)) continue;
    host_[slot] = host;
    first_[host] = *guest.maker;
    return;
  }
}

// May the guest be written where the output lies, if that lies on an input?
bool FusedLayout::keeps(const std::vector<MayOverwrite>& promised, const FusedParts& parts,
                        std::size_t output, std::size_t guest) const {
  const std::size_t write = *slots_[guest].maker;
  return std::all_of(promised.begin(), promised.end(), [&](const MayOverwrite& pair) {
    if (pair.output != output) return true;
    const std::size_t last = slots_[pair.input].last.value_or(0);
    return last < write ||
           (last == write &&
            may_overwrite(parts.parts[write], slots_[guest].maker_output, pair.input, slots_));
  });
}

// First fit, in the order in which buffers are first written. Few slots, so plain loops.
void FusedLayout::place_hosts() {
  struct Row {
    std::size_t first, last;
    Bytes offset, bytes;
  };
  std::vector<Row> rows;
  places_.resize(slots_.size());
  std::vector<std::size_t> order;
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    const FusedSlot& slot = slots_[s];
    FusedPlace& place = places_[s];
    if (!slot.maker) {
      place = {FusedPlace::In::kInput, s, {}};
    } else if (slot.output) {
      place = {FusedPlace::In::kOutput, *slot.output, {}};
    } else if (!slot.may_be_skipped) {
      place.in = FusedPlace::In::kWorkspace;
    }
    const bool may_need_bytes =
        place.in == FusedPlace::In::kWorkspace || (slot.output && slot.last);
    if (host_[s] == s && slot.maker && may_need_bytes) order.push_back(s);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return first_[a] < first_[b]; });
  for (const std::size_t s : order) {
    Row row{
        first_[s], slots_[s].last.value_or(*slots_[s].maker), {}, aligned(slots_[s].type->bytes())};
    for (bool moved = true; moved;) {
      moved = false;
      for (const Row& other : rows) {
        const bool meet = row.first <= other.last && other.first <= row.last &&
                          row.offset < other.offset + other.bytes &&
                          other.offset < row.offset + row.bytes;
        if (!meet) continue;
        row.offset = other.offset + other.bytes;
        moved = true;
      }
    }
    places_[s].offset = row.offset;
    workspace_ = std::max(workspace_, row.offset + row.bytes);
    rows.push_back(row);
  }
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    if (host_[s] != s) places_[s] = places_[host_[s]];
  }
}

// Output o may lie on input i if nobody reads i once something is written there, and each reader
// works element by element.
void FusedLayout::find_in_place(const FusedParts& parts) {
  for (std::size_t o = 0; o < parts.outputs.size(); ++o) {
    const std::size_t host = parts.outputs[o];
    const std::size_t write = first_[host];
    for (std::size_t i = 0; i < parts.inputs; ++i) {
      if (!slots_[i].last || *slots_[i].last > write) continue;
      if (slots_[i].type->bytes() != slots_[host].type->bytes()) continue;
      bool may = true;
      for (std::size_t p = 0; p <= write && may; ++p) {
        const FusedPart& part = parts.parts[p];
        if (!reads(part, i)) continue;
        bool is_elementwise = false;
        for (std::size_t s = parts.inputs; s < slots_.size(); ++s) {
          const bool counts = slots_[s].maker == p && (p < write || host_[s] == host);
          is_elementwise =
              is_elementwise || (counts && may_overwrite(part, slots_[s].maker_output, i, slots_));
        }
        may = is_elementwise;
      }
      if (may) in_place_.push_back({o, i});
    }
  }
}

}  // namespace rockmate
