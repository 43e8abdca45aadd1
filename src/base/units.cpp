#include "rockmate/units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <ostream>

namespace rockmate {

std::string to_string(Bytes bytes) {
  constexpr std::array units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto amount = static_cast<double>(bytes.count());
  if (std::abs(amount) < 1024) return fmt::format("{} bytes", bytes.count());
  std::size_t unit = 0;
  for (amount /= 1024; std::abs(amount) >= 1023.995 && unit + 1 < units.size(); ++unit) {
    amount /= 1024;
  }
  return fmt::format("{:.2f} {}", amount, units[unit]);
}

std::string to_string(Seconds seconds) {
  const double s = seconds.count();
  if (s == 0) return "0 s";
  if (std::abs(s) < 1e-6) return fmt::format("{:.3g} ns", s * 1e9);
  if (std::abs(s) < 1e-3) return fmt::format("{:.3g} us", s * 1e6);
  if (std::abs(s) < 1) return fmt::format("{:.3g} ms", s * 1e3);
  return fmt::format("{:.4g} s", s);
}

std::ostream& operator<<(std::ostream& out, Bytes bytes) { return out << to_string(bytes); }
std::ostream& operator<<(std::ostream& out, Seconds seconds) { return out << to_string(seconds); }

}  // namespace rockmate
