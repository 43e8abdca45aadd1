// The verbs of the command. Each adds its options to the command line and, once it has been chosen,
// leaves its work in `task`; it neither prints errors nor exits, `main` does.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace rockmate::cli {

enum ExitCode : int {
  kDone = 0,
  kNo = 1,         ///< no plan within the budget; the plan breaks a rule
  kUnusable = 2,   ///< wrong usage or unreadable input
  kOurMistake = 3  ///< a bug of rockmate
};

using Task = std::function<ExitCode()>;

void add_plan(CLI::App& app, Task& task);
void add_curve(CLI::App& app, Task& task);
void add_verify(CLI::App& app, Task& task);
void add_inspect(CLI::App& app, Task& task);
void add_train(CLI::App& app, Task& task);
void add_profile(CLI::App& app, Task& task);
void add_run(CLI::App& app, Task& task);
void add_pipeline(CLI::App& app, Task& task);

}  // namespace rockmate::cli
