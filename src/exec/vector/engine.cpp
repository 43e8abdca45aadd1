// The vector engine: ops as vector programs, which emulated cores execute. What it computes is
// real; time on the device is modelled elsewhere (cycle_model.h), from what the cores issue.

#include "exec/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/check.h"
#include "exec/parallel.h"
#include "exec/part_runner.h"
#include "exec/vector/card_link.h"
#include "exec/vector/device_memory.h"
#include "exec/vector/launchers.h"
#include "rockmate/error.h"
#include "rockmate/vector_engine.h"

namespace rockmate {
namespace vector {
namespace {

// The card's memory and its link; machines may outlive the engine.
class Card {
 public:
  explicit Card(Bytes capacity) : memory_(0, capacity) {}

  [[nodiscard]] VirtualPointer allocate(Bytes size, std::span<std::byte>& bytes) {
    const std::scoped_lock lock(mutex_);
    const auto count = static_cast<std::uint64_t>(size.count());
    VirtualPointer made = 0;
    std::byte* data = nullptr;
    // A size of 0 would be memory to come.
    const MemoryError error = memory_.allocate(std::max<std::uint64_t>(count, 1), made);
    if (error != MemoryError::kNone || memory_.find(made, count, data) != MemoryError::kNone) {
      throw InvalidInput(
          fmt::format("the emulated card has {} of {} left, and {} ({} bytes) are needed; a "
                      "smaller budget needs less",
                      to_string(memory_.capacity() - memory_.used()), to_string(memory_.capacity()),
                      to_string(size), count));
    }
    bytes = {data, count};
    return made;
  }
  void free(VirtualPointer p) {
    const std::scoped_lock lock(mutex_);
    ROCKMATE_CHECK(memory_.free(p) == MemoryError::kNone);
  }
  void copy_down(std::span<std::byte> to, std::span<const std::byte> from) {
    const std::scoped_lock lock(mutex_);
    check_place(to);
    link_.copy_down(to.data(), from.data(), from.size());
  }
  void copy_up(std::span<std::byte> to, std::span<const std::byte> from) {
    const std::scoped_lock lock(mutex_);
    check_place(from);
    link_.copy_up(to.data(), from.data(), from.size());
  }
  [[nodiscard]] LinkTraffic traffic() const {
    const std::scoped_lock lock(mutex_);
    return link_.traffic();
  }
  /// Whether it lies within one allocation.
  [[nodiscard]] bool holds(const void* begin, std::size_t size) const {
    const std::scoped_lock lock(mutex_);
    return memory_.holds(begin, size);
  }

 private:
  void check_place(std::span<const std::byte> bytes) const {
    if (memory_.holds(bytes.data(), bytes.size())) return;
    throw InvalidInput(fmt::format("a copy of {} bytes at {}: not in the memory of the card",
                                   bytes.size(), static_cast<const void*>(bytes.data())));
  }
  mutable std::mutex mutex_;
  DeviceMemory memory_;
  CardLink link_;
};

class CardMemory : public Memory {
 public:
  CardMemory(std::shared_ptr<Card> card, Bytes size)
      : card_(std::move(card)), pointer_(card_->allocate(size, bytes_)) {}
  ~CardMemory() override { card_->free(pointer_); }
  CardMemory(const CardMemory&) = delete;
  CardMemory& operator=(const CardMemory&) = delete;
  [[nodiscard]] std::span<std::byte> bytes() const override { return bytes_; }

 private:
  std::shared_ptr<Card> card_;
  std::span<std::byte> bytes_;
  VirtualPointer pointer_;
};

class VectorKernel : public PreparedKernel {
 public:
  VectorKernel(const KernelSpec& spec, Prepared prepared, int threads, std::shared_ptr<Card> card)
      : op_(spec.op),
        kernel_(spec.kernel),
        prepared_(std::move(prepared)),
        threads_(threads),
        card_(std::move(card)) {}

  void run(const Invocation& call) override {
    ExecutingLauncher launcher(op_, threads_);
    const auto allow = [&](const void* begin, Bytes bytes, bool writable) {
      const auto size = static_cast<std::size_t>(bytes.count());
      if (begin != nullptr && size > 0 && !card_->holds(begin, size)) {
        throw InvalidInput(fmt::format(
            "op '{}': {} bytes at {} are not in the memory of the card; take them from the "
            "engine's `memory`",
            op_, size, begin));
      }
      launcher.allow(begin, bytes, writable);
    };
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      const auto& updates = kernel_.updates;
      const bool updated =
          std::find(updates.begin(), updates.end(), kernel_.inputs[i]) != updates.end();
      allow(call.inputs[i].data, call.inputs[i].type->bytes(), updated);
    }
    for (const TensorRef& output : call.outputs) {
      allow(output.data, output.type->bytes(), true);
    }
    allow(call.workspace.data(), Bytes(static_cast<std::int64_t>(call.workspace.size())), true);
    prepared_.body(Call(call, kernel_.attributes.flag("adds"), launcher));
  }

 private:
  std::string op_;
  const Kernel& kernel_;
  Prepared prepared_;
  int threads_;
  std::shared_ptr<Card> card_;
};

class VectorEngine : public Engine, public LinkedDevice {
 public:
  VectorEngine(const VectorDevice& card, int threads)
      : threads_(threads), card_(std::make_shared<Card>(card.memory)) {}
  [[nodiscard]] std::string_view name() const override { return "vector"; }
  [[nodiscard]] std::unique_ptr<Memory> memory(Bytes size) const override {
    return std::make_unique<CardMemory>(card_, size);
  }
  void copy_down(std::span<std::byte> to, std::span<const std::byte> from) const override {
    card_->copy_down(to, from);
  }
  void copy_up(std::span<std::byte> to, std::span<const std::byte> from) const override {
    card_->copy_up(to, from);
  }
  [[nodiscard]] LinkTraffic traffic() const override { return card_->traffic(); }
  [[nodiscard]] Bytes workspace(const KernelSpec& spec) const override {
    if (const auto parts = in_parts(spec)) {
      return parts_workspace({spec.op, *parts, spec.inputs, spec.outputs}, *this,
                             promised_places(spec));
    }
    return vector::prepare(spec).workspace;
  }
  [[nodiscard]] std::unique_ptr<PreparedKernel> prepare(const KernelSpec& spec) const override {
    if (const auto parts = in_parts(spec)) {
      return prepare_parts({spec.op, *parts, spec.inputs, spec.outputs}, *this,
                           promised_places(spec));
    }
    return std::make_unique<VectorKernel>(spec, vector::prepare(spec), threads_, card_);
  }

 private:
  int threads_;
  std::shared_ptr<Card> card_;
};

}  // namespace
}  // namespace vector

std::unique_ptr<Engine> make_vector_engine(int threads) {
  return make_vector_engine(vector_device("ve20b"), threads);
}

std::unique_ptr<Engine> make_vector_engine(const VectorDevice& card, int threads) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    throw InvalidInput("the vector engine needs a processor with AVX2 and FMA");
  }
#endif
  return std::make_unique<vector::VectorEngine>(card, kernels::thread_count(threads));
}

}  // namespace rockmate
