#include "base/shown.h"

#include <fmt/format.h>

namespace rockmate {
namespace {

// U+0080 to U+009F are control characters, U+2028 and U+2029 end a line.
bool breaks_a_line(std::string_view character) {
  if (character.size() == 1) return character[0] < ' ' || character[0] == '\x7f';
  return (character[0] == '\xc2' && character[1] <= '\x9f') || character == "\u2028" ||
         character == "\u2029";
}

std::string escaped(std::string_view character) {
  if (character == "\n") return "\\n";
  if (character == "\t") return "\\t";
  std::string text;
  for (const char c : character) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return text;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  // The second byte's range keeps out overlong forms, surrogates and what lies beyond U+10FFFF.
  const std::size_t length = first < 0xc2   ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length == 0 || text.size() < length) return 0;
  const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t k = 2; k < length; ++k) {
    if (byte(k) < 0x80 || byte(k) > 0xbf) return 0;
  }
  return length;
}

std::string shown(std::string_view text, std::size_t limit) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    const std::string piece =
        length == 0 || breaks_a_line(character) ? escaped(character) : std::string(character);
    if (result.size() + piece.size() > limit) return result + "...";
    result += piece;
    text.remove_prefix(character.size());
  }
  return result;
}

}  // namespace rockmate
