// What `profile` tells: time, arithmetic and memory traffic by kind of op. The keys of the JSON
// object are a promise to programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "rockmate/profile.h"

namespace rockmate::cli {

[[nodiscard]] std::string report(const std::string& model, const Profile& profile);
[[nodiscard]] nlohmann::ordered_json to_json(const Profile& profile);

}  // namespace rockmate::cli
