// Trains a small network in the least memory for which a plan is found.
#include <rockmate/rockmate.h>

#include <iostream>

int main() {
  rockmate::GraphBuilder b("small-net");
  rockmate::TensorId x = b.input("image", {16, 3, 32, 32});
  const auto target = b.input("target", {16}, rockmate::DType::kInt64);
  for (const int channels : {8, 16, 32}) {
    x = b.max_pool(b.relu(b.batch_norm(b.conv(x, channels, {3}, {.padding = {1}}))), {2});
  }
  b.loss(b.cross_entropy(b.linear(b.dropout(b.flatten(x), 0.1), 10), target));

  rockmate::TrainingOptions options;
  options.optimizer = rockmate::OptimizerKind::kAdam;
  options.learning_rate = 1e-3;
  rockmate::aim_at_engine(options, "cpu");
  const auto model = rockmate::make_training_model(std::move(b).build(), options);
  const auto plan = Rockmate::plan(model.graph, rockmate::Budget::minimum());
  if (!plan) {
    std::cerr << plan.error() << "\n";
    return 1;
  }

  rockmate::Executor executor(model, *plan, {.engine = "cpu", .seed = 1});
  const std::vector<std::int64_t> classes(16, 3);
  executor.set<std::int64_t>("target", classes);  // the images are made up, anew in every step
  for (int step = 0; step < 5; ++step) {
    const rockmate::StepReport report = executor.step();
    std::cout << "loss " << report.loss << ", " << report.measured << " of " << plan->needed()
              << "\n";
  }
}
