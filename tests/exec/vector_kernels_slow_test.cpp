// The vector kernels as programs for a real Vector Engine: LLVM's compiler takes the same sources,
// with its own velintrin.h, and makes vector instructions of them. No more is claimed: they have
// not run on one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>
#include <set>

#include "support/files.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLlvm = "/usr/lib/llvm-19";

bool has_compiler() { return fs::exists(fs::path(kLlvm) / "bin/clang"); }

fs::path vector_sources() { return testing::source_dir() / "src/exec/vector"; }

// What a command writes; it has to succeed.
std::string output_of(const std::string& command, const fs::path& folder) {
  const fs::path log = folder / "log";
  const int status = std::system(fmt::format("{} > {} 2>&1", command, log.string()).c_str());
  const std::string text = testing::read_text(log);
  EXPECT_EQ(status, 0) << command << "\n" << text.substr(0, 2000);
  return text;
}

std::set<std::string> names_in(const std::string& text) {
  static const std::regex name(R"(\b_vel_[a-z0-9]+(_[a-zA-Z0-9]+)*)");
  std::set<std::string> found;
  for (std::sregex_iterator i(text.begin(), text.end(), name), end; i != end; ++i) {
    found.insert(i->str());
  }
  return found;
}

class VectorPrograms : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_compiler()) GTEST_SKIP() << "no clang-19 with the target ve-linux";
  }
  testing::TemporaryFolder folder_;
};

class VectorProgram : public VectorPrograms, public ::testing::WithParamInterface<const char*> {};

TEST_P(VectorProgram, CompilesToVectorInstructions) {
  const fs::path source = vector_sources() / "kernels" / (std::string(GetParam()) + ".cpp");
  const fs::path object = folder_.path() / "kernel.o";
  output_of(fmt::format("{}/bin/clang++ --target=ve-linux -std=c++20 -O3 -ffreestanding "
                        "-fno-exceptions -Wall -Werror -I{} -c {} -o {}",
                        kLlvm, (testing::source_dir() / "src").string(), source.string(),
                        object.string()),
            folder_.path());
  const std::string code =
      output_of(fmt::format("{}/bin/llvm-objdump -d {}", kLlvm, object.string()), folder_.path());
  static const std::regex vector_instruction(R"(\t(p?v[a-z0-9.]+|lvl)\s+%)");
  const auto count = std::distance(
      std::sregex_iterator(code.begin(), code.end(), vector_instruction), std::sregex_iterator());
  EXPECT_GT(count, 20);
  const std::string kernel = GetParam();
  if (kernel == "convolution" || kernel == "product") {
    EXPECT_THAT(code, ::testing::HasSubstr("pvfmad")) << "packed fused steps";
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, VectorProgram,
                         ::testing::Values("chain", "convolution", "elements", "lines", "map",
                                           "norm", "pooling", "product", "reduction", "resize",
                                           "strided"),
                         [](const auto& kernel) { return std::string(kernel.param); });

TEST_F(VectorPrograms, AllStandInTheListAbove) {
  std::size_t sources = 0;
  for (const auto& entry : fs::directory_iterator(vector_sources() / "kernels")) {
    if (entry.path().extension() == ".cpp") ++sources;
  }
  EXPECT_EQ(sources, 11u);
}

TEST_F(VectorPrograms, UseIntrinsicsThatLlvmHasToo) {
  const fs::path headers = fs::path(kLlvm) / "lib/clang/19/include";
  std::set<std::string> known;
  for (const char* file : {"velintrin.h", "velintrin_gen.h", "velintrin_approx.h"}) {
    known.merge(names_in(testing::read_text(headers / file)));
  }
  ASSERT_GT(known.size(), 1000u);
  const std::string shim = output_of(fmt::format("{}/bin/clang++ -E -P -std=c++20 -I{} {}", kLlvm,
                                                 (testing::source_dir() / "src").string(),
                                                 (vector_sources() / "shim/velintrin.h").string()),
                                     folder_.path());
  const std::set<std::string> ours = names_in(shim);
  EXPECT_GT(ours.size(), 100u);
  for (const std::string& name : ours) {
    EXPECT_TRUE(known.contains(name)) << name << " is no intrinsic of LLVM 19";
  }
}

}  // namespace
}  // namespace rockmate
