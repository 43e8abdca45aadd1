// What moves values between the ranks of a pipeline. A receive is posted first, which takes the
// buffer, and `received` waits until the data are in it; a send starts on its way, and until `sent`
// the value must stay where it is. `refresh` posts, waits, and overwrites a source.
//
// Attributes: peer (the rank at the other end), tag; of a receive shape and dtype.

#include <fmt/format.h>

#include <utility>

#include "graph/ops/families.h"
#include "graph/ops/shapes.h"

namespace rockmate {
namespace {

double no_flops(const OpView&, const Types&) { return 0; }

void check_ends(const OpView& op) {
  static_cast<void>(op.attributes.integer("peer"));
  static_cast<void>(op.attributes.integer("tag"));
}

Types infer_nothing(const OpView& op) {
  check_ends(op);
  return {};
}

Types infer_receive(const OpView& op) {
  check_ends(op);
  const auto dtype = parse_dtype(op.attributes.text("dtype"));
  if (!dtype) op.reject(fmt::format("unknown dtype '{}'", op.attributes.text("dtype")));
  return {{*dtype, op.attributes.integers("shape")}};
}

Types infer_received(const OpView& op) {
  check_ends(op);
  return {op.input(0)};
}

OpDefinition communication(OpKind kind, std::string_view name, Types (*infer)(const OpView& op)) {
  return {.kind = kind,
          .name = name,
          .infer = infer,
          .flops = no_flops,
          .free_attributes = {"peer", "tag"}};
}

}  // namespace

void add_communication_ops(OpDefinitions& table) {
  for (const auto& [kind, name] :
       {std::pair(OpKind::kSend, "send"), std::pair(OpKind::kSent, "sent")}) {
    table.push_back(communication(kind, name, infer_nothing));
    table.back().outputs = {};
  }
  table.push_back(communication(OpKind::kReceive, "receive", infer_receive));
  table.back().min_inputs = table.back().max_inputs = 0;
  table.push_back(communication(OpKind::kReceived, "received", infer_received));
  table.back().in_place = {{0, 0}};
  table.push_back(communication(OpKind::kRefresh, "refresh", infer_nothing));
  table.back().outputs = {};
  table.back().updates = {0};
}

}  // namespace rockmate
