// The LP format: an objective, rows, bounds, and which variables are whole numbers. A row with two
// different finite bounds is written as two, which every reader understands.

#include <fmt/format.h>

#include "rockmate/milp.h"

namespace rockmate {
namespace {

// Old readers stop at 255 characters per line.
constexpr std::size_t kTermsPerLine = 6;

// A name as a comment: nothing in it may end the line.
std::string comment(const std::string& name) {
  std::string shown;
  for (const char c : name) shown += c == '\n' || c == '\r' ? ' ' : c;
  return shown;
}

void append_terms(std::string& text, const std::vector<Term>& terms) {
  std::size_t on_line = 0;
  for (const Term& term : terms) {
    if (on_line++ == kTermsPerLine) {
      text += "\n  ";
      on_line = 1;
    }
    text += fmt::format(" {:+} x{}", term.coefficient, term.variable.index());
  }
}

void append_row(std::string& text, std::size_t index, const Row& row) {
  const auto append = [&](std::string_view suffix, std::string_view relation, double bound) {
    text += fmt::format(" r{}{}:", index, suffix);
    // A row needs a variable, even one that counts nothing.
    row.terms.empty() ? void(text += " 0 x0") : append_terms(text, row.terms);
    text += fmt::format(" {} {}\n", relation, bound);
  };
  if (row.lower == row.upper) return append("", "=", row.lower);
  if (row.lower > -kInfinity) append(row.upper < kInfinity ? "_low" : "", ">=", row.lower);
  if (row.upper < kInfinity) append(row.lower > -kInfinity ? "_high" : "", "<=", row.upper);
}

void append_bounds(std::string& text, std::size_t index, const Variable& variable) {
  if (variable.lower == -kInfinity && variable.upper == kInfinity) {
    text += fmt::format(" x{} free\n", index);
    return;
  }
  const auto lower =
      variable.lower == -kInfinity ? std::string("-inf") : fmt::format("{}", variable.lower);
  text += fmt::format(" {} <= x{}", lower, index);
  if (variable.upper < kInfinity) text += fmt::format(" <= {}", variable.upper);
  text += '\n';
}

}  // namespace

std::string to_lp(const MilpModel& model) {
  std::string text;
  std::vector<Term> costs;
  for (std::size_t i = 0; i < model.variables().size(); ++i) {
    const VariableId id(i);
    text += fmt::format("\\ x{}: {}\n", i, comment(model[id].name));
    if (model[id].cost != 0) costs.push_back({id, model[id].cost});
  }
  for (std::size_t i = 0; i < model.rows().size(); ++i) {
    text += fmt::format("\\ r{}: {}\n", i, comment(model[RowId(i)].name));
  }
  text += "Minimize\n cost:";
  costs.empty() ? void(text += " 0 x0") : append_terms(text, costs);
  text += "\nSubject To\n";
  for (std::size_t i = 0; i < model.rows().size(); ++i) append_row(text, i, model[RowId(i)]);
  text += "Bounds\n";
  std::string integers;
  for (std::size_t i = 0; i < model.variables().size(); ++i) {
    const Variable& variable = model[VariableId(i)];
    append_bounds(text, i, variable);
    if (variable.is_integer) integers += fmt::format(" x{}\n", i);
  }
  if (!integers.empty()) text += fmt::format("General\n{}", integers);
  return text + "End\n";
}

}  // namespace rockmate
