/* Planning for other languages: a training graph goes in, a plan comes out, both as JSON text
 * (rockmate.graph/1 and rockmate.plan/1, docs/formats.md). This is C99, and what is declared here
 * stays as it is: later versions add functions, and fields at the end of structures.
 *
 *   rockmate_result* result = NULL;
 *   if (rockmate_plan(graph, strlen(graph), "60%", NULL, &result) == ROCKMATE_OK) {
 *     use_plan(rockmate_result_text(result));
 *   } else {
 *     fprintf(stderr, "%s\n", rockmate_result_text(result));
 *   }
 *   rockmate_result_free(result);
 *
 * No exception leaves these functions, and nothing is printed. They may be called from several
 * threads at once. Whoever links the static library has to link the C++ runtime too. */
#ifndef ROCKMATE_C_API_H_
#define ROCKMATE_C_API_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The same numbers as the exit codes of the command. */
typedef enum rockmate_status {
  ROCKMATE_OK = 0,
  ROCKMATE_NO = 1,      /* no plan within the budget; the plan is not valid */
  ROCKMATE_INVALID = 2, /* a text or an argument that cannot be used */
  ROCKMATE_BUG = 3      /* ours; please report it */
} rockmate_status;

/* What came out of a call. */
typedef struct rockmate_result rockmate_result;

typedef struct rockmate_plan_options {
  size_t size; /* of this structure, as the caller knows it: sizeof(rockmate_plan_options) */
  const char* planner; /* "portfolio", "rockmate", "rotor", ...; NULL: the best that we know */
  double time_limit;   /* seconds; 0: no limit */
  uint64_t work_limit; /* steps of search: the same plan on any machine; 0: no limit */
  int32_t threads;     /* 0: all cores; never changes the plan */
  uint64_t seed;       /* of the search's random numbers */
} rockmate_plan_options;

/* "0.1.0" */
const char* rockmate_version(void);

/* Plans the graph within a budget: "2GiB", "1500MB", "123456", "60%" or "min". `options` may be
 * NULL. OK: the text is the plan. NO: it says why, and the smallest budget is known if one was
 * found. */
rockmate_status rockmate_plan(const char* graph, size_t graph_size, const char* budget,
                              const rockmate_plan_options* options, rockmate_result** result);

/* Judges a plan that anyone made; `budget` may be NULL. NO: the text is the rule that it breaks. */
rockmate_status rockmate_verify(const char* graph, size_t graph_size, const char* plan,
                                size_t plan_size, const char* budget, rockmate_result** result);

/* Ends in a zero; valid until the result is freed. "" of a NULL, which only memory that ran out
 * leaves behind. */
const char* rockmate_result_text(const rockmate_result* result);
/* Without the zero at the end. */
size_t rockmate_result_size(const rockmate_result* result);
/* The bytes that a plan needs, or the smallest budget for which one was found; -1: unknown. */
int64_t rockmate_result_bytes(const rockmate_result* result);
/* NULL is no error. */
void rockmate_result_free(rockmate_result* result);

#ifdef __cplusplus
}
#endif

#endif /* ROCKMATE_C_API_H_ */
