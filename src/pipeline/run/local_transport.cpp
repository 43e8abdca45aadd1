// Ranks as threads: a send and a receive that match meet in a shared table, and whoever comes
// second copies the bytes.

#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>

#include "base/check.h"
#include "rockmate/transport.h"

namespace rockmate {
namespace {

struct Transfer {
  std::span<const std::byte> from;
  std::span<std::byte> to;
  std::vector<std::byte> buffered;  // what a standard send has left behind
  bool is_done = false;             // for who waits: the sender may be done before
};
using TransferPointer = std::shared_ptr<Transfer>;

struct World {
  World(std::size_t ranks, SendMode how) : size(ranks), mode(how) {}
  using Key = std::tuple<std::size_t, std::size_t, int>;  // from, to, tag
  const std::size_t size;
  const SendMode mode;
  std::mutex mutex;
  std::map<Key, std::deque<TransferPointer>> sends, receives;
  std::optional<std::string> failure;
};

class LocalTransport final : public Transport {
 public:
  LocalTransport(std::shared_ptr<World> world, std::size_t rank)
      : world_(std::move(world)), rank_(rank) {}

  [[nodiscard]] std::size_t rank() const override { return rank_; }
  [[nodiscard]] std::size_t size() const override { return world_->size; }
  [[nodiscard]] Seconds now() override {
    const std::chrono::duration<double> since = std::chrono::steady_clock::now().time_since_epoch();
    return Seconds(since.count());
  }

  Request send(std::span<const std::byte> bytes, std::size_t to, int tag) override {
    ROCKMATE_CHECK(to < size());
    const std::lock_guard lock(world_->mutex);
    const World::Key key(rank_, to, tag);
    auto sending = std::make_shared<Transfer>();
    sending->from = bytes;
    if (const auto receiving = take(world_->receives, key)) {
      deliver(bytes, *receiving);
      sending->is_done = true;
    } else {
      if (world_->mode == SendMode::kStandard) {
        sending->buffered.assign(bytes.begin(), bytes.end());
        sending->from = sending->buffered;
        sending->is_done = true;
      }
      world_->sends[key].push_back(sending);
    }
    return add(std::move(sending));
  }

  Request receive(std::span<std::byte> bytes, std::size_t from, int tag) override {
    ROCKMATE_CHECK(from < size());
    const std::lock_guard lock(world_->mutex);
    const World::Key key(from, rank_, tag);
    auto receiving = std::make_shared<Transfer>();
    receiving->to = bytes;
    if (const auto sending = take(world_->sends, key)) {
      deliver(sending->from, *receiving);
      sending->is_done = true;
    } else {
      world_->receives[key].push_back(receiving);
    }
    return add(std::move(receiving));
  }

  bool test(Request request) override {
    {
      const std::lock_guard lock(world_->mutex);
      if (world_->failure) throw RankFailure(*world_->failure);
      const auto found = requests_.find(request);
      ROCKMATE_CHECK(found != requests_.end());
      if (found->second->is_done) {
        requests_.erase(found);
        tries_ = 0;
        return true;
      }
    }
    // Ranks may share a core.
    constexpr int kTries = 1000;
    constexpr std::chrono::microseconds kPause(50);
    if (++tries_ < kTries) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kPause);
    }
    return false;
  }

  void progress() override {}

  void give_up(const std::string& why) override {
    const std::lock_guard lock(world_->mutex);
    if (!world_->failure) world_->failure = why;
  }

 private:
  static TransferPointer take(std::map<World::Key, std::deque<TransferPointer>>& table,
                              const World::Key& key) {
    const auto found = table.find(key);
    if (found == table.end()) return nullptr;
    TransferPointer first = found->second.front();
    found->second.pop_front();
    if (found->second.empty()) table.erase(found);
    return first;
  }
  static void deliver(std::span<const std::byte> bytes, Transfer& receiving) {
    ROCKMATE_CHECK(bytes.size() == receiving.to.size(), "the ends of a message differ in size");
    if (!bytes.empty()) std::memcpy(receiving.to.data(), bytes.data(), bytes.size());
    receiving.is_done = true;
  }
  Request add(TransferPointer transfer) {
    requests_[next_] = std::move(transfer);
    return next_++;
  }

  std::shared_ptr<World> world_;
  std::size_t rank_;
  std::map<Request, TransferPointer> requests_;
  Request next_ = 0;
  int tries_ = 0;
};

}  // namespace

std::vector<std::unique_ptr<Transport>> make_local_transports(std::size_t ranks, SendMode mode) {
  const auto world = std::make_shared<World>(ranks, mode);
  std::vector<std::unique_ptr<Transport>> ends;
  for (std::size_t r = 0; r < ranks; ++r)
    ends.push_back(std::make_unique<LocalTransport>(world, r));
  return ends;
}

}  // namespace rockmate
