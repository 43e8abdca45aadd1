#include "cli/whole_number.h"

#include <fmt/format.h>

#include <charconv>

namespace rockmate::cli {

CLI::Validator whole_number(std::uint64_t smallest, std::uint64_t largest) {
  const auto complaint = [smallest, largest](const std::string& text) -> std::string {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    if (is_whole && smallest <= number && number <= largest) return {};
    return fmt::format("found '{}', expected a whole number from {} to {}", text, smallest,
                       largest);
  };
  return {complaint, ""};
}

}  // namespace rockmate::cli
