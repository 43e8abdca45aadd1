#include <fmt/format.h>

#include "rockmate/error.h"
#include "rockmate/onnx.h"

namespace rockmate {
namespace {

struct LossName {
  OnnxLoss loss;
  std::string_view word;
};
constexpr LossName kLosses[] = {{OnnxLoss::kAutomatic, "auto"},
                                {OnnxLoss::kCrossEntropy, "cross-entropy"},
                                {OnnxLoss::kMeanSquaredError, "mse"},
                                {OnnxLoss::kBinaryCrossEntropy, "bce"},
                                {OnnxLoss::kNone, "none"}};

}  // namespace

std::string_view to_string(OnnxLoss loss) { return kLosses[static_cast<std::size_t>(loss)].word; }

OnnxLoss parse_onnx_loss(std::string_view word) {
  std::string known;
  for (const LossName& entry : kLosses) {
    if (entry.word == word) return entry.loss;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.word);
  }
  throw InvalidInput(fmt::format("unknown loss '{}', expected one of {}", word, known));
}

}  // namespace rockmate
