#include "base/json_writer.h"

#include <fmt/format.h>

#include <cmath>

#include "base/check.h"
#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate::json {
namespace {

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
    case '\\':
      out += {'\\', c};
      break;
    case '\n':
      out += "\\n";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (static_cast<unsigned char>(c) < 0x20) {
        out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out += c;
      }
  }
}

void check_utf8(std::string_view text) {
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = utf8_length(rest);
    if (length == 0) {
      throw InvalidInput(
          fmt::format("'{}' is not UTF-8, expected a text that JSON can hold", shown(text)));
    }
    rest.remove_prefix(length);
  }
}

}  // namespace

std::string quoted(std::string_view text) {
  check_utf8(text);
  std::string out = "\"";
  for (const char c : text) append_escaped(out, c);
  return out += '"';
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    out += quoted(text);
  }
  return out += ']';
}

std::string number(double value) {
  ROCKMATE_CHECK(std::isfinite(value));
  return fmt::format("{}", value);
}

std::string one_per_line(const std::vector<std::string>& rows) {
  if (rows.empty()) return "[]";
  std::string out = "[";
  for (const std::string& row : rows) {
    out += out.size() > 1 ? ",\n  " : "\n  ";
    out += row;
  }
  return out += "\n]";
}

}  // namespace rockmate::json
