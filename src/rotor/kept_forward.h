// Bytes while the forward part of a block runs that is kept: what comes from earlier blocks, what
// it makes, and workspaces. What stays to its end is the caller's choice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "rotor/chain_items.h"
#include "rotor/profile.h"

namespace rockmate::rotor {

class KeptForward {
 public:
  /// The items must outlive it.
  KeptForward(const ChainItems& items, std::size_t block);

  /// The position of the block's last op, counted from its first.
  [[nodiscard]] std::size_t end() const { return size_ - 1; }
  /// The position at which the block reads the item for the last time, if it does.
  [[nodiscard]] std::optional<std::size_t> last_read(const Item& item) const;

  /// An item of an earlier block that lives from the start to a position.
  void add_rider(const Item& item, std::size_t last) { profile_.add(0, last, item.bytes); }
  /// An item that the block makes; one that does not stay dies at its last read.
  void add_made(const Item& item, bool stays);
  [[nodiscard]] std::int64_t peak() const;

 private:
  const ChainItems& items_;
  std::size_t begin_;
  std::size_t size_;
  Profile profile_;
};

}  // namespace rockmate::rotor
