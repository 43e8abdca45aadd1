// Where the user's system keeps what can be made again.
#pragma once

#include <filesystem>

namespace rockmate {

/// $XDG_CACHE_HOME/rockmate, else ~/.cache/rockmate; empty where neither is known.
[[nodiscard]] std::filesystem::path usual_cache_folder();

}  // namespace rockmate
