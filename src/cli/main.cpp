// The command `rockmate`: parses the command line, runs one verb, and turns what went wrong into
// one line on standard error and an exit code.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>

#include "cli/console.h"
#include "cli/suggest.h"
#include "cli/verbs.h"
#include "rockmate/error.h"

namespace rockmate::cli {
namespace {

ExitCode fail(ExitCode code, std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  print_error(fmt::format("rockmate: {}\n", message));
  return code;
}

std::vector<std::string> known_options(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> known_verbs(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands(nullptr)) names.push_back(verb->get_name());
  return names;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const auto meant = suggest(word, known);
  return meant ? fmt::format("; did you mean {}?", *meant) : "";
}

// What was not understood, in the words of the user.
std::string explain_usage(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const CLI::App& verb = chosen.empty() ? app : *chosen.front();
  const std::string help =
      fmt::format(" (see rockmate {}--help)", chosen.empty() ? "" : verb.get_name() + " ");
  const std::vector<std::string> extras = app.remaining(true);
  if (extras.empty() && chosen.empty()) {
    return fmt::format("a verb is needed: {}{}", fmt::join(known_verbs(app), ", "), help);
  }
  if (extras.empty()) return error.what() + help;
  const std::string word = extras.front().substr(0, extras.front().find('='));
  if (word.starts_with('-')) {
    return fmt::format("unknown option {}{}{}", word, did_you_mean(word, known_options(verb)),
                       help);
  }
  if (chosen.empty()) {
    return fmt::format("unknown verb '{}'{}{}", word, did_you_mean(word, known_verbs(app)), help);
  }
  return fmt::format("'{}' is one argument too many{}", word, help);
}

ExitCode run(int argc, char** argv) {
  CLI::App app(
      "Finds out what a neural network must keep, forget and compute again so that its "
      "training fits into the memory you have.",
      "rockmate");
  app.footer(
      "Example: rockmate plan graphs/measured/gpt2_8l.json --budget 60%\n"
      "Exit codes: 0 done; 1 no plan within the budget, or the plan is not valid; "
      "2 wrong usage or unreadable input; 3 a bug of rockmate.");
  app.set_version_flag("--version", "rockmate " ROCKMATE_VERSION);
  app.require_subcommand(1);
  Task task;
  add_plan(app, task);
  add_curve(app, task);
  add_verify(app, task);
  add_inspect(app, task);
  add_train(app, task);
  add_profile(app, task);
  add_run(app, task);
  add_pipeline(app, task);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return fail(kUnusable, explain_usage(app, error));
    std::ostringstream text;  // --help, --version
    app.exit(error, text, text);
    print(text.str());
    return kDone;
  }
  return task();
}

ExitCode run_guarded(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const InvalidInput& error) {
    return fail(kUnusable, error.what());
  } catch (const std::bad_alloc&) {
    return fail(kUnusable, "not enough memory for this input");
  } catch (const std::exception& error) {
    return fail(kOurMistake, fmt::format("a bug of rockmate, please report it: {}", error.what()));
  }
}

}  // namespace
}  // namespace rockmate::cli

int main(int argc, char** argv) {
  rockmate::cli::prepare_streams();
  return rockmate::cli::run_guarded(argc, argv);
}
