// The vector engine beyond the conformance suite: fused kernels, what happens to a kernel that goes
// astray, the same bits whatever the plan, and the numbers of the reference engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "exec/linked_device.h"
#include "exec/vector/grid.h"
#include "exec/vector/kernel.h"
#include "exec/vector/launchers.h"
#include "rockmate/error.h"
#include "rockmate/plan.h"
#include "rockmate/vector_engine.h"
#include "support/fused_examples.h"
#include "support/interpreter.h"
#include "support/random_plan.h"
#include "support/schedules.h"
#include "support/small_models.h"
#include "support/throws.h"
#include "support/training_run.h"

namespace rockmate {
namespace {

using ::testing::HasSubstr;

std::vector<float> draw(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> numbers(count);
  for (float& x : numbers) x = uniform(random);
  return numbers;
}

// Runs kernels on buffers of a test.
class Rig {
 public:
  template <class T>
  void give(const std::vector<T>& buffer, bool writable = false) {
    launcher_.allow(buffer.data(), Bytes(static_cast<std::int64_t>(buffer.size() * sizeof(T))),
                    writable);
  }
  template <class Arguments>
  void run(ve::Entry entry, const Arguments& arguments, long tasks) {
    launcher_.launch("a kernel", entry, &arguments, tasks);
  }

 private:
  vector::ExecutingLauncher launcher_{"an op", 2};
};

// A plain square image, with whatever the fields say.
ve::ConvArguments convolution(long batch, long in, long out, long size, long window) {
  ve::ConvArguments a = {};
  a.batch = batch;
  a.groups = 1;
  a.in = in;
  a.out = out;
  a.weight_in = window * window;
  a.weight_out = in * a.weight_in;
  a.block = 4;
  ve::Grid& grid = a.grid;
  grid.rank = 2;
  for (int d = 0; d < 2; ++d) {
    grid.counts[d] = grid.image[d] = grid.result[d] = size;
    grid.step[d] = grid.spacing[d] = 1;
    grid.taps[d] = {window, 0, d == 0 ? window : 1, -window / 2, 1};
  }
  grid.positions = grid.pixels = grid.results = size * size;
  grid.is_plain = true;
  vector::cut_into_chunks(grid, batch);
  return a;
}
long tasks_of(const ve::ConvArguments& a) {
  return vector::ceil_div(a.out, a.block * 2) * vector::chunk_count(a.grid, a.batch);
}

TEST(FusedKernels, ActivateWhatAConvolutionSums) {
  for (const long size : {5, 13, 20}) {
    const long batch = 3, in = 6, out = 9;
    const auto x = draw(static_cast<std::size_t>(batch * in * size * size), 1);
    const auto w = draw(static_cast<std::size_t>(out * in * 9), 2);
    const auto bias = draw(static_cast<std::size_t>(out), 3);
    std::vector<float> plain(static_cast<std::size_t>(batch * out * size * size));
    std::vector<float> relu(plain.size()), clip(plain.size());
    Rig rig;
    for (const auto* buffer : {&x, &w, &bias}) rig.give(*buffer);
    for (const auto* buffer : {&plain, &relu, &clip}) rig.give(*buffer, true);
    ve::ConvArguments a = convolution(batch, in, out, size, 3);
    a.x = x.data();
    a.weight = w.data();
    a.bias = bias.data();
    a.low = -0.25;
    a.high = 0.5;
    for (const auto& [epilogue, y] :
         {std::pair{ve::Epilogue::kNone, &plain}, std::pair{ve::Epilogue::kRelu, &relu},
          std::pair{ve::Epilogue::kClip, &clip}}) {
      a.epilogue = epilogue;
      a.y = y->data();
      rig.run(ve::ve_conv, a, tasks_of(a));
    }
    int negative = 0;
    for (std::size_t e = 0; e < plain.size(); ++e) {
      ASSERT_EQ(relu[e], std::max(plain[e], 0.0F)) << e;
      ASSERT_EQ(clip[e], std::clamp(plain[e], -0.25F, 0.5F)) << e;
      negative += plain[e] < 0 ? 1 : 0;
    }
    EXPECT_GT(negative, 10);
  }
}

// A network's end: a 1x1 convolution, a clamp, and the mean over all pixels; 13x13 as in
// SqueezeNet, and as many as take two registers.
void convolve_clamp_and_pool(long pixels, bool has_bias, double low, double high) {
  const long batch = 2, in = 37, out = 21;
  const auto x = draw(static_cast<std::size_t>(batch * in * pixels), 7);
  const auto w = draw(static_cast<std::size_t>(out * in), 8);
  const auto bias = draw(static_cast<std::size_t>(out), 9);
  std::vector<float> y(static_cast<std::size_t>(batch * out));
  Rig rig;
  for (const auto* buffer : {&x, &w, &bias}) rig.give(*buffer);
  rig.give(y, true);
  ve::ConvPoolArguments a = {};
  a.x = x.data();
  a.weight = w.data();
  a.bias = has_bias ? bias.data() : nullptr;
  a.y = y.data();
  a.batch = batch;
  a.in = in;
  a.out = out;
  a.pixels = pixels;
  a.low = low;
  a.high = high;
  rig.run(ve::ve_conv_pool, a, batch * vector::ceil_div(out, 16));
  for (long n = 0; n < batch; ++n) {
    for (long o = 0; o < out; ++o) {
      double sum = 0;
      for (long p = 0; p < pixels; ++p) {
        double value = has_bias ? bias[static_cast<std::size_t>(o)] : 0;
        for (long c = 0; c < in; ++c) {
          value += double{w[static_cast<std::size_t>(o * in + c)]} *
                   x[static_cast<std::size_t>((n * in + c) * pixels + p)];
        }
        sum += std::clamp(value, low, high);
      }
      EXPECT_NEAR(y[static_cast<std::size_t>(n * out + o)], sum / static_cast<double>(pixels), 1e-5)
          << pixels << " pixels";
    }
  }
}

TEST(FusedKernels, ConvolveClampAndPoolAtOnce) {
  for (const long pixels : {13 * 13, 300}) {
    for (const bool has_bias : {true, false}) {
      convolve_clamp_and_pool(pixels, has_bias, 0, std::numeric_limits<double>::infinity());
    }
    convolve_clamp_and_pool(pixels, true, -0.25, 0.5);
  }
}

// The kernels that a fused op of an example launches.
std::vector<std::string> launches_of(const std::string& example, const std::string& parts) {
  for (const testing::OpExample& each : testing::fused_examples()) {
    if (each.name != example) continue;
    const TrainingModel model = testing::fused(testing::example_model(each));
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      if (testing::parts_of(model.kernels[OpId(o)]) != parts) continue;
      std::vector<std::string> kernels;
      for (const auto& launch :
           model_launches(kernel_spec(model, OpId(o)), vector_device("ve20b"))) {
        kernels.push_back(launch.kernel);
      }
      return kernels;
    }
    std::string all;
    for (const Kernel& kernel : model.kernels) all += testing::parts_of(kernel) + "\n";
    ADD_FAILURE() << "no op of the parts " << parts << " among\n" << all;
  }
  return {};
}

TEST(FusedKernels, AreAsFewLaunchesAsCanBe) {
  using List = std::vector<std::string>;
  const List chain = {"ve_chain"};
  EXPECT_EQ(launches_of("batch_norm_relu", "batch_norm_apply relu"), chain);
  EXPECT_EQ(launches_of("batch_norm_add_relu", "batch_norm_apply add relu"), chain);
  EXPECT_EQ(launches_of("two_batch_norms_add_relu", "batch_norm_apply batch_norm_apply add relu"),
            chain);
  EXPECT_EQ(launches_of("batch_norm_relu", "batch_norm_apply relu_gradient batch_norm_gradient"),
            (List{"ve_norm_channels", "ve_norm_gradient"}));
  EXPECT_EQ(launches_of("conv_relu", "conv relu"), List{"ve_conv"});
  EXPECT_EQ(launches_of("linear_relu", "linear relu"), List{"ve_outer"});
  EXPECT_EQ(launches_of("long_linear_relu6", "linear clip"), List{"ve_dot"});
}

TEST(AstrayKernels, AreCaughtAndNamed) {
  const auto x = draw(1000, 1);
  std::vector<float> y(1000);
  Rig rig;
  rig.give(x);
  rig.give(y, true);
  ve::MapArguments a = {};
  a.function = ve::Function::kRelu;
  a.x = x.data();
  a.y = y.data();
  a.count = 1000;
  EXPECT_NO_THROW(rig.run(ve::ve_map, a, 1));
  const auto message = [&] {
    try {
      rig.run(ve::ve_map, a, 2);
    } catch (const InternalError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  a.count = 1100;
  EXPECT_THAT(message(), HasSubstr("op 'an op': kernel a kernel loads bytes"));
  a.count = 1000;
  a.y = y.data() + 1;
  EXPECT_THAT(message(), HasSubstr("stores to bytes"));
  a.y = const_cast<float*>(x.data());
  EXPECT_THAT(message(), HasSubstr("stores to bytes")) << "an input that is not updated";
}

TEST(VectorEngine, SaysWhatItHasNoKernelFor) {
  GraphBuilder b("half");
  const TensorId x = b.parameter("x", {4}, {}, DType::kFloat16);
  b.loss(b.reduce_sum(b.mul(x, x), {}, false));
  TrainingOptions options;
  options.workspace = [engine = std::shared_ptr<Engine>(make_vector_engine(1))](
                          const KernelSpec& spec) { return engine->workspace(spec); };
  const std::string message = testing::message_of(
      [&] { static_cast<void>(make_training_model(std::move(b).build(), options)); });
  EXPECT_THAT(message, HasSubstr("the vector engine has no kernel for elements of type float16"));
}

// The card's memory is the only one that its kernels take, and there is no more of it.
TEST(VectorEngine, WorksInTheMemoryOfItsCard) {
  const auto engine = make_vector_engine(1);
  GraphBuilder b("net");
  const TensorId x = b.parameter("x", {16});
  b.loss(b.reduce_sum(b.relu(x), {}, false));
  const TrainingModel model = make_training_model(std::move(b).build());
  const KernelSpec spec = kernel_spec(model, OpId(0));
  ASSERT_EQ(spec.kernel.kind, OpKind::kRelu);
  const auto kernel = engine->prepare(spec);
  const auto card = engine->memory(Bytes(192));
  ASSERT_NE(card, nullptr);
  std::vector<std::byte> host(192);
  const auto run = [&](std::byte* in, std::byte* out) {
    const TensorRef inputs[] = {{in, &spec.inputs[0]}};
    std::vector<TensorRef> outputs;
    for (const TensorType& type : spec.outputs) outputs.push_back({nullptr, &type});
    outputs[0].data = out;
    kernel->run({inputs, outputs, {}, 0, 0});
  };
  std::byte* const place = card->bytes().data();
  EXPECT_NO_THROW(run(place, place + 64));
  EXPECT_THAT(testing::message_of([&] { run(host.data(), place); }),
              HasSubstr("are not in the memory of the card"));
  EXPECT_THAT(testing::message_of([&] { run(place, host.data()); }),
              HasSubstr("are not in the memory of the card"));
  EXPECT_THAT(testing::message_of([&] { run(place, place + 160); }), HasSubstr("64 bytes at"))
      << "behind the end";
  EXPECT_THAT(
      testing::message_of([&] { static_cast<void>(engine->memory(Bytes(49'000'000'000))); }),
      HasSubstr("a smaller budget needs less"));
}

// Cards are as large as their makers say, whatever this computer has, and each engine has its own.
TEST(VectorEngine, HasTheCardThatItsNameStates) {
  const auto gigabytes = [](std::int64_t count) { return Bytes(count * 1'000'000'000); };
  const auto large = make_engine("vector:ve30b", 1);
  const auto first = large->memory(gigabytes(90));
  EXPECT_THAT(testing::message_of([&] { static_cast<void>(large->memory(gigabytes(7))); }),
              HasSubstr("the emulated card has"));
  const auto small = make_engine("vector:ve10b", 1);
  const auto second = small->memory(gigabytes(47));
  EXPECT_THAT(testing::message_of([&] { static_cast<void>(small->memory(gigabytes(2))); }),
              HasSubstr("the emulated card has"));
  second->bytes().back() = std::byte{1};  // the end is there, though little of it is touched
  std::array<std::byte, 4> host = {};
  const LinkedDevice* const device = linked_device(*small);
  ASSERT_NE(device, nullptr);
  device->copy_up(host, second->bytes().last(4));
  EXPECT_EQ(host[3], std::byte{1});
  EXPECT_EQ(device->traffic().up, Bytes(4));
  EXPECT_EQ(linked_device(*make_reference_engine(1)), nullptr);
  EXPECT_THAT(testing::message_of([&] { device->copy_up(host, first->bytes().first(4)); }),
              HasSubstr("not in the memory of the card"))
      << "of another card";
  EXPECT_THAT(testing::message_of([&] { static_cast<void>(make_engine("vector:ve9", 1)); }),
              HasSubstr("unknown vector engine 've9'"));
}

class VectorTraining : public ::testing::TestWithParam<std::size_t> {
 protected:
  const testing::NamedModel named_ = testing::small_models()[GetParam()];
  const TrainingModel model_ = testing::trainable(named_.graph, OptimizerKind::kAdam, Bytes(4096));
};

double number(const testing::Bits& bits) {
  float value;
  EXPECT_EQ(bits.size(), sizeof(value));
  std::memcpy(&value, bits.data(), sizeof(value));
  return value;
}

TEST_P(VectorTraining, HasTheBitsOfThePlainIterationOnAnySchedule) {
  constexpr std::size_t kSteps = 2;
  const auto plain =
      testing::train(model_, testing::plain_plan(model_), make_vector_engine(1), kSteps);
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    const Schedule schedule = testing::recomputed_schedule(model_.graph, seed);
    const auto found = testing::train(model_, testing::plan_of(model_.graph, schedule),
                                      make_vector_engine(2), kSteps);
    for (std::size_t step = 0; step < kSteps; ++step) {
      EXPECT_EQ(testing::difference(plain[step], found[step]), "") << "step " << step;
    }
  }
}

TEST_P(VectorTraining, HasTheLossesOfTheReferenceEngine) {
  const auto expected =
      testing::train(model_, testing::plain_plan(model_), make_reference_engine(1), 3);
  const auto found = testing::train(model_, testing::plain_plan(model_), make_vector_engine(1), 3);
  for (std::size_t step = 0; step < 3; ++step) {
    ASSERT_EQ(found[step].losses.size(), expected[step].losses.size());
    for (const auto& [name, bits] : expected[step].losses) {
      const double loss = number(bits);
      EXPECT_NEAR(number(found[step].losses.at(name)), loss, 1e-3 * std::max(1.0, std::abs(loss)));
    }
  }
}

// Fused ops: the same bits on any schedule, and the losses of the single ones.
TEST_P(VectorTraining, MayFuse) {
  const TrainingModel fused = testing::fused(named_.graph, OptimizerKind::kAdam, "vector");
  const auto plain = testing::train(fused, testing::plain_plan(fused), make_vector_engine(1), 2);
  const Schedule schedule = testing::recomputed_schedule(fused.graph, 3);
  const auto again =
      testing::train(fused, testing::plan_of(fused.graph, schedule), make_vector_engine(2), 2);
  const auto single = testing::train(model_, testing::plain_plan(model_), make_vector_engine(1), 2);
  for (std::size_t step = 0; step < 2; ++step) {
    EXPECT_EQ(testing::difference(plain[step], again[step]), "") << "step " << step;
    for (const auto& [name, bits] : single[step].losses) {
      const double loss = number(bits);
      EXPECT_NEAR(number(plain[step].losses.at(name)), loss, 1e-3 * std::max(1.0, std::abs(loss)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, VectorTraining,
                         ::testing::Range(std::size_t{0}, testing::small_models().size()),
                         [](const auto& i) { return testing::small_models()[i.param].name; });

}  // namespace
}  // namespace rockmate
