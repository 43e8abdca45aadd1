// The reader of checkpoints under random bytes, as they are and with a checksum that is right: it
// throws InvalidInput with one bounded line, or takes what the training would write itself.
#include <boost/crc.hpp>
#include <cstdint>
#include <string>

#include "fuzz/expect.h"
#include "rockmate/checkpoint.h"
#include "rockmate/graph_builder.h"
#include "rockmate/plan.h"

namespace {

rockmate::TrainingModel small_model() {
  rockmate::GraphBuilder b("small");
  b.loss(b.mse(b.linear(b.input("x", {2, 3}), 2), b.input("target", {2, 2})));
  rockmate::TrainingOptions options;
  options.workspace = rockmate::engine_workspace("reference", 1);
  return rockmate::make_training_model(std::move(b).build(), options);
}

std::string with_checksum(std::string bytes) {
  constexpr std::size_t kSum = 12, kChecked = 16;
  if (bytes.size() < kChecked) return bytes;
  boost::crc_32_type sum;
  sum.process_bytes(bytes.data() + kChecked, bytes.size() - kChecked);
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[kSum + i] = static_cast<char>(sum.checksum() >> (8 * i));
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rockmate;
  static const TrainingModel model = small_model();
  static const Plan plan = Rockmate::plan(model.graph, 1_MiB).value();
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string& content : {bytes, with_checksum(bytes)}) {
    Executor executor(model, plan, {.threads = 1});
    fuzz::guard([&] { load_checkpoint_bytes(executor, content, "input"); });
  }
  return 0;
}
