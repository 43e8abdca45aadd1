// oneDNN as the families see it: primitives that run one after another or side by side, on memory
// that is told anew in every run.
//
// oneDNN splits its work, sums included, by the number of threads. Here it always has one thread:
// a family cuts the work into parts by the shapes alone, and the parts run side by side. So neither
// bits nor workspaces know the number of threads; what oneDNN calls its scratchpad lies in the
// workspace.
#pragma once

#include <dnnl.hpp>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "exec/cpu/kernel.h"

namespace rockmate::cpu::onednn {

using Dims = dnnl::memory::dims;
using Desc = dnnl::memory::desc;

/// In how many parts work is cut at most.
inline constexpr std::int64_t kMostParts = 8;

/// While it lives, oneDNN has one thread wherever this thread calls it.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int threads_;
};

[[nodiscard]] const dnnl::engine& engine();
/// The scratchpad is the caller's.
[[nodiscard]] dnnl::primitive_attr attributes();
/// float32 in that memory format.
[[nodiscard]] Desc desc(const Shape& shape, MemoryFormat format);
/// Whatever format suits oneDNN.
[[nodiscard]] Desc any_desc(const Shape& shape);
/// Whether oneDNN has nothing better than a reference implementation.
[[nodiscard]] bool is_poor(const dnnl::primitive_desc_base& primitive);

/// Memory of a primitive; the addresses are filled in when a run begins.
class Sequence {
 public:
  struct Call {
    dnnl::primitive primitive;
    std::unordered_map<int, dnnl::memory> arguments;
    bool is_copy = false;  ///< not needed where it would copy to the same place
  };
  using Strand = std::vector<Call>;   ///< one after another
  using Stage = std::vector<Strand>;  ///< side by side

  /// `offset` in bytes.
  dnnl::memory input(std::size_t i, const Desc& desc, Bytes offset = {});
  dnnl::memory output(std::size_t i, const Desc& desc, Bytes offset = {});
  dnnl::memory scratch(const Desc& desc);
  /// The same place as `memory`, or so many bytes behind it, seen as `desc`.
  dnnl::memory seen_as(const dnnl::memory& memory, const Desc& desc, Bytes offset = {});

  /// With a scratchpad of its own.
  Call call(const dnnl::primitive_desc_base& desc, dnnl::primitive primitive,
            std::unordered_map<int, dnnl::memory> arguments);
  Call reorder(const dnnl::memory& from, const dnnl::memory& to);
  /// A reorder to where the same elements may lie already.
  Call copy(const dnnl::memory& from, const dnnl::memory& to);
  /// Weights in another format; `scale` has a factor for each channel that they make. Slices along
  /// axis 0 side by side, if there is much to do and the formats can be cut there.
  Stage reorder_weights(const dnnl::memory& from, const dnnl::memory& to,
                        const std::optional<dnnl::memory>& scale, bool has_groups);
  /// The sum of all, in their order, lies in the first. They have one format.
  Stage sum(const std::vector<dnnl::memory>& summands);

  void then(Stage stage) { stages_.push_back(std::move(stage)); }
  /// Runs before all stages.
  void begin_with(Body body) { first_ = std::move(body); }

  /// What runs it.
  [[nodiscard]] Prepared prepared() &&;

 private:
  enum class Home { kInput, kOutput, kWorkspace };
  struct Place {
    dnnl::memory memory;
    Home home;
    std::size_t index;  // of the operand
    std::int64_t offset;
  };
  dnnl::memory place(const Desc& desc, Home home, std::size_t index, Bytes offset);
  Call weight_reorder(const dnnl::memory& from, const dnnl::memory& to,
                      const std::optional<dnnl::memory>& scale, bool has_groups);
  void run(const Run& run);

  std::vector<Place> places_;
  Body first_;
  std::vector<Stage> stages_;
  Bytes workspace_;
};

}  // namespace rockmate::cpu::onednn

namespace rockmate::cpu {

void add_onednn_convolutions(Makers& makers);
void add_onednn_pointwise(Makers& makers);
/// Gradients where the image lies in pieces.
void add_pieced_pointwise(Makers& makers);
void add_onednn_products(Makers& makers);
/// Fused kernels: products with what dropout left.
void add_dropped_products(Makers& makers);
/// Where the weight is packed.
void add_packed_products(Makers& makers);
void add_packed_pointwise(Makers& makers);
void add_onednn_winograd(Makers& makers);

}  // namespace rockmate::cpu
