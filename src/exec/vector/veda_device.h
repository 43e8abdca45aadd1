// The device's side of veda.h, and what only an emulation can offer: which cards there are, what a
// module holds, what time it is on the modelled clock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "exec/vector/device_memory.h"
#include "exec/vector/veda.h"
#include "rockmate/vector_engine.h"

namespace rockmate::vector {

/// What a function on the device is called with. Accesses to arguments that were not set throw.
class DeviceArguments {
 public:
  [[nodiscard]] std::uint64_t u64(int index) const;
  [[nodiscard]] std::int64_t i64(int index) const { return static_cast<std::int64_t>(u64(index)); }
  [[nodiscard]] double f64(int index) const;
  [[nodiscard]] float f32(int index) const;
  /// Where an argument of SetPtr lies, or a buffer of SetStack.
  [[nodiscard]] void* address(int index) const { return reinterpret_cast<void*>(u64(index)); }
  /// What an argument of SetVPtr names; the pointer may have no memory yet.
  [[nodiscard]] MemoryError memory(int index, std::byte*& out, std::uint64_t& size) const;
  /// Gives memory to an argument of SetVPtr that has none.
  [[nodiscard]] MemoryError allocate(int index, std::uint64_t size) const;
  [[nodiscard]] int cores() const { return cores_; }
  [[nodiscard]] const VectorDevice& card() const { return *card_; }
  /// What the function takes on its stream's clock, beside its launch.
  void take(Seconds time) const { taken_ += time; }
  /// What a vector program may touch: all that is allocated on the card, and the arguments'
  /// buffers.
  [[nodiscard]] std::vector<ve::Range> ranges() const;

 private:
  friend struct LaunchAccess;
  std::map<int, std::uint64_t> values_;
  std::map<int, std::vector<std::byte>> buffers_;
  DeviceMemory* memory_ = nullptr;
  int cores_ = 1;
  const VectorDevice* card_ = nullptr;
  mutable Seconds taken_;
};
using DeviceFunction = std::function<std::uint64_t(const DeviceArguments&)>;

/// The cards that vedaInit finds from now on; without it there is one ve20b. Not while initialized.
void set_cards(std::vector<VectorDevice> cards);
/// Replaces a module of that name.
void register_module(const std::string& name, std::map<std::string, DeviceFunction> functions);
/// All kernels of kernels.h, each as (stack buffer of its arguments, first task, end of tasks), on
/// all cores of its stream; they take the time of the cycle model.
inline constexpr const char* kKernelModule = "librockmate_kernels.vso";

/// The modelled clock of a stream of the current context: calls and copies, one behind the other.
[[nodiscard]] Seconds modelled_time(VEDAstream stream);

}  // namespace rockmate::vector
