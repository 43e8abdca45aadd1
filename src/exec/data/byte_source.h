// Bytes that samples lie in: a file, or memory. What a header claims is believed only where as many
// bytes are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace rockmate::data {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// For messages: one line of bounded length.
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual std::int64_t size() const = 0;
  /// Fills `bytes` from `offset` on. Throws InvalidInput where the source ends before.
  virtual void read(std::int64_t offset, std::span<std::byte> bytes) const = 0;

  /// The first bytes, at most `count`, fewer where it ends.
  [[nodiscard]] std::string head(std::int64_t count) const;
  /// Throws InvalidInput: "NAME: <text>".
  [[noreturn]] void reject(const std::string& text) const;
};

/// Throws InvalidInput where there is no such regular file.
[[nodiscard]] std::unique_ptr<ByteSource> open_bytes(const std::filesystem::path& file);
[[nodiscard]] std::unique_ptr<ByteSource> bytes_in(std::string content, const std::string& name);

}  // namespace rockmate::data
