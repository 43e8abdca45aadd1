#include "exec/vector/launchers.h"

#include <fmt/format.h>

#include <exception>
#include <mutex>

#include "exec/parallel.h"
#include "rockmate/error.h"

namespace rockmate::vector {

void ExecutingLauncher::allow(const void* begin, Bytes bytes, bool writable) {
  if (begin == nullptr || bytes.count() == 0) return;
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  // Reads are of whole words, and storages of whole words.
  const auto size = static_cast<std::uintptr_t>(bytes.count());
  ranges_.push_back({address, address + (writable ? size : (size + 7) / 8 * 8), writable});
}

void ExecutingLauncher::launch(const char* kernel, ve::Entry entry, const void* arguments,
                               long tasks) {
  std::exception_ptr failure;
  std::mutex guards_failure;
  parallel_for(threads_, tasks, 1, [&](std::int64_t begin, std::int64_t end) {
    try {
      enter();
      entry(arguments, begin, end);
    } catch (const ve::AccessViolation& violation) {
      const std::scoped_lock lock(guards_failure);
      failure = std::make_exception_ptr(InternalError(fmt::format(
          "op '{}': kernel {} {} bytes {:#x} to {:#x}, which it was not given", op_, kernel,
          violation.is_store ? "stores to" : "loads", violation.begin, violation.end)));
    }
  });
  ve::core = {};
  if (failure) std::rethrow_exception(failure);
}

void ExecutingLauncher::enter() const {
  ve::core = {};
  ve::core.checks = true;
  ve::core.ranges = ranges_.data();
  ve::core.range_count = static_cast<int>(ranges_.size());
}

}  // namespace rockmate::vector
