// The progress line needs a terminal: a pseudo terminal takes the place of standard error.
#include "cli/progress_line.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>

namespace rockmate::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Standard error is `replacement` while this lives.
class RedirectedError {
 public:
  explicit RedirectedError(int replacement) : saved_(dup(STDERR_FILENO)) {
    dup2(replacement, STDERR_FILENO);
  }
  ~RedirectedError() {
    dup2(saved_, STDERR_FILENO);
    close(saved_);
  }
  RedirectedError(const RedirectedError&) = delete;
  RedirectedError& operator=(const RedirectedError&) = delete;

 private:
  int saved_;
};

// What two quick reports leave on standard error, when it is `error` and can be read at `reader`.
std::string shown_on(int error, int reader) {
  {
    const RedirectedError redirected(error);
    ProgressLine line;
    line.show({"search", Seconds(1.25), 0.125, 0.0625});
    line.show({"too soon after the first", Seconds(1.25), 0.125, 0.0625});
  }
  // A terminal passes on what was written bit by bit: an end that can be recognised.
  const std::string end = "<end>";
  if (write(error, end.data(), end.size()) != static_cast<ssize_t>(end.size())) return "no end";
  std::string shown;
  std::array<char, 4096> buffer{};
  while (!shown.ends_with(end)) {
    const auto size = read(reader, buffer.data(), buffer.size());
    if (size <= 0) return shown + " and no end";
    shown.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return shown.substr(0, shown.size() - end.size());
}

TEST(ProgressLine, IsShownAndWipedOnATerminal) {
  const int reader = posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(reader, 0);
  ASSERT_EQ(grantpt(reader), 0);
  ASSERT_EQ(unlockpt(reader), 0);
  const int terminal = open(ptsname(reader), O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  const std::string shown = shown_on(terminal, reader);
  EXPECT_THAT(shown, HasSubstr("1.2 s  search  overhead 12.50 %  (at least 6.25 %)"));
  EXPECT_THAT(shown, ::testing::Not(HasSubstr("too soon")));
  EXPECT_THAT(shown, EndsWith("\r\033[K"));
  close(terminal);
  close(reader);
}

TEST(ProgressLine, IsSilentElsewhere) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  EXPECT_THAT(shown_on(ends[1], ends[0]), IsEmpty());
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace rockmate::cli
