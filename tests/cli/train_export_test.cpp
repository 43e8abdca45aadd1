// Trained weights in ONNX files: what PyTorch trains from the same start on the same data, what
// ONNX's own checker says, and what we read back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "support/files.h"
#include "support/onnx_model.h"
#include "support/run_command.h"

#ifdef ROCKMATE_WITH_ONNX
namespace rockmate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::run_rockmate;

using Arguments = std::vector<std::string>;

// Made by scripts/make_trained_golden.py.
const fs::path kGolden = testing::source_dir() / "tests/goldens/trained";

class TrainExport : public ::testing::Test {
 protected:
  [[nodiscard]] json train(const fs::path& model, const Arguments& more) const {
    Arguments all = {"train",          model.string(),
                     "--data",         kGolden.string(),
                     "--optimizer",    "adam",
                     "--lr",           "0.02",
                     "--clip-norm",    "0.6",
                     "--weight-decay", "0.05",
                     "--schedule",     "cosine:20",
                     "--warm-up",      "4",
                     "--budget",       "120%",
                     "--work-limit",   "100",
                     "--eval-data",    kGolden.string(),
                     "--json"};
    all.insert(all.end(), more.begin(), more.end());
    const testing::Outcome outcome = run_rockmate(all);
    EXPECT_EQ(outcome.exit, 0) << outcome.err;
    return outcome.exit == 0 ? json::parse(outcome.out) : json();
  }
  [[nodiscard]] static std::map<std::string, std::vector<float>> initializers(
      const fs::path& file) {
    onnx::ModelProto proto;
    EXPECT_TRUE(proto.ParseFromString(testing::read_text(file)));
    std::map<std::string, std::vector<float>> found;
    for (const auto& tensor : proto.graph().initializer()) {
      std::vector<float>& elements = found[tensor.name()];
      elements.resize(tensor.raw_data().size() / sizeof(float));
      std::memcpy(elements.data(), tensor.raw_data().data(), tensor.raw_data().size());
    }
    return found;
  }

  testing::TemporaryFolder folder_;
  const fs::path trained_ = folder_.path() / "trained.onnx";
};

TEST_F(TrainExport, LearnsWhatPyTorchLearns) {
  const json golden = json::parse(testing::read_text(kGolden / "trained.json"));
  const json figures =
      train(kGolden / "start.onnx", {"--steps", "20", "--export", trained_.string()});
  EXPECT_NEAR(figures["evaluations"].back()["loss"], golden["loss"], 1e-5);
  const auto found = initializers(trained_);
  EXPECT_EQ(found.size(), golden["tensors"].size());
  for (const auto& [name, elements] : golden["tensors"].items()) {
    ASSERT_TRUE(found.contains(name)) << name;
    ASSERT_EQ(found.at(name).size(), elements.size()) << name;
    for (std::size_t e = 0; e < elements.size(); ++e) {
      EXPECT_NEAR(found.at(name)[e], elements[e], 2e-5) << name << ", element " << e;
    }
  }
}

TEST_F(TrainExport, IsReadBackWithTheSameLoss) {
  const json first = train(kGolden / "start.onnx", {"--steps", "5", "--export", trained_.string()});
  const json again = train(trained_, {"--steps", "0"});
  EXPECT_EQ(again["evaluations"][0]["loss"], first["evaluations"].back()["loss"]);
}

TEST_F(TrainExport, IsReadyForUse) {
  static_cast<void>(train(kGolden / "start.onnx", {"--steps", "1", "--export", trained_.string()}));
  onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(testing::read_text(trained_)));
  EXPECT_EQ(proto.graph().input_size(), 1) << "weights are no inputs any more";
  for (const auto& node : proto.graph().node()) {
    if (node.op_type() != "BatchNormalization") continue;
    EXPECT_EQ(node.output_size(), 1);
    for (const auto& attribute : node.attribute()) {
      EXPECT_FALSE(attribute.name() == "training_mode" && attribute.i() != 0);
    }
  }
}

TEST_F(TrainExport, SatisfiesTheCheckerOfOnnx) {
  std::string python;
  for (const char* candidate : {"python3", "/usr/bin/python3"}) {
    const std::string line = std::string(candidate) + " -c 'import onnx.checker'";
    if (testing::run_shell(line).exit == 0) python = candidate;
  }
  if (python.empty()) GTEST_SKIP() << "python3-onnx is not installed";
  static_cast<void>(train(kGolden / "start.onnx", {"--steps", "1", "--export", trained_.string()}));
  const auto outcome =
      testing::run_shell(python + " -c 'import onnx, sys\nm = onnx.load(sys.argv[1])\n" +
                         "onnx.checker.check_model(m, full_check=True)' " + trained_.string());
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
}

TEST_F(TrainExport, TheModelItselfIsNotOverwritten) {
  const fs::path model = folder_.path() / "model.onnx";
  fs::copy_file(kGolden / "start.onnx", model);
  const auto outcome =
      run_rockmate({"train", model.string(), "--budget", "100%", "--export", model.string()});
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("would be overwritten"));
}

}  // namespace
}  // namespace rockmate
#endif
