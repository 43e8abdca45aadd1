// The first half of `TrainingGraphBuilder::build`: names become ids, and what is wrong with a
// single value or op is refused.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "rockmate/training_graph.h"

namespace rockmate {

/// All functions throw InvalidInput. Views are resolved when all values are there, before ops.
class NameResolver {
 public:
  IdVector<ValueId, Value> values;
  std::vector<Op> ops;
  std::unordered_map<std::string, ValueId> value_by_name;
  std::unordered_map<std::string, OpId> op_by_name;

  void add_values(std::vector<ValueSpec>& specs);
  void resolve_views(const std::vector<ValueSpec>& specs);
  void add_op(OpSpec spec);

 private:
  [[nodiscard]] ValueId resolve(const OpSpec& op, const char* field, const std::string& name) const;
  [[nodiscard]] std::vector<ValueId> resolve_all(const OpSpec& op, const char* field,
                                                 const std::vector<std::string>& names) const;
  void check_optional(const Op& op) const;
  void resolve_in_place(const OpSpec& spec, Op& op) const;
  static void add_implementations(OpSpec& spec, Op& op);
};

}  // namespace rockmate
