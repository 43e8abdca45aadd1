#include "graph/bf16.h"

#include "graph/op_table.h"

namespace rockmate {

void allow_bf16(Tape& tape) {
  for (Step& step : tape.take_steps()) {
    if (definition(step.node.kind).is_matrix) step.node.attributes.set("bf16", true);
    tape.append(std::move(step));
  }
}

}  // namespace rockmate
