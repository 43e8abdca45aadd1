// What is kept comes back whole or not at all, and a folder does not grow without end.

#include "base/kept_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

namespace rockmate {
namespace {

namespace fs = std::filesystem;

class KeptFilesTest : public ::testing::Test {
 protected:
  KeptFilesTest() : folder_(fs::path(::testing::TempDir()) / ("kept-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
  }
  ~KeptFilesTest() override { fs::remove_all(folder_); }

  static void age(const fs::path& file, int hours) {
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(hours));
  }

  fs::path folder_;
};

TEST_F(KeptFilesTest, GiveBackWhatWasKeptBehindTheSameHead) {
  const KeptFiles files(folder_ / "made" / "on demand", ".kind", 1000);
  EXPECT_EQ(files.find("a", "head 1\n"), std::nullopt);
  files.keep("a", "head 1\n", "content\n");
  EXPECT_EQ(files.find("a", "head 1\n"), "content\n");
  EXPECT_EQ(files.find("a", "head 2\n"), std::nullopt);
  EXPECT_EQ(files.find("b", "head 1\n"), std::nullopt);
}

TEST_F(KeptFilesTest, RecogniseEveryTruncationAndEveryFlippedByte) {
  const std::string text = sealed("head\n", "some content\nin two lines\n");
  EXPECT_EQ(unsealed(text, "head\n"), "some content\nin two lines\n");
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(unsealed(text.substr(0, size), "head\n"), std::nullopt) << "cut at " << size;
    std::string flipped = text;
    flipped[size] = static_cast<char>(flipped[size] ^ 1);
    EXPECT_EQ(unsealed(flipped, "head\n"), std::nullopt) << "flipped at " << size;
  }
}

TEST_F(KeptFilesTest, DropThoseThatNobodyHasUsedForLongest) {
  const KeptFiles files(folder_, ".kind", 600);
  const std::string content(150, 'x');  // three files fit, four do not
  std::ofstream(folder_ / "other").close();
  for (const char* name : {"a", "b", "c"}) files.keep(name, "h", content);
  age(files.file("a"), 3);
  age(files.file("b"), 2);
  age(files.file("c"), 1);
  EXPECT_TRUE(files.find("a", "h").has_value());  // used just now
  files.keep("d", "h", content);
  EXPECT_TRUE(files.find("a", "h").has_value());
  EXPECT_FALSE(files.find("b", "h").has_value());
  EXPECT_TRUE(files.find("c", "h").has_value());
  EXPECT_TRUE(files.find("d", "h").has_value());
}

TEST_F(KeptFilesTest, LeaveFilesOfOtherKindsAlone) {
  const KeptFiles files(folder_, ".kind", 300), others(folder_, ".other", 300);
  others.keep("a", "h", std::string(200, 'x'));
  for (const char* name : {"b", "c", "d"}) files.keep(name, "h", std::string(200, 'x'));
  EXPECT_TRUE(others.find("a", "h").has_value());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2);
}

TEST_F(KeptFilesTest, DoNotKeepWhatIsTooLarge) {
  const KeptFiles files(folder_, ".kind", 100);
  files.keep("a", "h", std::string(100, 'x'));
  EXPECT_FALSE(fs::exists(files.file("a")));
}

TEST_F(KeptFilesTest, DoWithoutAFolder) {
  fs::create_directories(folder_);
  std::ofstream(folder_ / "file") << "not a folder";
  const KeptFiles files(folder_ / "file", ".kind", 100);
  files.keep("a", "h", "x");
  EXPECT_FALSE(files.find("a", "h").has_value());
}

TEST_F(KeptFilesTest, AreWrittenAndDroppedByManyAtOnce) {
  const std::string content(100, 'x');
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      const KeptFiles files(folder_, ".kind", 600);
      for (int k = 0; k < 40; ++k) {
        const std::string name = std::to_string((writer + k) % 8);
        files.keep(name, "h", content);
        const auto found = files.find(name, "h");
        EXPECT_TRUE(!found || *found == content);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_LE(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 5);
}

}  // namespace
}  // namespace rockmate
