// Launchers that execute. (One that counts: counting.h.)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "exec/vector/kernel.h"
#include "rockmate/units.h"

namespace rockmate::vector {

/// Runs tasks on host threads, each of which is a core. A core may touch what it was given: an
/// access elsewhere is an InternalError that names op and kernel.
class ExecutingLauncher : public Launcher {
 public:
  ExecutingLauncher(std::string_view op, int threads) : op_(op), threads_(threads) {}

  /// Null is nothing.
  void allow(const void* begin, Bytes bytes, bool writable);
  void launch(const char* kernel, ve::Entry entry, const void* arguments, long tasks) override;
  [[nodiscard]] bool executes() const override { return true; }

 private:
  void enter() const;

  std::string op_;
  int threads_;
  std::vector<ve::Range> ranges_;
};

}  // namespace rockmate::vector
