// Runs the real command `rockmate` as its users do, and says what came out.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace rockmate::testing {

struct Outcome {
  int exit = -1;    ///< the exit code; 128 + the signal that ended it
  std::string out;  ///< standard output
  std::string err;  ///< standard error
};

struct RunOptions {
  std::filesystem::path folder = {};  ///< where it runs; empty: here
  std::string suffix = {};            ///< appended to the line: redirections, pipes
  int seconds = 60;                   ///< after which it is killed
};

/// The path of the command.
[[nodiscard]] std::filesystem::path rockmate_command();

/// Runs a line of shell in which `rockmate` is the command; the environment is ours.
[[nodiscard]] Outcome run_shell(const std::string& line, const RunOptions& options = {});

/// Runs `rockmate` with the arguments, each quoted for the shell.
[[nodiscard]] Outcome run_rockmate(const std::vector<std::string>& arguments,
                                   const RunOptions& options = {});

}  // namespace rockmate::testing
