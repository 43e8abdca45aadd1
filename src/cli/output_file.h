// Files that a verb was asked to write. They are named before the work begins, so that a wrong path
// costs a second and not the search.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace rockmate::cli {

/// Throws InvalidInput unless each path (empty: not asked for) can be written as far as can be
/// told, no two are the same file, and none is one of the files that are read.
void check_outputs(const std::vector<std::string>& outputs, const std::vector<std::string>& inputs);

}  // namespace rockmate::cli
