// While a batch is used, a thread reads the next one. There are two buffers and never more than one
// read under way; the thread is asked for one step at a time and waits in between.

#include <fmt/format.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "base/check.h"
#include "base/shown.h"
#include "exec/random.h"
#include "rockmate/data.h"
#include "rockmate/error.h"

namespace rockmate {
namespace {

// Dropout counts its streams from 0, made-up sources from 1 << 31.
constexpr std::uint32_t kShuffleStream = std::uint32_t{1} << 30;

using Batch = std::vector<BatchPart>;

// Which samples a step takes, and their bytes. Used by one thread at a time.
class Reader {
 public:
  Reader(std::vector<Feed> feeds, const LoaderOptions& options)
      : feeds_(std::move(feeds)), options_(options) {
    if (feeds_.empty()) throw InvalidInput("a loader without data");
    for (const Feed& feed : feeds_) {
      if (feed.samples->count() == samples()) continue;
      throw InvalidInput(fmt::format("data for '{}' have {} samples, those for '{}' {}",
                                     shown(feeds_.front().input), samples(), shown(feed.input),
                                     feed.samples->count()));
    }
    if (options.batch >= 1 && samples() >= options.batch) return;
    throw InvalidInput(fmt::format("data for '{}': {} samples make no batch of {}",
                                   shown(feeds_.front().input), samples(), options.batch));
  }

  [[nodiscard]] std::int64_t samples() const { return feeds_.front().samples->count(); }
  [[nodiscard]] std::int64_t batches() const { return samples() / options_.batch; }

  void read(std::uint64_t step, Batch& batch) {
    const auto per_epoch = static_cast<std::uint64_t>(batches());
    const std::uint64_t epoch = step / per_epoch;
    const auto first = static_cast<std::int64_t>(step % per_epoch) * options_.batch;
    if (options_.shuffle && epoch_ != epoch) {
      order_ = shuffled(samples(), options_.seed, epoch);
      epoch_ = epoch;
    }
    batch.resize(feeds_.size());
    for (std::size_t f = 0; f < feeds_.size(); ++f) {
      const Samples& from = *feeds_[f].samples;
      const auto size = static_cast<std::size_t>(from.type().bytes().count());
      batch[f].input = feeds_[f].input;
      batch[f].bytes.resize(size * static_cast<std::size_t>(options_.batch));
      for (std::int64_t i = 0; i < options_.batch; ++i) {
        const std::int64_t place = first + i;
        const std::int64_t sample =
            options_.shuffle ? order_[static_cast<std::size_t>(place)] : place;
        from.read(sample,
                  std::span(batch[f].bytes).subspan(size * static_cast<std::size_t>(i), size));
      }
    }
  }

 private:
  std::vector<Feed> feeds_;
  LoaderOptions options_;
  std::vector<std::int64_t> order_;  // of epoch_, where data are shuffled
  std::optional<std::uint64_t> epoch_;
};

}  // namespace

struct Loader::State {
  State(std::vector<Feed> feeds, const LoaderOptions& options)
      : reader(std::move(feeds), options), prefetches(options.prefetch) {
    if (prefetches) thread = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  // The thread: reads what is asked for until it is to stop.
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (changed.wait(lock, stop, [&] { return asked && !is_done; })) {
      lock.unlock();
      std::exception_ptr problem;
      try {
        reader.read(*asked, next);
      } catch (...) {
        problem = std::current_exception();
      }
      lock.lock();
      error = problem;
      is_done = true;
      changed.notify_all();
    }
  }

  // Waits for the read under way; true where it was that of this step and went well.
  bool collect(std::uint64_t step) {
    std::unique_lock lock(mutex);
    if (!asked) return false;
    changed.wait(lock, [&] { return is_done; });
    const bool is_it = *asked == step;
    asked.reset();
    if (is_it && error) std::rethrow_exception(std::exchange(error, nullptr));
    error = nullptr;
    return is_it;
  }

  void ask(std::uint64_t step) {
    const std::lock_guard lock(mutex);
    asked = step;
    is_done = false;
    changed.notify_all();
  }

  Reader reader;
  bool prefetches;
  Batch current, next;
  std::mutex mutex;
  std::condition_variable_any changed;
  std::optional<std::uint64_t> asked;  // the step that the thread reads, or has read, into `next`
  bool is_done = false;
  std::exception_ptr error;
  std::jthread thread;  // the last member: it dies first
};

Loader::Loader(std::vector<Feed> feeds, const LoaderOptions& options)
    : state_(std::make_unique<State>(std::move(feeds), options)) {}
Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;

std::int64_t Loader::samples() const { return state_->reader.samples(); }
std::int64_t Loader::batches_per_epoch() const { return state_->reader.batches(); }

const std::vector<BatchPart>& Loader::batch(std::uint64_t step) {
  State& state = *state_;
  if (state.collect(step)) {
    std::swap(state.current, state.next);
  } else {
    state.reader.read(step, state.current);
  }
  if (state.prefetches) state.ask(step + 1);
  return state.current;
}

std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, std::uint64_t epoch) {
  ROCKMATE_CHECK(count >= 0);
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const RandomStream stream(seed, kShuffleStream | static_cast<std::uint32_t>(epoch >> 32),
                            static_cast<std::uint32_t>(epoch));
  // Fisher and Yates, from the end.
  for (std::uint64_t i = order.size(); i-- > 1;) {
    const std::uint64_t bits = std::uint64_t{stream.bits(2 * i)} << 32 | stream.bits(2 * i + 1);
    std::swap(order[i], order[bits % (i + 1)]);
  }
  return order;
}

}  // namespace rockmate
