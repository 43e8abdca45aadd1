// Standard output and standard error: people's text and JSON go to the first, warnings to the
// second. A reader that has gone away is no error; a disk that is full is one.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace rockmate::cli {

/// Opens /dev/null where a standard stream is closed, so that no file of ours takes its place, and
/// turns a closed pipe from a signal into a failed write.
void prepare_streams();

/// Writes and flushes. Throws InvalidInput when standard output cannot take it.
void print(std::string_view text);
/// Prints one object, indented.
void print_json(const nlohmann::ordered_json& object);

/// Writes to standard error, as far as there is one.
void print_error(std::string_view text);
/// "rockmate: warning: ..."
void warn(std::string_view message);
void warn(const std::vector<std::string>& messages);

}  // namespace rockmate::cli
