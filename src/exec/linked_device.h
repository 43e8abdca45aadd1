// What an engine has whose memory is that of a device, behind a link: an engine that implements it
// too is asked to copy what the host writes there, and reads from there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "exec/engine.h"
#include "rockmate/units.h"

namespace rockmate {

/// What was copied between host and device, with the time that the link would take.
struct LinkTraffic {
  Bytes down, up;
  std::uint64_t copies = 0;
  Seconds seconds;  ///< modelled
};

class LinkedDevice {
 public:
  virtual ~LinkedDevice() = default;
  /// From the host into `Engine::memory`, and from there to the host. Throw InvalidInput for bytes
  /// that do not lie in it.
  virtual void copy_down(std::span<std::byte> to, std::span<const std::byte> from) const = 0;
  virtual void copy_up(std::span<std::byte> to, std::span<const std::byte> from) const = 0;
  /// All copies so far.
  [[nodiscard]] virtual LinkTraffic traffic() const = 0;
};

/// Null: the engine works in the memory of the host.
[[nodiscard]] inline const LinkedDevice* linked_device(const Engine& engine) {
  return dynamic_cast<const LinkedDevice*>(&engine);
}

struct VectorDevice;
/// The engine `vector` on a card of one's choice; each engine has a card of its own.
[[nodiscard]] std::unique_ptr<Engine> make_vector_engine(const VectorDevice& card, int threads);

}  // namespace rockmate
