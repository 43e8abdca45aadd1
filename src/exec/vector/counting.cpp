#include "exec/vector/counting.h"

namespace rockmate::vector {
namespace {

class CountingLauncher : public Launcher {
 public:
  explicit CountingLauncher(int cores) : cores_(cores) {}
  [[nodiscard]] bool executes() const override { return false; }

  void launch(const char* kernel, ve::Entry entry, const void* arguments, long tasks) override {
    CountedLaunch launch{kernel, tasks, {}};
    for (int core = 0; core < cores_; ++core) {
      const Share share = share_of(tasks, core, cores_);
      ve::core = {};
      ve::core.dry = true;
      if (share.end > share.begin) entry(arguments, share.begin, share.end);
      launch.cores.push_back(ve::core.counters);
    }
    ve::core = {};
    launches.push_back(std::move(launch));
  }

  std::vector<CountedLaunch> launches;

 private:
  int cores_;
};

}  // namespace

std::vector<CountedLaunch> count_launches(const KernelSpec& spec, int cores) {
  const Prepared prepared = prepare(spec);
  // Addresses that nobody reads; only which are null, and which are the same, matters.
  std::uintptr_t next = 0;
  const auto address = [&] { return reinterpret_cast<std::byte*>(next += 4096); };
  std::vector<TensorRef> inputs;
  std::vector<TensorRef> outputs;
  for (const TensorType& type : spec.inputs) inputs.push_back({address(), &type});
  for (const TensorType& type : spec.outputs) outputs.push_back({address(), &type});
  CountingLauncher launcher(cores);
  prepared.body(Call({inputs, outputs, {}, 0, 0}, spec.kernel.attributes.flag("adds"), launcher));
  return std::move(launcher.launches);
}

}  // namespace rockmate::vector
