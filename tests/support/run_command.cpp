#include "support/run_command.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>

#include "support/files.h"

namespace rockmate::testing {
namespace fs = std::filesystem;
namespace {

std::string quoted(const std::string& argument) {
  std::string text = "'";
  for (const char c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

fs::path rockmate_command() { return fs::path(ROCKMATE_BUILD_DIR) / "rockmate"; }

Outcome run_shell(const std::string& line, const RunOptions& options) {
  const TemporaryFolder folder;
  const fs::path out = folder.path() / "out", err = folder.path() / "err";
  const fs::path script = folder.path() / "script";
  write_text(script, line + "\n");
  const fs::path where = options.folder.empty() ? fs::current_path() : options.folder;
  const std::string command =
      fmt::format("cd {} && PATH={}:$PATH timeout -s KILL {} sh {} >{} 2>{} </dev/null",
                  quoted(where), quoted(rockmate_command().parent_path()), options.seconds,
                  quoted(script), quoted(out), quoted(err));
  const int status = std::system(command.c_str());
  Outcome outcome;
  outcome.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.out = read_text(out);
  outcome.err = read_text(err);
  return outcome;
}

Outcome run_rockmate(const std::vector<std::string>& arguments, const RunOptions& options) {
  std::string line = "rockmate";
  for (const std::string& argument : arguments) line += fmt::format(" {}", quoted(argument));
  return run_shell(fmt::format("{} {}", line, options.suffix), options);
}

}  // namespace rockmate::testing
