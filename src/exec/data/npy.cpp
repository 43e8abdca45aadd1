// NumPy's format (numpy.lib.format): "\x93NUMPY", two bytes of version, the length of the header in
// two bytes (version 1) or four, little-endian, and the header, a Python dictionary:
//   {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
// Only dictionaries of these three keys are read, in any order.

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "base/shown.h"
#include "exec/data/table.h"

namespace rockmate::data {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::int64_t kLongestHeader = 65536;
constexpr std::size_t kMostAxes = 32;

// A reader of the dictionary, from left to right.
class Header {
 public:
  Header(const ByteSource& source, std::string_view text) : source_(source), rest_(text) {}

  Table read() {
    expect('{');
    while (!take('}')) {
      read_entry();
      if (!take(',') && !peek('}')) broken("',' or '}'");
    }
    skip_space();
    if (!rest_.empty()) broken("the end of the header");
    if (!has_descr_ || !has_order_ || !has_shape_) {
      source_.reject("the .npy header lacks a key, expected 'descr', 'fortran_order' and 'shape'");
    }
    return table_;
  }

 private:
  void read_entry() {
    const std::string_view key = quoted();
    expect(':');
    if (key == "descr" && !std::exchange(has_descr_, true)) {
      table_.element = element(quoted());
    } else if (key == "fortran_order" && !std::exchange(has_order_, true)) {
      if (!word("False")) {
        source_.reject(
            "the array lies in Fortran order, expected C order; save numpy.ascontiguousarray of "
            "it");
      }
    } else if (key == "shape" && !std::exchange(has_shape_, true)) {
      read_shape();
    } else {
      broken("'descr', 'fortran_order' and 'shape', once each");
    }
  }

  void read_shape() {
    expect('(');
    while (!take(')')) {
      if (table_.shape.size() == kMostAxes) broken("at most 32 axes");
      skip_space();
      std::int64_t extent = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (error != std::errc() || extent < 0) broken("an extent");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      table_.shape.push_back(extent);
      if (!take(',') && !peek(')')) broken("',' or ')'");
    }
  }

  [[nodiscard]] Element element(std::string_view descr) const {
    using enum Element::Kind;
    if (descr.size() == 3 && std::string_view("<>|=").find(descr[0]) != std::string_view::npos) {
      const bool big = descr[0] == '>';
      const int bytes = descr[2] - '0';
      const bool is_power = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
      if (descr[1] == 'f' && (bytes == 4 || bytes == 8)) return {kReal, bytes, big};
      if (descr[1] == 'i' && is_power) return {kSigned, bytes, big};
      if (descr[1] == 'u' && is_power) return {kUnsigned, bytes, big};
      if (descr[1] == 'b' && bytes == 1) return {kBool, 1, big};
    }
    source_.reject(
        fmt::format("elements of the type '{}', expected whole numbers, bool, float32 or float64",
                    shown(descr, 40)));
  }

  std::string_view quoted() {
    skip_space();
    const char quote = rest_.empty() ? '\0' : rest_.front();
    if (quote != '\'' && quote != '"') broken("a text in quotes");
    const std::size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) broken("a closing quote");
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool word(std::string_view expected) {
    skip_space();
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) {
      rest_.remove_prefix(1);
    }
  }
  bool peek(char expected) {
    skip_space();
    return !rest_.empty() && rest_.front() == expected;
  }
  bool take(char expected) {
    if (!peek(expected)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char expected) {
    if (!take(expected)) broken(fmt::format("'{}'", expected));
  }
  [[noreturn]] void broken(const std::string& expected) const {
    source_.reject(
        fmt::format("the .npy header has '{}', expected {}", shown(rest_, 40), expected));
  }

  const ByteSource& source_;
  std::string_view rest_;
  Table table_;
  bool has_descr_ = false, has_order_ = false, has_shape_ = false;
};

}  // namespace

bool is_npy(const ByteSource& source) {
  return source.head(static_cast<std::int64_t>(kMagic.size())) == kMagic;
}

Table read_npy(const ByteSource& source) {
  const std::string head = source.head(12);
  const auto byte_at = [&](std::size_t i) {
    return std::int64_t{static_cast<unsigned char>(head[i])};
  };
  if (head.size() < 12) source.reject("ends early, within the header of the .npy format");
  const std::int64_t version = byte_at(6);
  if (version < 1 || version > 3) {
    source.reject(fmt::format("version {} of the .npy format, expected 1 to 3", version));
  }
  std::int64_t length = byte_at(8) | byte_at(9) << 8;
  if (version > 1) length |= byte_at(10) << 16 | byte_at(11) << 24;
  const std::int64_t begin = version > 1 ? 12 : 10;
  if (length > kLongestHeader) {
    source.reject(
        fmt::format("a .npy header of {} bytes, expected at most {}", length, kLongestHeader));
  }
  const std::string text = source.head(begin + length);
  if (static_cast<std::int64_t>(text.size()) < begin + length) {
    source.reject("ends early, within the header of the .npy format");
  }
  Table table =
      Header(source, std::string_view(text).substr(static_cast<std::size_t>(begin))).read();
  table.begin = begin + length;
  check_size(source, table);
  return table;
}

}  // namespace rockmate::data
