// Where the slots of a fused op lie while its parts run one after the other: in the op's inputs and
// outputs, or in a workspace. No run of a part overwrites what a later part reads.
//
// A slot that only parts read lies, where the table lets its last reader write over it, where that
// reader's output lies: a chain of element-wise parts works in the buffer of the op's output and
// needs no workspace.
#pragma once

#include <optional>
#include <vector>

#include "graph/op_table.h"
#include "rockmate/graph.h"

namespace rockmate {

/// A slot and who touches it.
struct FusedSlot {
  const TensorType* type = nullptr;
  std::optional<std::size_t> maker = std::nullopt;   ///< part; none: an input
  std::size_t maker_output = 0;                      ///< which of the maker's outputs
  std::optional<std::size_t> last = std::nullopt;    ///< the last part that reads it
  std::optional<std::size_t> output = std::nullopt;  ///< of the op
  bool may_be_skipped = false;  ///< its maker may leave it out, and no part reads it
};

struct FusedPlace {
  enum class In { kInput, kOutput, kWorkspace, kNowhere };
  In in = In::kNowhere;
  std::size_t index = 0;  ///< of the input or output
  Bytes offset;           ///< in the workspace; of an optional output that parts read: if skipped
};

class FusedLayout {
 public:
  /// The parts are only read here, the types are kept. Outputs may lie on inputs as `promised`
  /// says, whatever else they could.
  FusedLayout(const FusedParts& parts, const std::vector<const TensorType*>& inputs,
              const std::vector<MayOverwrite>& promised = {});

  [[nodiscard]] const std::vector<FusedSlot>& slots() const { return slots_; }
  [[nodiscard]] const std::vector<FusedPlace>& places() const { return places_; }
  /// Bytes of the slots in it; whole multiples of kAlignment.
  [[nodiscard]] Bytes workspace() const { return workspace_; }
  [[nodiscard]] std::vector<MayOverwrite> in_place() const { return in_place_; }

 private:
  void add_slots(const FusedParts& parts, const std::vector<const TensorType*>& inputs);
  void find_host(const FusedParts& parts, std::size_t slot,
                 const std::vector<MayOverwrite>& promised);
  [[nodiscard]] bool keeps(const std::vector<MayOverwrite>& promised, const FusedParts& parts,
                           std::size_t output, std::size_t guest) const;
  void place_hosts();
  void find_in_place(const FusedParts& parts);

  std::vector<FusedSlot> slots_;
  std::vector<std::size_t> host_;   // the slot in whose buffer it lies; itself
  std::vector<std::size_t> first_;  // of a host: the part that first writes there
  std::vector<FusedPlace> places_;
  Bytes workspace_;
  std::vector<MayOverwrite> in_place_;
};

/// May output `output` of a part lie on each of the operands that are `slot`?
[[nodiscard]] bool may_overwrite(const FusedPart& part, std::size_t output, std::size_t slot,
                                 const std::vector<FusedSlot>& slots);

}  // namespace rockmate
