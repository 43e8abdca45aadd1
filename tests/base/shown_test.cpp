#include "base/shown.h"

#include <gtest/gtest.h>

namespace rockmate {
namespace {

TEST(Shown, LeavesPrintableTextAlone) {
  EXPECT_EQ(shown("layer.3 'a' \"b\""), "layer.3 'a' \"b\"");
  EXPECT_EQ(shown("Größe 大 🙂"), "Größe 大 🙂");
}

TEST(Shown, EscapesWhatWouldBreakALineOrATerminal) {
  EXPECT_EQ(shown("a\nb\tc"), "a\\nb\\tc");
  EXPECT_EQ(shown(std::string_view("\0\x1b[2J\x7f", 6)), "\\x00\\x1b[2J\\x7f");
  EXPECT_EQ(shown("\u2028"), "\\xe2\\x80\\xa8");
  EXPECT_EQ(shown("\u0085"), "\\xc2\\x85");
}

TEST(Shown, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(shown("\xff"), "\\xff");
  EXPECT_EQ(shown("\xc0\xaf"), "\\xc0\\xaf") << "an overlong form";
  EXPECT_EQ(shown("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(shown("\xe5\xa4"), "\\xe5\\xa4") << "cut within a character";
}

TEST(Shown, CutsLongTextAtACharacter) {
  EXPECT_EQ(shown("abcdef", 6), "abcdef");
  EXPECT_EQ(shown("abcdefg", 6), "abcdef...");
  EXPECT_EQ(shown("abcdeé", 6), "abcde...");
}

}  // namespace
}  // namespace rockmate
