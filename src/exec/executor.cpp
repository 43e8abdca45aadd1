#include "rockmate/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/shown.h"
#include "exec/indices.h"
#include "exec/initial_values.h"
#include "exec/linked_device.h"
#include "exec/loader.h"
#include "exec/machine.h"
#include "rockmate/error.h"

namespace rockmate {

namespace {

Program with_room(Program program, Bytes at_least) {
  program.bytes = std::max(program.bytes, at_least);
  return program;
}

void copy(std::span<std::byte> to, std::span<const std::byte> from) {
  std::ranges::copy(from, to.begin());
}

double read_scalar(std::span<const std::byte> raw, DType dtype) {
  const auto read_as = [&](auto value) {
    ROCKMATE_CHECK(raw.size() == sizeof(value));
    std::memcpy(&value, raw.data(), sizeof(value));
    return static_cast<double>(value);
  };
  ROCKMATE_CHECK(dtype == DType::kFloat64 || dtype == DType::kFloat32);
  return dtype == DType::kFloat64 ? read_as(double{}) : read_as(float{});
}

}  // namespace

struct Executor::State {
  State(const TrainingModel& trained, const Plan& plan, std::unique_ptr<Engine> runs,
        const ExecutorOptions& chosen)
      : model(trained),
        options(chosen),
        engine(std::move(runs)),
        device(linked_device(*engine)),
        machine(model, with_room(resolve(model, plan), options.at_least), *engine, options.guard),
        is_set(model.sources.size()) {
    if (options.time_ops) machine.time_ops();
    for (std::size_t s = 0; s < model.sources.size(); ++s) {
      if (model.sources[s].is_given || model.sources[s].is_made) continue;
      write_source(s, [&](const SourceMemory& memory) {
        write_initial_values(memory, options.seed, options.threads);
      });
    }
    if (model.load == nullptr) return;
    ROCKMATE_CHECK(device == nullptr, "what is made once is made on the host");
    const auto place = [this](ValueId v) { return machine.at(*machine.program().sources[v]); };
    loader.emplace(model, *engine, place, options.seed, options.threads);
  }

  // On a device, what is written on the host is copied there.
  template <class Write>
  void write_source(std::size_t s, const Write& write) {
    SourceMemory memory = memory_of(s);
    if (device == nullptr) return write(memory);
    const std::span<std::byte> place = memory.bytes;
    std::vector<std::byte> host(place.size());
    memory.bytes = host;
    write(memory);
    device->copy_down(place, host);
  }

  [[nodiscard]] const std::string& name(ValueId v) const { return model.graph[v].name; }
  [[nodiscard]] SourceMemory memory_of(std::size_t s) const {
    const Source& source = model.sources[s];
    return {source, source.position, model.types[source.value],
            machine.at(machine.program().sources[source.value].value())};
  }

  // Whether something is made of that source once.
  [[nodiscard]] bool is_loaded(std::string_view source) const {
    return loader && loader->type_of(source) != nullptr;
  }
  [[nodiscard]] const TensorType& type_of(std::string_view value) const {
    return is_loaded(value) ? *loader->type_of(value) : model.types[find(value)];
  }
  [[nodiscard]] ValueId find(std::string_view value) const;
  [[nodiscard]] std::size_t find_source(std::string_view value) const;
  [[nodiscard]] std::span<const std::byte> bytes_of(ValueId v) const;
  void draw_data();
  void read_losses(StepReport& report) const;

  const TrainingModel& model;
  ExecutorOptions options;
  std::unique_ptr<Engine> engine;
  const LinkedDevice* device;  // null: none
  Machine machine;
  std::optional<Loader> loader;  // none: nothing is made once
  std::vector<char> is_set;      // by the user; per source
  Observer observer;
  std::uint64_t step = 0;  // of the next run
  double rate = 1;
  bool has_run = false;
};

ValueId Executor::State::find(std::string_view value) const {
  const auto found = model.graph.find_value(value);
  if (found) return *found;
  if (is_loaded(value)) {
    throw InvalidInput(fmt::format(
        "'{}' can be set, not read: what is made of it once is kept instead of it", shown(value)));
  }
  throw InvalidInput(
      fmt::format("'{}' has no value '{}'", shown(model.graph.name()), shown(value)));
}

std::size_t Executor::State::find_source(std::string_view value) const {
  const ValueId v = find(value);
  for (std::size_t s = 0; s < model.sources.size(); ++s) {
    if (model.sources[s].value != v) continue;
    if (!model.sources[s].is_made) return s;
    throw InvalidInput(
        fmt::format("'{}' is made of parameters before the first step and cannot be set; set those",
                    shown(value)));
  }
  throw InvalidInput(fmt::format("'{}' is made by op '{}' and cannot be set; expected a source",
                                 shown(value), shown(model.graph[*model.graph[v].producer].name)));
}

std::span<const std::byte> Executor::State::bytes_of(ValueId v) const {
  const Program& program = machine.program();
  if (const auto& place = program.sources[v]) return machine.at(*place);
  if (!has_run) {
    throw InvalidInput(fmt::format("'{}' does not exist before the first step", shown(name(v))));
  }
  if (const auto& place = program.at_end[v]) return machine.at(*place);
  throw InvalidInput(
      fmt::format("'{}' is gone when a step ends: the plan frees it, or writes over it; observe it "
                  "where it is made",
                  shown(name(v))));
}

void Executor::State::draw_data() {
  for (std::size_t s = 0; s < model.sources.size(); ++s) {
    if (!model.sources[s].is_given || is_set[s] != 0) continue;
    write_source(s, [&](const SourceMemory& memory) {
      write_synthetic_data(memory, options.seed, step, options.threads);
    });
  }
}

void Executor::State::read_losses(StepReport& report) const {
  for (const WeightedLoss& loss : model.losses) {
    const std::span<const std::byte> place = bytes_of(loss.value);
    std::vector<std::byte> raw(place.size());
    device != nullptr ? device->copy_up(raw, place) : copy(raw, place);
    const double value = read_scalar(raw, model.types[loss.value].dtype);
    report.losses.push_back(value);
    report.loss += loss.weight * value;
    if (std::isfinite(value)) continue;
    throw InvalidInput(fmt::format(
        "step {}: the loss '{}' is {}: training has diverged; a smaller learning rate, or data of "
        "a smaller scale, may keep it finite",
        report.step, shown(name(loss.value)), value));
  }
}

Executor::Executor(const TrainingModel& model, const Plan& plan, const ExecutorOptions& options)
    : Executor(model, plan, make_engine(options.engine, options.threads), options) {}

Executor::Executor(const TrainingModel& model, const Plan& plan, std::unique_ptr<Engine> engine,
                   const ExecutorOptions& options)
    : state_(std::make_unique<State>(model, plan, std::move(engine), options)) {}

Executor::~Executor() = default;
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;

void Executor::set(std::string_view source, std::span<const std::byte> bytes) {
  const TensorType& type = state_->type_of(source);
  if (static_cast<std::int64_t>(bytes.size()) != type.bytes().count()) {
    throw InvalidInput(fmt::format("'{}': {} bytes were given, expected {} for {}", shown(source),
                                   bytes.size(), type.bytes().count(), to_string(type)));
  }
  if (state_->model.graph.find_value(source)) {
    const std::size_t s = state_->find_source(source);
    const SourceMemory memory = state_->memory_of(s);
    check_elements(source, memory, bytes);
    const LinkedDevice* device = state_->device;
    device != nullptr ? device->copy_down(memory.bytes, bytes) : copy(memory.bytes, bytes);
    state_->is_set[s] = 1;
  }
  if (state_->is_loaded(source)) state_->loader->set(source, bytes);
}

void Executor::set_rate(double factor) {
  if (!std::isfinite(factor) || factor < 0) {
    throw InvalidInput(
        fmt::format("a learning rate times {}, expected a finite number, 0 or more", factor));
  }
  state_->rate = factor;
}

std::uint64_t Executor::next_step() const { return state_->step; }
void Executor::set_next_step(std::uint64_t step) { state_->step = step; }

StepReport Executor::step() {
  State& state = *state_;
  if (state.loader) state.loader->finish();
  state.draw_data();
  StepReport report{.step = state.step};
  const auto start = std::chrono::steady_clock::now();
  state.machine.run(state.options.seed, state.step, state.rate, state.observer);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  ++state.step;
  state.has_run = true;
  report.seconds = Seconds(taken.count());
  report.measured = state.machine.high_water();
  state.read_losses(report);
  return report;
}

std::span<const std::byte> Executor::bytes(std::string_view value) const {
  return state_->bytes_of(state_->find(value));
}

void Executor::observe(Observer observer) { state_->observer = std::move(observer); }

std::span<const OpTime> Executor::op_times() const { return state_->machine.op_times(); }

const TrainingModel& Executor::model() const { return state_->model; }

std::uint64_t Executor::seed() const { return state_->options.seed; }

Bytes Executor::planned() const { return state_->machine.program().bytes; }

void Executor::check_type(std::string_view value, DType expected) const {
  const TensorType& type = state_->type_of(value);
  if (type.dtype == expected) return;
  throw InvalidInput(
      fmt::format("'{}' is {}, not {}", shown(value), to_string(type), to_string(expected)));
}

namespace {

// The sources of an evaluation where the executor keeps them.
SourcePlaces places_of(const TrainingModel& trained, const Program& program,
                       const TrainingModel& model) {
  SourcePlaces found{IdVector<ValueId, std::optional<Place>>(model.graph.values().size()),
                     program.static_bytes};
  for (const Source& source : model.sources) {
    const std::string& name = model.graph[source.value].name;
    const auto value = trained.graph.find_value(name);
    if (!value || !program.sources[*value] || trained.types[*value] != model.types[source.value]) {
      throw InvalidInput(fmt::format(
          "evaluation: the training of '{}' has no source '{}' of type {}",
          shown(trained.graph.name()), shown(name), to_string(model.types[source.value])));
    }
    found.places[source.value] = program.sources[*value];
  }
  return found;
}

}  // namespace

Evaluator::Evaluator(Executor& executor, const TrainingModel& model, const Plan& plan)
    : executor_(executor), model_(model) {
  const Executor::State& state = *executor.state_;
  const Program& trained = state.machine.program();
  const SourcePlaces places = places_of(state.model, trained, model);
  Program program = resolve(model, plan, &places);
  if (program.bytes > trained.bytes) {
    throw InvalidInput(
        fmt::format("evaluation: the plan needs {} bytes beside the sources, training leaves {}",
                    (program.bytes - program.static_bytes).count(),
                    (trained.bytes - trained.static_bytes).count()));
  }
  machine_ = std::make_unique<Machine>(model, std::move(program), *state.engine, state.machine);
}

Evaluator::~Evaluator() = default;

Bytes Evaluator::budget(const Executor& executor, const TrainingModel& model) {
  const Program& trained = executor.state_->machine.program();
  return trained.bytes - trained.static_bytes + model.graph.static_bytes();
}

double Evaluator::run() {
  machine_->run(executor_.state_->options.seed, 0, 0, {});
  double sum = 0;
  for (const WeightedLoss& loss : model_.losses) {
    sum += loss.weight * read_scalar(bytes(loss.value), model_.types[loss.value].dtype);
  }
  return sum;
}

std::span<const std::byte> Evaluator::bytes(ValueId value) const {
  const Program& program = machine_->program();
  const auto& place = program.sources[value] ? program.sources[value] : program.at_end[value];
  ROCKMATE_CHECK(place.has_value(), "a value that is gone when the evaluation ends");
  return machine_->at(*place);
}

std::function<Bytes(const KernelSpec&)> engine_workspace(std::string_view engine, int threads) {
  return [shared = std::shared_ptr<Engine>(make_engine(engine, threads))](const KernelSpec& spec) {
    return shared->workspace(spec);
  };
}

std::function<std::vector<Packing>(const KernelSpec&)> engine_packings(std::string_view engine,
                                                                       int threads) {
  return [shared = std::shared_ptr<Engine>(make_engine(engine, threads))](const KernelSpec& spec) {
    return shared->packings(spec);
  };
}

void aim_at_engine(TrainingOptions& options, std::string_view engine, int threads) {
  options.workspace = engine_workspace(engine, threads);
  options.channels_last = options.winograd = options.fuse = engine == "cpu";
  options.packings = nullptr;
  if (engine == "cpu") options.packings = engine_packings(engine, threads);
}

}  // namespace rockmate
