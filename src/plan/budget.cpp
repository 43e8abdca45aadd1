#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "rockmate/plan.h"

namespace rockmate {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t bytes;
};

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
constexpr std::array kUnits = {
    Unit{"", 1},
    Unit{"B", 1},
    Unit{"kB", 1'000},
    Unit{"KB", 1'000},
    Unit{"MB", 1'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"TB", 1'000'000'000'000},
    Unit{"KiB", std::int64_t{1} << 10},
    Unit{"MiB", std::int64_t{1} << 20},
    Unit{"GiB", std::int64_t{1} << 30},
    Unit{"TiB", std::int64_t{1} << 40},
};

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw InvalidInput(fmt::format(
      "budget '{}': {}; expected a size such as 2GiB, 1.5GiB, 1500MB or 123456 (bytes), "
      "a share such as 60%, or min",
      text, why));
}

// A number as people write it, "12" or "1.5": digits only, so that no sign, exponent or "inf" slips
// through.
struct Decimal {
  std::string_view whole;
  std::string_view fraction;
  std::string_view rest;  // what follows the number
};

std::string_view take_digits(std::string_view& text) {
  const std::size_t size = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, size);
  text.remove_prefix(size);
  return digits;
}

Decimal split_number(std::string_view text) {
  Decimal number;
  std::string_view rest = text;
  number.whole = take_digits(rest);
  if (number.whole.empty()) {
    refuse(text, text.starts_with('-') ? "it is negative" : "it does not begin with a number");
  }
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    number.fraction = take_digits(rest);
    if (number.fraction.empty()) refuse(text, "digits are missing after the point");
  }
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  number.rest = rest;
  return number;
}

// Rounds down: a budget is never more than what was asked for. Exact, digit by digit: in floating
// point 1.001 kB would be 1000 bytes.
Bytes scale(std::string_view text, const Decimal& number, std::int64_t unit) {
  std::int64_t part = 0;
  for (std::size_t i = number.fraction.size(); i-- > 0;) {
    part = ((number.fraction[i] - '0') * unit + part) / 10;
  }
  std::int64_t whole = 0;
  const char* const end = number.whole.data() + number.whole.size();
  const bool fits = std::from_chars(number.whole.data(), end, whole).ec == std::errc();
  if (!fits || whole > (kLargest - part) / unit) refuse(text, "it is more than 2^63 - 1 bytes");
  return Bytes(whole * unit + part);
}

double to_share(std::string_view text, const Decimal& number) {
  const std::string digits = fmt::format("{}.{}", number.whole, number.fraction);
  double percent = 0;
  const auto end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, percent).ec != std::errc() || !std::isfinite(percent)) {
    refuse(text, "the share is too large");
  }
  return percent / 100;
}

}  // namespace

Budget Budget::share(double share) {
  if (!(share >= 0) || !std::isfinite(share)) {
    throw InvalidInput(fmt::format("budget: a share of {} was given, expected 0 or more", share));
  }
  return {Kind::kShare, {}, share};
}

Budget Budget::parse(std::string_view text) {
  if (text == "min") return minimum();
  const Decimal number = split_number(text);
  if (number.rest == "%") return share(to_share(text, number));
  for (const Unit& unit : kUnits) {
    if (number.rest != unit.name) continue;
    if (unit.bytes == 1 && !number.fraction.empty()) refuse(text, "bytes are whole numbers");
    return scale(text, number, unit.bytes);
  }
  refuse(text, fmt::format("'{}' is no unit", number.rest));
}

std::optional<Bytes> Budget::on(const TrainingGraph& graph) const {
  if (kind_ == Kind::kBytes) return bytes_;
  if (kind_ == Kind::kMinimum) return std::nullopt;
  const auto trace = simulate(graph, plain_schedule(graph));
  ROCKMATE_CHECK(trace.has_value(), trace.error().message);
  const Bytes fixed = graph.static_bytes();
  const auto movable = static_cast<double>((trace->peak - fixed).count());
  // The factor makes up for the share's own rounding: 29 % of 100 bytes are 29, not 28.
  const double part = std::floor(share_ * movable * (1 + 4e-16));
  const auto room = static_cast<double>(kLargest - fixed.count());
  return part >= room ? Bytes(kLargest) : fixed + Bytes(static_cast<std::int64_t>(part));
}

}  // namespace rockmate
