// The bus between host and card: every copy over it is made and counted here, whoever asks for it.
#pragma once

#include <cstddef>

#include "exec/linked_device.h"

namespace rockmate::vector {

class CardLink {
 public:
  /// Bytes of the card's memory, and of the host's; the answer is the modelled time.
  Seconds copy_down(std::byte* to, const void* from, std::size_t size);
  Seconds copy_up(void* to, const std::byte* from, std::size_t size);
  [[nodiscard]] const LinkTraffic& traffic() const { return traffic_; }

 private:
  LinkTraffic traffic_;
};

}  // namespace rockmate::vector
