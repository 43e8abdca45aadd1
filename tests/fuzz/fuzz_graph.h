// The graph on which the plan targets read: one op of every kind, names of one letter, so that a
// fuzzer stumbles on them.
#pragma once

#include "rockmate/training_graph.h"

namespace rockmate::fuzz {

inline TrainingGraph small_graph() {
  TrainingGraphBuilder b("g");
  b.value({.name = "x", .bytes = Bytes(4), .kind = ValueKind::kInput});
  b.value({.name = "w", .bytes = Bytes(8), .kind = ValueKind::kParameter});
  b.value({.name = "h", .bytes = Bytes(4)}).value({.name = "m", .bytes = Bytes(1)});
  b.value({.name = "y", .bytes = Bytes(4)}).value({.name = "v", .alias_of = "y"});
  b.value({.name = "d", .bytes = Bytes(4)}).value({.name = "s", .bytes = Bytes(8)});
  b.value({.name = "z", .bytes = Bytes(0)});
  b.op({.name = "f",
        .seconds = Seconds(2),
        .inputs = {"x", "w"},
        .outputs = {"h"},
        .implementations = {{"q", Seconds(1), Bytes(4), "b"}}});
  b.op({.name = "r",
        .seconds = Seconds(1),
        .inputs = {"h"},
        .outputs = {"y", "m"},
        .optional = {"m"},
        .in_place = {{"y", "h"}}});
  b.op({.name = "v", .seconds = Seconds(0), .inputs = {"y"}, .outputs = {"v", "z"}});
  b.op({.name = "l",
        .phase = Phase::kLoss,
        .seconds = Seconds(1),
        .inputs = {"v"},
        .outputs = {"d"}});
  b.op({.name = "b",
        .phase = Phase::kBackward,
        .seconds = Seconds(4),
        .workspace = Bytes(2),
        .inputs = {"d", "m"},
        .accumulates = {"s"}});
  b.op({.name = "u",
        .phase = Phase::kUpdate,
        .seconds = Seconds(1),
        .inputs = {"w", "s"},
        .updates = {"w"}});
  return std::move(b.result("d")).build();
}

}  // namespace rockmate::fuzz
