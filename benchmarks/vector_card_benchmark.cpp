// What does an emulated card take for copies, launches and kernels, beside the published figures?
// All times are modelled. The first table comes from a program against the host interface
// (src/exec/vector/veda.h), which moves and fills real bytes, and reads the modelled clock; a
// figure that is off by more than its row allows ends the benchmark with status 1. The second has
// kernels at the sizes of common networks, with the share of the card's peak that they reach, and
// checks that none is above a roof. Tables are Markdown.
//
//   vector_card_benchmark [--device ve20b]

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "exec/vector/veda_device.h"
#include "rockmate/error.h"
#include "rockmate/graph_builder.h"
#include "rockmate/vector_engine.h"

namespace rockmate {
namespace {

void check(VEDAresult result) {
  if (result == VEDA_SUCCESS) return;
  const char* text = nullptr;
  vedaGetErrorString(result, &text);
  throw InvalidInput(text);
}

// A card whose context is current as long as this lives.
class Card {
 public:
  explicit Card(const VectorDevice& device) {
    vector::set_cards({device});
    vector::register_module("empty.vso",
                            {{"empty", [](const vector::DeviceArguments&) { return 0; }}});
    check(vedaInit(0));
    VEDAcontext context = nullptr;
    check(vedaCtxCreate(&context, VEDA_CONTEXT_MODE_OMP, 0));
    VEDAmodule module = nullptr;
    check(vedaModuleLoad(&module, "empty.vso"));
    check(vedaModuleGetFunction(&empty_, module, "empty"));
    check(vedaArgsCreate(&arguments_));
    check(vedaMemAlloc(&memory_, kMemory));
  }
  ~Card() { static_cast<void>(vedaExit()); }
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;

  // Seconds on the modelled clock that the calls take, when nothing waits before them.
  [[nodiscard]] static double time(const std::function<void()>& calls) {
    check(vedaStreamSynchronize(0));
    const Seconds before = vector::modelled_time(0);
    calls();
    return (vector::modelled_time(0) - before).count();
  }
  [[nodiscard]] double down(std::size_t bytes) {
    return time([&] { check(vedaMemcpyHtoDAsync(memory_, host_.data(), bytes, 0)); });
  }
  [[nodiscard]] double up(std::size_t bytes) {
    return time([&] { check(vedaMemcpyDtoHAsync(host_.data(), memory_, bytes, 0)); });
  }
  [[nodiscard]] double across(std::size_t bytes) const {
    const VEDAdeviceptr behind = memory_ + kMemory / 2;
    return time([&] { check(vedaMemcpyDtoDAsync(behind, memory_, bytes, 0)); });
  }
  [[nodiscard]] double fill(std::size_t bytes) const {
    return time([&] { check(vedaMemsetD8(memory_, 1, bytes)); });
  }
  [[nodiscard]] double launch(bool waits) const {
    constexpr int kCalls = 100;
    return time([&] {
             for (int i = 0; i < kCalls; ++i) {
               check(vedaLaunchKernel(empty_, 0, arguments_));
               if (waits) check(vedaStreamSynchronize(0));
             }
           }) /
           kCalls;
  }
  static constexpr std::size_t kMemory = 256'000'000;

 private:
  VEDAfunction empty_;
  VEDAargs arguments_ = nullptr;
  VEDAdeviceptr memory_ = nullptr;
  std::vector<std::byte> host_ = std::vector<std::byte>(kMemory);
};

// A row of the first table; returns whether the figure lies in [low, high].
bool print_fact(const std::string& what, const std::string& published, double found,
                const char* unit, double low, double high) {
  const bool holds = found >= low && found <= high;
  fmt::print("| {} | {} | {:.4g} {} | {} |\n", what, published, found, unit, holds ? "" : "off");
  return holds;
}

bool print_fact(const std::string& what, double published, double found, const char* unit,
                double slack) {
  return print_fact(what, fmt::format("{:.4g} {}", published, unit), found, unit,
                    published * (1 - slack), published * (1 + slack));
}

constexpr std::size_t kMegabyte = 1'000'000;

double rate(std::size_t bytes, double seconds) {  // GB/s
  return static_cast<double>(bytes) / seconds / 1e9;
}

bool print_calls(Card& card) {
  bool holds = print_fact("call in a queue of calls", 5.6, card.launch(false) * 1e6, "us", 0.01);
  holds &= print_fact("call, and waiting for it", 10, card.launch(true) * 1e6, "us", 0.01);
  holds &= print_fact("1 byte down", 11.9, card.down(1) * 1e6, "us", 0.01);
  holds &= print_fact("1 byte up", 12.9, card.up(1) * 1e6, "us", 0.01);
  return holds;
}

bool print_copies(Card& card) {
  struct Point {
    std::size_t megabytes;
    double low, high;  // GB/s
  };
  bool holds = true;
  for (const Point& point : {Point{1, 4.4, 4.4}, Point{4, 8, 8}, Point{16, 10, 10},
                             Point{64, 8.6, 10.5}, Point{256, 8.6, 10.5}}) {
    const std::size_t bytes = point.megabytes * kMegabyte;
    const std::string published = point.low == point.high
                                      ? fmt::format("{} GB/s", point.low)
                                      : fmt::format("{} to {} GB/s", point.low, point.high);
    for (const bool is_down : {true, false}) {
      const double seconds = is_down ? card.down(bytes) : card.up(bytes);
      holds &=
          print_fact(fmt::format("{} MB {}", point.megabytes, is_down ? "down" : "up"), published,
                     rate(bytes, seconds), "GB/s", 0.999 * point.low, 1.001 * point.high);
    }
  }
  const std::size_t resnet50 = 102 * kMegabyte;
  holds &= print_fact("ResNet-50's 102 MB down", 12, card.down(resnet50) * 1e3, "ms", 0.05);
  holds &= print_fact("ResNet-50's 102 MB up", 10, card.up(resnet50) * 1e3, "ms", 0.05);
  return holds;
}

// What the card does by itself.
bool print_passes(const Card& card, double roof) {
  bool holds = true;
  const std::string under = fmt::format("under {:.0f} GB/s", roof);
  for (const std::size_t megabytes : {1UL, 16UL, 128UL}) {
    const std::size_t bytes = megabytes * kMegabyte;
    holds &= print_fact(fmt::format("{} MB filled", megabytes), under,
                        rate(bytes, card.fill(bytes)), "GB/s", 0, roof);
    holds &= print_fact(fmt::format("{} MB copied on the card, in and out", megabytes), under,
                        rate(2 * bytes, card.across(bytes)), "GB/s", 0, roof);
  }
  return holds;
}

bool print_link(const VectorDevice& device) {
  Card card(device);
  fmt::print("| {}, modelled | published | here | |\n|---|---|---|---|\n", device.name);
  const bool calls_hold = print_calls(card);
  const bool copies_hold = print_copies(card);
  return print_passes(card, device.memory_bytes_per_second / 1e9) && calls_hold && copies_hold;
}

// A network of one op, and the kinds of ops of its training that are shown.
struct Case {
  std::string name;
  std::function<TensorId(GraphBuilder& b)> body;
  std::vector<OpKind> kinds;
};

TensorId images(GraphBuilder& b, std::int64_t channels, std::int64_t size) {
  return b.parameter("x", {16, channels, size, size});
}

std::vector<Case> convolutions() {
  using enum OpKind;
  const std::vector<OpKind> kinds = {kConv, kConvTranspose, kConvWeightGradient};
  return {
      {"16 images, convolution 3x3, 64 x 56 x 56",
       [](GraphBuilder& b) { return b.conv(images(b, 64, 56), 64, {3}, {.padding = {1}}); }, kinds},
      {"16 images, convolution 1x1, 256 x 28 x 28",
       [](GraphBuilder& b) { return b.conv(images(b, 256, 28), 256, {1}); }, kinds},
      {"16 images, convolution 3x3, 512 x 7 x 7",
       [](GraphBuilder& b) { return b.conv(images(b, 512, 7), 512, {3}, {.padding = {1}}); },
       kinds},
      {"16 images, depthwise convolution 3x3, 96 x 56 x 56",
       [](GraphBuilder& b) {
         return b.conv(images(b, 96, 56), 96, {3}, {.padding = {1}, .groups = 96});
       },
       kinds}};
}

std::vector<Case> others() {
  using enum OpKind;
  return {{"16 images, batch norm, 64 x 56 x 56",
           [](GraphBuilder& b) { return b.batch_norm(images(b, 64, 56)); },
           {kBatchNorm, kBatchNormGradient}},
          {"16 images, ReLU, 64 x 56 x 56",
           [](GraphBuilder& b) { return b.relu(images(b, 64, 56)); },
           {kRelu, kReluGradient}},
          {"16 images, max pooling 3x3, 64 x 112 x 112",
           [](GraphBuilder& b) {
             return b.max_pool(images(b, 64, 112), {3}, {.stride = {2}, .padding = {1}});
           },
           {kMaxPool, kMaxPoolGradient}},
          {"linear, 1024 rows, 768 to 3072",
           [](GraphBuilder& b) {
             return b.linear(b.parameter("x", {1024, 768}), 3072);
           },
           {kLinear, kLinearWeightGradient}},
          {"layer norm, 1024 rows of 768",
           [](GraphBuilder& b) {
             return b.layer_norm(b.parameter("x", {1024, 768}));
           },
           {kLayerNorm, kLayerNormGradient}},
          {"softmax, 12288 rows of 1024",
           [](GraphBuilder& b) {
             return b.softmax(b.parameter("x", {12288, 1024}));
           },
           {kSoftmax, kSoftmaxGradient}},
          {"GELU, 1024 rows of 3072",
           [](GraphBuilder& b) {
             return b.gelu(b.parameter("x", {1024, 3072}));
           },
           {kGelu, kGeluGradient}},
          {"Adam, 3.1 million numbers",
           [](GraphBuilder& b) {
             return b.relu(b.parameter("x", {1024, 3072}));
           },
           {kAdam}}};
}

bool print_kernels(const VectorDevice& device) {
  const double peak = device_preset(device.name).matrix_flops;
  fmt::print(
      "\n| {}, modelled | op | kernel | ms | % of {:.2f} TFLOP/s | % of {:.2f} "
      "TB/s | lanes of 256 |\n|---|---|---|---|---|---|---|\n",
      device.name, peak / 1e12, device.memory_bytes_per_second / 1e12);
  bool holds = true;
  std::vector<Case> cases = convolutions();
  for (Case& each : others()) cases.push_back(std::move(each));
  for (const Case& each : cases) {
    GraphBuilder b("one op");
    b.loss(b.reduce_mean(each.body(b), {}, false));
    const TrainingModel model =
        make_training_model(std::move(b).build(), {.optimizer = OptimizerKind::kAdam});
    for (std::size_t o = 0; o < model.kernels.size(); ++o) {
      const OpKind kind = model.kernels[OpId(o)].kind;
      if (std::find(each.kinds.begin(), each.kinds.end(), kind) == each.kinds.end()) continue;
      for (const ModelledLaunch& launch : model_launches(kernel_spec(model, OpId(o)), device)) {
        const double seconds = launch.seconds.count();
        const double flops = launch.flops / seconds / peak;
        const double bandwidth =
            static_cast<double>(launch.moved.count()) / seconds / device.memory_bytes_per_second;
        fmt::print("| {} | {} | {} | {:.3f} | {:.0f} | {:.0f}{} | {:.0f} |\n", each.name,
                   to_string(kind), launch.kernel, seconds * 1e3, 100 * flops, 100 * bandwidth,
                   launch.fits_cache ? " (cache)" : "", launch.mean_length);
        holds = holds && flops <= 1 && (launch.fits_cache || bandwidth <= 1);
      }
    }
  }
  return holds;
}

}  // namespace
}  // namespace rockmate

int main(int argc, char** argv) {
  CLI::App app("Modelled times of an emulated card beside published figures");
  std::string device = "ve20b";
  app.add_option("--device", device, "a preset: ve10b, ve20b or ve30b");
  CLI11_PARSE(app, argc, argv);
  try {
    const rockmate::VectorDevice& card = rockmate::vector_device(device);
    const bool link_holds = rockmate::print_link(card);
    const bool kernels_hold = rockmate::print_kernels(card);
    if (link_holds && kernels_hold) return 0;
    fmt::print(stderr, "vector_card_benchmark: a figure is off\n");
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "vector_card_benchmark: {}\n", error.what());
    return 2;
  }
}
