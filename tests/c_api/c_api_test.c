/* The C interface from C: a program of its own, whose exit code counts what was not as it should
 * be. */
#include <rockmate/c_api.h>
#include <stdio.h>
#include <string.h>

static int failures = 0;

static void expect(int condition, const char* what, const char* found) {
  if (condition) return;
  ++failures;
  fprintf(stderr, "expected: %s; found: %s\n", what, found);
}

static const char* const kGraph =
    "{\"format\": \"rockmate.graph/1\", \"name\": \"tiny\", \"values\": ["
    "{\"name\": \"x\", \"bytes\": 64, \"kind\": \"input\"}, {\"name\": \"a\", \"bytes\": 640},"
    "{\"name\": \"b\", \"bytes\": 640}, {\"name\": \"c\", \"bytes\": 64},"
    "{\"name\": \"d\", \"bytes\": 64}], \"ops\": ["
    "{\"name\": \"A\", \"seconds\": 1, \"inputs\": [\"x\"], \"outputs\": [\"a\"]},"
    "{\"name\": \"C\", \"seconds\": 1, \"inputs\": [\"a\"], \"outputs\": [\"c\"]},"
    "{\"name\": \"B\", \"seconds\": 1, \"inputs\": [\"c\"], \"outputs\": [\"b\"]},"
    "{\"name\": \"D\", \"seconds\": 1, \"inputs\": [\"b\"], \"outputs\": [\"d\"]},"
    "{\"name\": \"E\", \"phase\": \"backward\", \"seconds\": 1, \"inputs\": [\"d\", \"a\"]}]}";

static void plan_and_verify(const char* budget) {
  rockmate_plan_options options;
  rockmate_result* plan = NULL;
  rockmate_result* verdict = NULL;
  memset(&options, 0, sizeof(options));
  options.size = sizeof(options);
  options.threads = 1;
  options.work_limit = 1000;
  expect(rockmate_plan(kGraph, strlen(kGraph), budget, &options, &plan) == ROCKMATE_OK, "a plan",
         rockmate_result_text(plan));
  expect(strstr(rockmate_result_text(plan), "rockmate.plan/1") != NULL, "a plan's text",
         rockmate_result_text(plan));
  expect(rockmate_result_size(plan) == strlen(rockmate_result_text(plan)), "its size", "another");
  expect(rockmate_result_bytes(plan) > 0, "the bytes that it needs", "none");
  expect(rockmate_verify(kGraph, strlen(kGraph), rockmate_result_text(plan),
                         rockmate_result_size(plan), budget, &verdict) == ROCKMATE_OK,
         "a valid plan", rockmate_result_text(verdict));
  rockmate_result_free(verdict);
  expect(rockmate_verify(kGraph, strlen(kGraph), rockmate_result_text(plan),
                         rockmate_result_size(plan), "100", &verdict) == ROCKMATE_NO,
         "a plan above 100 bytes", rockmate_result_text(verdict));
  expect(strlen(rockmate_result_text(verdict)) > 0, "the broken rule", "nothing");
  rockmate_result_free(verdict);
  rockmate_result_free(plan);
}

static void expect_refused(rockmate_status status, const char* graph, const char* budget,
                           const rockmate_plan_options* options, const char* words) {
  rockmate_result* result = NULL;
  const size_t size = graph == NULL ? 0 : strlen(graph);
  const rockmate_status found = rockmate_plan(graph, size, budget, options, &result);
  expect(found == status, words, rockmate_result_text(result));
  expect(strstr(rockmate_result_text(result), words) != NULL, words, rockmate_result_text(result));
  rockmate_result_free(result);
}

int main(void) {
  rockmate_plan_options wrong;
  rockmate_result* none = NULL;
  expect(strchr(rockmate_version(), '.') != NULL, "a version", rockmate_version());
  plan_and_verify("100%");
  plan_and_verify("min");
  expect_refused(ROCKMATE_NO, kGraph, "100", NULL, "no plan");
  expect_refused(ROCKMATE_INVALID, "{", "100", NULL, "graph");
  expect_refused(ROCKMATE_INVALID, NULL, "100", NULL, "NULL");
  expect_refused(ROCKMATE_INVALID, kGraph, NULL, NULL, "NULL");
  expect_refused(ROCKMATE_INVALID, kGraph, "much", NULL, "budget");
  memset(&wrong, 0, sizeof(wrong));
  expect_refused(ROCKMATE_INVALID, kGraph, "min", &wrong, "options of 0 bytes");
  wrong.size = sizeof(wrong);
  wrong.planner = "oracle";
  expect_refused(ROCKMATE_INVALID, kGraph, "min", &wrong, "oracle");
  wrong.planner = NULL;
  wrong.time_limit = -1;
  expect_refused(ROCKMATE_INVALID, kGraph, "min", &wrong, "time limit");
  expect(rockmate_plan(kGraph, strlen(kGraph), "100", NULL, NULL) == ROCKMATE_INVALID,
         "no place for a result", "another status");
  expect(rockmate_result_bytes(none) == -1 && rockmate_result_size(none) == 0, "nothing of NULL",
         "something");
  rockmate_result_free(none);
  return failures;
}
