#include "exec/cost_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "rockmate/error.h"

namespace rockmate {
namespace {

// Raise it when kernels become faster or are measured in another way.
constexpr int kVersion = 2;

// FNV-1a.
std::uint64_t hash(std::string_view text) {
  std::uint64_t sum = 0xcbf29ce484222325ULL;
  for (const char letter : text) {
    sum = (sum ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
  }
  return sum;
}

// Held until the end of its life; where there can be no lock, it holds none.
class Lock {
 public:
  explicit Lock(const std::filesystem::path& file)
      : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (descriptor_ >= 0) ::flock(descriptor_, LOCK_EX);
  }
  ~Lock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int descriptor_;
};

}  // namespace

CostCache::CostCache(std::filesystem::path folder, std::string where)
    : folder_(std::move(folder)), where_(fmt::format("{}; version {}", where, kVersion)) {}

std::filesystem::path CostCache::file() const {
  return folder_ / fmt::format("{:016x}.costs.json", hash(where_));
}

CostModel CostCache::read() const {
  CostModel costs = CostModel::measured();
  if (folder_.empty()) return costs;
  try {
    costs.read(file());
  } catch (const InvalidInput&) {
    return CostModel::measured();  // there is none yet, or it is of no use
  }
  return costs.description() == where_ ? costs : CostModel::measured();
}

void CostCache::add(const CostModel& costs) const {
  if (folder_.empty() || costs.measurements().empty()) return;
  std::error_code exists;
  std::filesystem::create_directories(folder_, exists);
  std::filesystem::path lock = file();
  const Lock held(lock += ".lock");
  CostModel all = read();
  for (const auto& [signature, cost] : costs.measurements()) all.set(signature, cost);
  if (costs.caches()) all.set_caches(*costs.caches());
  try {
    all.describe(where_).write(file());
  } catch (const InvalidInput&) {
    // A full or read-only disk costs only the time to measure again.
  }
}

}  // namespace rockmate
