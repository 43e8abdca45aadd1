#include "rockmate/milp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "rockmate/error.h"
#include "support/files.h"
#include "support/milp_oracle.h"
#include "support/throws.h"

#ifdef ROCKMATE_WITH_GLPK
#include <glpk.h>
#endif

namespace rockmate {
namespace {

using ::testing::HasSubstr;

TEST(MilpModel, RefusesWhatIsNoModel) {
  MilpModel model;
  const VariableId x = model.add_binary("x");
  const auto refuses = [&](auto part, const std::string& message) {
    try {
      model.add(part);
      ADD_FAILURE() << "accepted: " << message;
    } catch (const InvalidInput& error) {
      EXPECT_THAT(error.what(), HasSubstr(message));
    }
  };
  refuses(Variable{"crossed", 2, 1, 0, false}, "variable 'crossed': bounds from 2 to 1");
  refuses(Variable{"nan", std::nan(""), 1, 0, false}, "variable 'nan'");
  refuses(Variable{"far", kInfinity, kInfinity, 0, false}, "no infinity on the wrong side");
  refuses(Variable{"dear", 0, 1, kInfinity, false}, "expected a finite number");
  refuses(Row{"crossed", 2, 1, {}}, "row 'crossed'");
  refuses(Row{"stranger", 0, 1, {{VariableId(7), 1}}}, "add variables first");
  refuses(Row{"twice", 0, 1, {{x, 1}, {x, 2}}}, "variable 'x' stands in it twice");
  refuses(Row{"nan", 0, 1, {{x, std::nan("")}}}, "coefficient nan of 'x'");
}

TEST(MilpModel, KnowsWhatIsFeasible) {
  MilpModel model;
  const VariableId n = model.add({"n", 0, 5, 2, true});
  const VariableId x = model.add({"x", -1, 1, -1, false});
  model.add(Row{"sum", 1, 4, {{n, 1}, {x, 1}}});
  EXPECT_TRUE(model.is_feasible({1, 0.5}));
  EXPECT_EQ(model.cost_of({1, 0.5}), 1.5);
  EXPECT_FALSE(model.is_feasible({1.5, 0.5}));  // not whole
  EXPECT_FALSE(model.is_feasible({1, 1.5}));    // beyond its bound
  EXPECT_FALSE(model.is_feasible({5, 0.5}));    // beyond the row
  EXPECT_FALSE(model.is_feasible({1}));
  EXPECT_TRUE(model.relaxed().is_feasible({1.5, 0.5}));
  EXPECT_FALSE(model.relaxed().has_integers());
}

TEST(MilpModel, IsWrittenAsLp) {
  MilpModel model;
  const VariableId n = model.add({"whole\nnumber", 0, 5, 2, true});
  const VariableId x = model.add({"x", -kInfinity, kInfinity, -0.25, false});
  model.add(Row{"range", 1, 4, {{n, 1}, {x, -1}}});
  model.add(Row{"fixed", 3, 3, {{x, 1.5}}});
  EXPECT_EQ(to_lp(model),
            "\\ x0: whole number\n\\ x1: x\n\\ r0: range\n\\ r1: fixed\n"
            "Minimize\n cost: +2 x0 -0.25 x1\n"
            "Subject To\n r0_low: +1 x0 -1 x1 >= 1\n r0_high: +1 x0 -1 x1 <= 4\n"
            " r1: +1.5 x1 = 3\n"
            "Bounds\n 0 <= x0 <= 5\n x1 free\nGeneral\n x0\nEnd\n");
}

#ifdef ROCKMATE_WITH_GLPK
TEST(MilpModel, MeansTheSameToAReaderOfLpFiles) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "model.lp";
  glp_term_out(GLP_OFF);
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const MilpModel model =
        testing::random_milp(seed, {.integers = 3, .reals = static_cast<int>(seed % 3)});
    testing::write_text(file, to_lp(model));
    glp_prob* const problem = glp_create_prob();
    ASSERT_EQ(glp_read_lp(problem, nullptr, file.c_str()), 0) << to_lp(model);
    glp_iocp control;
    glp_init_iocp(&control);
    control.presolve = GLP_ON;
    const int code = glp_intopt(problem, &control);
    const auto least = testing::least_cost(model);
    EXPECT_EQ(code == 0 && glp_mip_status(problem) == GLP_OPT, least.has_value()) << to_lp(model);
    if (least) {
      EXPECT_NEAR(glp_mip_obj_val(problem), *least, 1e-6) << to_lp(model);
    }
    glp_delete_prob(problem);
  }
}
#endif

TEST(Solver, NamesAreRead) {
  EXPECT_EQ(parse_solver("cbc"), Solver::kCbc);
  EXPECT_EQ(to_string(Solver::kGlpk), "glpk");
  EXPECT_THROW(static_cast<void>(parse_solver("cplex")), InvalidInput);
  for (const Solver solver : linked_solvers()) EXPECT_EQ(make_solver(solver)->name(), solver);
}

}  // namespace
}  // namespace rockmate
