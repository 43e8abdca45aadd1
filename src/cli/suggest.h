// "Did you mean": the known word that is nearest to a mistyped one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rockmate::cli {

/// Letters to insert, delete, replace or swap with their neighbour. Quadratic in the lengths.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The nearest of the known words, if it is near enough to be meant.
[[nodiscard]] std::optional<std::string> suggest(std::string_view word,
                                                 const std::vector<std::string>& known);

}  // namespace rockmate::cli
