#include "rockmate/rate_schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

[[noreturn]] void reject(std::string_view text) {
  throw InvalidInput(fmt::format(
      "learning rate schedule '{}': expected constant, step:PERIOD:FACTOR, cosine:STEPS[:LEAST] or "
      "linear:STEPS[:LEAST]",
      shown(text)));
}

std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(':');
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

template <class T>
bool read(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

double RateSchedule::factor(std::uint64_t step) const {
  if (step < warm_up) return static_cast<double>(step + 1) / static_cast<double>(warm_up);
  if (kind == Kind::kConstant) return 1;
  if (kind == Kind::kStep) return std::pow(decay, static_cast<double>(step / period));
  const double done =
      std::min(1.0, static_cast<double>(step - warm_up) / static_cast<double>(period - warm_up));
  const double height =
      kind == Kind::kLinear ? 1 - done : (1 + std::cos(std::numbers::pi * done)) / 2;
  return least + (1 - least) * height;
}

RateSchedule RateSchedule::parse(std::string_view text, std::uint64_t warm_up) {
  RateSchedule schedule;
  schedule.warm_up = warm_up;
  const auto parts = parts_of(text);
  if (text == "constant") return schedule;
  const bool has_number = parts.size() > 1 && read(parts[1], schedule.period);
  if (!has_number || schedule.period == 0 || parts.size() > 3) reject(text);
  double last = 0;
  const bool has_last = parts.size() == 3;
  if (has_last && (!read(parts[2], last) || !std::isfinite(last) || last < 0)) reject(text);
  if (parts[0] == "step" && has_last) {
    schedule.kind = Kind::kStep;
    schedule.decay = last;
    return schedule;
  }
  if (parts[0] != "cosine" && parts[0] != "linear") reject(text);
  schedule.kind = parts[0] == "cosine" ? Kind::kCosine : Kind::kLinear;
  schedule.least = last;
  if (warm_up >= schedule.period) {
    throw InvalidInput(
        fmt::format("learning rate schedule '{}': a warm-up of {} steps, expected "
                    "fewer than the schedule has",
                    shown(text), warm_up));
  }
  return schedule;
}

}  // namespace rockmate
