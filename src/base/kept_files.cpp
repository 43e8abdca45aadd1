#include "base/kept_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/atomic_file.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSumSize = 17;

// FNV-1a, on a line of its own.
std::string sum_of(std::string_view text) {
  std::uint64_t sum = 0xcbf29ce484222325ULL;
  for (const char letter : text) {
    sum = (sum ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
  }
  return fmt::format("{:016x}\n", sum);
}

}  // namespace

std::string sealed(std::string_view head, std::string_view content) {
  std::string text(head);
  text += content;
  return text += sum_of(text);
}

std::optional<std::string_view> unsealed(std::string_view text, std::string_view head) {
  if (text.size() < head.size() + kSumSize || !text.starts_with(head)) return std::nullopt;
  const std::string_view body = text.substr(0, text.size() - kSumSize);
  if (text.substr(body.size()) != sum_of(body)) return std::nullopt;
  return body.substr(head.size());
}

std::optional<std::string> KeptFiles::find(const std::string& name, std::string_view head) const {
  std::error_code failed;
  const fs::path path = file(name);
  if (!fs::is_regular_file(path, failed) || failed) return std::nullopt;
  const std::uintmax_t size = fs::file_size(path, failed);
  if (failed || size > most_bytes_) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  std::string text(size, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(size))) return std::nullopt;
  const auto content = unsealed(text, head);
  if (!content) return std::nullopt;
  fs::last_write_time(path, fs::file_time_type::clock::now(), failed);  // used last
  return std::string(*content);
}

void KeptFiles::keep(const std::string& name, std::string_view head,
                     std::string_view content) const {
  const std::string text = sealed(head, content);
  if (text.size() > most_bytes_) return;
  std::error_code exists;
  fs::create_directories(folder_, exists);
  try {
    write_file_atomically(file(name), text);
  } catch (const InvalidInput&) {
    return;  // a full or read-only disk costs only the time to make it again
  }
  drop_oldest();
}

// Others may do the same at the same time: a file that is gone already does no harm.
void KeptFiles::drop_oldest() const {
  struct Kept {
    fs::file_time_type used;
    fs::path path;
    std::uintmax_t size;
  };
  std::error_code failed;
  std::vector<Kept> all;
  for (fs::directory_iterator it(folder_, failed), end; !failed && it != end;
       it.increment(failed)) {
    if (it->path().extension() != ending_) continue;
    std::error_code gone;
    const Kept kept{it->last_write_time(gone), it->path(), it->file_size(gone)};
    if (!gone) all.push_back(kept);
  }
  std::sort(all.begin(), all.end(), [](const Kept& x, const Kept& y) { return x.used > y.used; });
  std::uintmax_t bytes = 0;
  for (const Kept& kept : all) {
    bytes += kept.size;
    if (bytes > most_bytes_) fs::remove(kept.path, failed);
  }
}

}  // namespace rockmate
