#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/atomic_file.h"
#include "base/input_file.h"
#include "support/throws.h"

namespace rockmate {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "rockmate-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
  fs::path folder_;
};

TEST_F(Files, WrittenFileIsReadBack) {
  const std::string content("a\0b\n\xff", 5);
  write_file_atomically(folder_ / "f", content);
  EXPECT_EQ(read_file(folder_ / "f", 100), content);
  write_file_atomically(folder_ / "f", "");
  EXPECT_EQ(read_file(folder_ / "f", 100), "");
  EXPECT_THAT(names(), ::testing::ElementsAre("f")) << "no temporary file is left";
}

TEST_F(Files, AnOpenReaderKeepsTheOldContent) {
  write_file_atomically(folder_ / "f", "old");
  std::ifstream reader(folder_ / "f");
  write_file_atomically(folder_ / "f", "new");
  std::string seen;
  reader >> seen;
  EXPECT_EQ(seen, "old") << "the file was replaced, not overwritten";
}

TEST_F(Files, APermissionOfAnExistingFileStays) {
  write_file_atomically(folder_ / "f", "old");
  fs::permissions(folder_ / "f", fs::perms::owner_read | fs::perms::owner_write);
  write_file_atomically(folder_ / "f", "new");
  EXPECT_EQ(fs::status(folder_ / "f").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Files, ALinkIsFollowed) {
  write_file_atomically(folder_ / "target", "old");
  fs::create_symlink("target", folder_ / "link");
  write_file_atomically(folder_ / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(read_file(folder_ / "target", 100), "new");
}

TEST_F(Files, ADeviceIsWrittenToAndNotReplaced) {
  write_file_atomically("/dev/null", "content");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(Files, AFailedWriteSaysWhyAndLeavesNothing) {
  EXPECT_THAT(message_of([&] { write_file_atomically(folder_ / "no" / "f", "x"); }),
              HasSubstr("no/f: cannot be written: No such file or directory"));
  EXPECT_THAT(message_of([&] { write_file_atomically(folder_, "x"); }),
              HasSubstr("cannot be written: Is a directory"));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(Files, AFullDiskIsReported) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  EXPECT_THAT(message_of([] { write_file_atomically("/dev/full", "x"); }),
              HasSubstr("/dev/full: cannot be written: No space left on device"));
}

TEST_F(Files, UnreadableFilesAreNamed) {
  EXPECT_THAT(message_of([&] { (void)read_file(folder_ / "f", 1); }),
              HasSubstr("f: cannot be opened: No such file or directory"));
  EXPECT_THAT(message_of([&] { (void)read_file(folder_, 1); }),
              HasSubstr("found a folder, expected a file"));
  EXPECT_THAT(message_of([&] { (void)read_file(folder_ / "a\nb", 1); }), HasSubstr("a\\nb: "));
}

TEST_F(Files, TheLargestFileIsRead) {
  write_file_atomically(folder_ / "f", "1234");
  EXPECT_EQ(read_file(folder_ / "f", 4), "1234");
  EXPECT_THAT(message_of([&] { (void)read_file(folder_ / "f", 3); }),
              HasSubstr("f: the file is larger than 3 bytes"));
}

TEST_F(Files, AnEndlessFileIsCutOff) {
  EXPECT_THAT(message_of([] { (void)read_file("/dev/zero", 1000); }),
              HasSubstr("/dev/zero: the file is larger than 1000 bytes"));
}

}  // namespace
}  // namespace rockmate
