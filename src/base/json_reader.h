// Reads a JSON text against a schema in one pass, without a document in memory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json_schema.h"

namespace rockmate::json {

/// The deepest nesting of lists and objects that is read.
inline constexpr std::size_t kDeepest = 64;

/// Sends a JSON text through its schema. `origin` stands for the file in messages. Throws
/// InvalidInput where the text is not JSON (which is UTF-8) or not of the schema. Linear in the
/// text; the stack does not grow with its depth. `warnings`, if there is such a list, gets one line
/// for each unknown key and kind of place, and at most kMostWarnings lines.
void read(std::string_view text, const std::string& origin, Node& schema,
          std::vector<std::string>* warnings);
inline constexpr std::size_t kMostWarnings = 20;

}  // namespace rockmate::json
