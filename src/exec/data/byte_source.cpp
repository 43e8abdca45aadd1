#include "exec/data/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate::data {
namespace {

constexpr std::size_t kLongestName = 400;

class File : public ByteSource {
 public:
  explicit File(const std::filesystem::path& file)
      : name_(shown(file.string(), kLongestName)),
        descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) reject_errno("cannot be opened");
    struct stat status = {};
    const bool is_regular = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
    size_ = status.st_size;
    if (is_regular) return;
    ::close(descriptor_);
    reject("is no regular file");
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() override { ::close(descriptor_); }

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return size_; }
  void read(std::int64_t offset, std::span<std::byte> bytes) const override {
    while (!bytes.empty()) {
      const ssize_t count = ::pread(descriptor_, bytes.data(), bytes.size(), offset);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) reject_errno("cannot be read");
      if (count == 0) {
        reject(fmt::format("ends early, at byte {}: it had {} bytes when it was opened", offset,
                           size_));
      }
      offset += count;
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

 private:
  [[noreturn]] void reject_errno(const char* what) const {
    reject(fmt::format("{}: {}", what, std::generic_category().message(errno)));
  }
  std::string name_;
  int descriptor_;
  std::int64_t size_ = 0;
};

class Memory : public ByteSource {
 public:
  Memory(std::string content, const std::string& name)
      : content_(std::move(content)), name_(shown(name, kLongestName)) {}

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(content_.size()); }
  void read(std::int64_t offset, std::span<std::byte> bytes) const override {
    const auto at = static_cast<std::size_t>(offset);
    if (at > content_.size() || content_.size() - at < bytes.size()) reject("ends early");
    std::memcpy(bytes.data(), content_.data() + at, bytes.size());
  }

 private:
  std::string content_;
  std::string name_;
};

}  // namespace

std::string ByteSource::head(std::int64_t count) const {
  std::string text(static_cast<std::size_t>(std::min(count, size())), '\0');
  read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

void ByteSource::reject(const std::string& text) const {
  throw InvalidInput(fmt::format("{}: {}", name(), text));
}

std::unique_ptr<ByteSource> open_bytes(const std::filesystem::path& file) {
  return std::make_unique<File>(file);
}

std::unique_ptr<ByteSource> bytes_in(std::string content, const std::string& name) {
  return std::make_unique<Memory>(std::move(content), name);
}

}  // namespace rockmate::data
