// A model of three layers whose figures can be counted by hand, as a file.
//
//   plain iteration: 12 s;  static: 100 bytes;  peak while `loss` runs: 100 + 400 + 10
#pragma once

#include <string>

namespace rockmate::testing {

inline const std::string kTinyModel = R"({
  "format": "rockmate.graph/1", "name": "tiny",
  "values": [{"name": "x", "bytes": 100, "kind": "input"},
             {"name": "a", "bytes": 100}, {"name": "b", "bytes": 100}, {"name": "c", "bytes": 100},
             {"name": "dc", "bytes": 100, "kind": "gradient"},
             {"name": "db", "bytes": 100, "kind": "gradient"},
             {"name": "da", "bytes": 100, "kind": "gradient"}],
  "ops": [
    {"name": "A", "seconds": 1, "inputs": ["x"], "outputs": ["a"]},
    {"name": "B", "seconds": 1, "inputs": ["a"], "outputs": ["b"]},
    {"name": "C", "seconds": 1, "inputs": ["b"], "outputs": ["c"]},
    {"name": "loss", "phase": "loss", "seconds": 3, "workspace": 10, "inputs": ["c"],
     "outputs": ["dc"]},
    {"name": "C.backward", "phase": "backward", "seconds": 2, "inputs": ["dc", "b"],
     "outputs": ["db"]},
    {"name": "B.backward", "phase": "backward", "seconds": 2, "inputs": ["db", "a"],
     "outputs": ["da"]},
    {"name": "A.backward", "phase": "backward", "seconds": 2, "inputs": ["da", "x"]}],
  "results": []})";

inline constexpr int kTinyPeak = 510;

}  // namespace rockmate::testing
