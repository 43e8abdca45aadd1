#include "rotor/kept_forward.h"

#include <algorithm>

namespace rockmate::rotor {

KeptForward::KeptForward(const ChainItems& items, std::size_t block)
    : items_(items),
      begin_(items.first_op(block)),
      size_(items.first_op(block + 1) - begin_),
      profile_(size_) {}

std::optional<std::size_t> KeptForward::last_read(const Item& item) const {
  const auto& reads = item.forward_reads;
  const auto beyond = std::lower_bound(reads.begin(), reads.end(), begin_ + size_);
  if (beyond == reads.begin() || *std::prev(beyond) < begin_) return std::nullopt;
  return *std::prev(beyond) - begin_;
}

void KeptForward::add_made(const Item& item, bool stays) {
  const std::size_t made = item.made - begin_;
  if (stays) {
    profile_.add(made, end(), item.bytes);
  } else if (const auto last = last_read(item)) {
    profile_.add(made, *last, item.bytes);
  } else if (!item.optional) {
    profile_.add(made, made, item.bytes);
  }
}

std::int64_t KeptForward::peak() const {
  const std::vector<std::int64_t> live = profile_.sums();
  std::int64_t peak = 0;
  for (std::size_t k = 0; k < size_; ++k) {
    peak = std::max(peak, live[k] + items_.workspace(begin_ + k));
  }
  return peak;
}

}  // namespace rockmate::rotor
