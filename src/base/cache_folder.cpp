#include "base/cache_folder.h"

#include <cstdlib>

namespace rockmate {

std::filesystem::path usual_cache_folder() {
  const auto folder = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);
    return value != nullptr && value[0] == '/' ? value : "";
  };
  if (const auto cache = folder("XDG_CACHE_HOME"); !cache.empty()) return cache / "rockmate";
  if (const auto home = folder("HOME"); !home.empty()) return home / ".cache" / "rockmate";
  return {};
}

}  // namespace rockmate
