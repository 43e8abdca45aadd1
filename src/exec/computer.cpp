#include "exec/computer.h"

#include <fmt/format.h>

#include <fstream>

namespace rockmate {
namespace {

std::string_view widest_instructions() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512bw")) return "avx512";
  if (__builtin_cpu_supports("avx2")) return "avx2";
#endif
  return "baseline";
}

// The value of a line "key   : value" of the first processor; empty where there is none.
std::string processor_info(std::string_view key) {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line) && !line.empty();) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with(key) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

}  // namespace

// Virtual machines hide the name; family, model and stepping still tell processors apart.
std::string describe_computer() {
  const std::string name = processor_info("model name");
  std::string numbers;
  for (const char* key : {"cpu family", "model\t", "stepping"}) {
    const std::string number = processor_info(key);
    if (!number.empty()) numbers += (numbers.empty() ? "" : "-") + number;
  }
  return fmt::format("{} ({}), {}", name.empty() ? "unknown processor" : name, numbers,
                     widest_instructions());
}

}  // namespace rockmate
