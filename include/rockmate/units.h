// Bytes and seconds as types, so that neither is ever taken for the other or for a bare count.
// Both are signed or real on purpose: differences of sizes and times are everyday things here.
#pragma once

#include <compare>
#include <cstdint>
#include <iosfwd>
#include <string>

namespace rockmate {

class Bytes {
 public:
  constexpr Bytes() = default;
  constexpr explicit Bytes(std::int64_t count) : count_(count) {}
  [[nodiscard]] constexpr std::int64_t count() const { return count_; }

  friend constexpr auto operator<=>(Bytes, Bytes) = default;
  constexpr Bytes& operator+=(Bytes other) { return count_ += other.count_, *this; }
  constexpr Bytes& operator-=(Bytes other) { return count_ -= other.count_, *this; }
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return a += b; }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return a -= b; }

 private:
  std::int64_t count_ = 0;
};

class Seconds {
 public:
  constexpr Seconds() = default;
  constexpr explicit Seconds(double count) : count_(count) {}
  [[nodiscard]] constexpr double count() const { return count_; }

  friend constexpr auto operator<=>(Seconds, Seconds) = default;
  constexpr Seconds& operator+=(Seconds other) { return count_ += other.count_, *this; }
  constexpr Seconds& operator-=(Seconds other) { return count_ -= other.count_, *this; }
  friend constexpr Seconds operator+(Seconds a, Seconds b) { return a += b; }
  friend constexpr Seconds operator-(Seconds a, Seconds b) { return a -= b; }

 private:
  double count_ = 0;
};

/// For people: "1.50 GiB", "512 bytes"; "1.2 ms", "3.40 s".
[[nodiscard]] std::string to_string(Bytes bytes);
[[nodiscard]] std::string to_string(Seconds seconds);
std::ostream& operator<<(std::ostream& out, Bytes bytes);
std::ostream& operator<<(std::ostream& out, Seconds seconds);

inline namespace literals {
constexpr Bytes operator""_B(unsigned long long n) { return Bytes(static_cast<std::int64_t>(n)); }
constexpr Bytes operator""_KiB(unsigned long long n) {
  return Bytes(static_cast<std::int64_t>(n) << 10);
}
constexpr Bytes operator""_MiB(unsigned long long n) {
  return Bytes(static_cast<std::int64_t>(n) << 20);
}
constexpr Bytes operator""_GiB(unsigned long long n) {
  return Bytes(static_cast<std::int64_t>(n) << 30);
}
}  // namespace literals

}  // namespace rockmate
