#include "support/revolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace rockmate::testing {
namespace {

// Besides the first run of each op, which the chain begins with.
int runs_again(int length, int slots) {
  if (length <= 1) return 0;
  if (slots == 0) return length * (length - 1) / 2;
  int least = std::numeric_limits<int>::max();
  for (int first = 1; first < length; ++first) {
    least =
        std::min(least, first + runs_again(length - first, slots - 1) + runs_again(first, slots));
  }
  return least;
}

}  // namespace

TrainingGraph revolve_chain(int length) {
  TrainingGraphBuilder b("chain");
  b.value({.name = "x0", .bytes = Bytes(1), .kind = ValueKind::kInput});
  for (int i = 1; i <= length; ++i) {
    const std::string x = fmt::format("x{}", i);
    b.value({.name = x, .bytes = Bytes(1)});
    const std::string before = fmt::format("x{}", i - 1);
    OpSpec op{
        .name = fmt::format("f{}", i), .seconds = Seconds(1), .inputs = {before}, .outputs = {x}};
    if (i > 1) op.in_place = {{x, before}};
    b.op(std::move(op));
  }
  std::string gradient = fmt::format("x{}", length);
  for (int i = length; i >= 1; --i) {
    const std::string next = fmt::format("g{}", i - 1);
    b.value({.name = next, .bytes = Bytes(1), .kind = ValueKind::kGradient});
    b.op({.name = fmt::format("b{}", i),
          .phase = Phase::kBackward,
          .seconds = Seconds(1),
          .inputs = {fmt::format("x{}", i - 1), gradient},
          .outputs = {next},
          .in_place = {{next, gradient}}});
    gradient = next;
  }
  b.result("g0");
  return std::move(b).build();
}

int revolve_runs(int length, int slots) { return 1 + runs_again(length, slots); }

}  // namespace rockmate::testing
