// The one piece of memory of an executor. It has exactly the bytes that were asked for; the next
// one belongs to a page that cannot be touched, so that whoever leaves the arena at its end dies at
// once. It is filled with a pattern when it is made: every page is in place before the first step,
// and what has been written since can be told.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "exec/engine.h"
#include "rockmate/units.h"

namespace rockmate {

class Arena {
 public:
  /// `size` is a multiple of kAlignment, and so is the address. Throws InvalidInput where the
  /// system does not give as much.
  explicit Arena(Bytes size);
  /// In memory that an engine gave.
  explicit Arena(std::unique_ptr<Memory> memory);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  /// The end of the highest row of kAlignment bytes that no longer holds the pattern. Linear in the
  /// bytes above it.
  [[nodiscard]] Bytes high_water() const;

 private:
  void fill();

  std::unique_ptr<Memory> memory_;  // null: its own mapping
  std::span<std::byte> mapping_;    // whole pages; bytes_ ends where the last of them begins
  std::span<std::byte> bytes_;
};

}  // namespace rockmate
