#include "base/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void reject(const fs::path& file, int reason) {
  throw InvalidInput(fmt::format("{}: cannot be written: {}", shown(file.string(), 400),
                                 std::generic_category().message(reason)));
}

// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

// Removes the file on every way out but the one where it has become the target.
class Temporary {
 public:
  explicit Temporary(std::string name) : name_(std::move(name)) {}
  Temporary(Temporary&& other) noexcept : name_(std::exchange(other.name_, {})) {}
  Temporary& operator=(Temporary&& other) noexcept {
    name_.swap(other.name_);
    return *this;
  }
  ~Temporary() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  [[nodiscard]] bool rename_to(const fs::path& target) {
    if (::rename(name_.c_str(), target.c_str()) != 0) return false;
    name_.clear();
    return true;
  }

 private:
  std::string name_;
};

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

std::string temporary_name(const fs::path& folder, int attempt) {
  return (folder / fmt::format(".rockmate-{}-{}.tmp", ::getpid(), attempt)).string();
}

using Pieces = std::span<const std::string_view>;

bool write_all(int descriptor, Pieces pieces) {
  for (std::string_view content : pieces) {
    while (!content.empty()) {
      const ssize_t count = ::write(descriptor, content.data(), content.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      content.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  return true;
}

void write_in_place(const fs::path& file, Pieces pieces) {
  Descriptor out(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (out.number() < 0 || !write_all(out.number(), pieces) || !out.close()) reject(file, errno);
}

// A file without a name vanishes with the process that writes it, whatever ends the process. Some
// file systems have none: -1.
int create_nameless(const fs::path& folder) {
  return ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
}

// Gives a nameless file a name, just before it takes the target's.
bool link_beside(const fs::path& folder, int descriptor, std::string& name) {
  const std::string link = fmt::format("/proc/self/fd/{}", descriptor);
  for (int attempt = 0; attempt < 100; ++attempt) {
    name = temporary_name(folder, attempt);
    if (::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      return true;
    }
    if (errno != EEXIST) return false;
  }
  return false;
}

// mkstemp makes a file for its owner only; a new file gets what the user's mask leaves. The mask
// can be read only by setting it, which other threads would see, so it is taken from the kernel's
// own answer: the mode of a file that `open` makes.
int create_beside(const fs::path& folder, std::string& name) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    name = temporary_name(folder, attempt);
    const int descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

// So that the new name survives a power cut; some file systems cannot, and that is no error.
void flush_folder(const fs::path& folder) {
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.number() >= 0) ::fsync(descriptor.number());
}

}  // namespace

void write_file_atomically(const fs::path& file, std::string_view content) {
  write_file_atomically(file, Pieces(&content, 1));
}

void write_file_atomically(const fs::path& file, Pieces pieces) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (fs::is_directory(status)) reject(file, EISDIR);
  const bool is_regular = fs::is_regular_file(status);
  if (fs::exists(status) && !is_regular) return write_in_place(file, pieces);

  const fs::path target = is_regular ? fs::canonical(file, error) : file;
  if (error && is_regular) reject(file, error.value());
  const fs::path folder = folder_of(target);
  std::string name;
  Descriptor out(create_nameless(folder));
  const bool is_nameless = out.number() >= 0;
  if (!is_nameless) out = Descriptor(create_beside(folder, name));
  if (out.number() < 0) reject(file, errno);
  Temporary temporary(name);
  if (is_regular) ::fchmod(out.number(), static_cast<mode_t>(status.permissions()));
  if (!write_all(out.number(), pieces) || ::fsync(out.number()) != 0) reject(file, errno);
  if (is_nameless) {
    if (!link_beside(folder, out.number(), name)) reject(file, errno);
    temporary = Temporary(name);
  }
  if (!out.close() || !temporary.rename_to(target)) reject(file, errno);
  flush_folder(folder);
}

}  // namespace rockmate
