// Outside text as it may stand in a message: one line, printable, of bounded length.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rockmate {

/// Control characters and bytes that are not UTF-8 come out as \n, \t, \xNN; a text longer than
/// `limit` bytes is cut at a character and ends in "...".
[[nodiscard]] std::string shown(std::string_view text, std::size_t limit = 80);

/// The bytes of the UTF-8 character at the start of `text`; 0 when there is none.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

}  // namespace rockmate
