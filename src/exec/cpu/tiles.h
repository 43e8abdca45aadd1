// Point-wise parts of a fused kernel, tile by tile: a few thousand elements go through all parts
// while they stay in the nearest cache; what parts hand to each other never reaches memory. Softmax
// and its gradient along rows that fit into a tile are as good as point-wise.
#pragma once

#include <optional>
#include <vector>

#include "exec/cpu/batch_norm.h"
#include "exec/cpu/broadcast.h"
#include "exec/cpu/kernel.h"
#include "exec/cpu/pieces.h"

namespace rockmate::cpu {

/// Of one row: softmax, or its gradient, whose operands are two; or the same of its logarithm.
struct SoftmaxLine {
  void (*forward)(const float* x, float* y, std::int64_t n) = nullptr;
  void (*backward)(const float* dy, const float* y, float* dx, std::int64_t n) = nullptr;
};

/// One part, on the elements of a tile.
struct TilePart {
  enum class Does { kUnary, kBinary, kSelect, kDropout, kLine, kGather, kSoftmax };
  Does does = Does::kUnary;
  Unary unary = {};
  Binary binary = {};
  DropoutStream dropout = {};  ///< without seed and step
  std::size_t line = 0;        ///< which of the program's lines
  Pieces pieces = {};          ///< of a concatenation
  SoftmaxLine softmax = {};
  std::vector<std::size_t> in;  ///< slots of the operands that lie beside the result
  std::size_t out = 0;          ///< slot
};

/// A batch norm's application: the inputs that hold its numbers.
struct TileLine {
  BatchNormShape shape;
  std::vector<std::size_t> numbers;  ///< mean, variance, scale, bias, as far as there
  Bytes offset;                      ///< in the workspace
  std::size_t beside = 0;            ///< its place among the operands of the space
};

class TileProgram {
 public:
  /// None: a part is not point-wise, not in float32, or of another shape than the result.
  [[nodiscard]] static std::optional<TileProgram> of(const KernelView& kernel);

  [[nodiscard]] Bytes workspace() const;
  void run(const Run& run) const;

 private:
  struct Tile;
  [[nodiscard]] bool add_part(const KernelView& kernel, const FusedPart& part, std::size_t out);
  [[nodiscard]] bool place_slots(const KernelView& kernel);
  void set_lines(const Run& run) const;
  void run_panel(const Run& run, const Broadcast::Panel& panel) const;
  void run_tile(const Tile& tile) const;
  void run_select(const Tile& tile, const TilePart& part, float* y) const;
  void run_softmax(const Tile& tile, const TilePart& part, float* y) const;
  [[nodiscard]] Operand operand(const Tile& tile, std::size_t slot) const;
  [[nodiscard]] const std::uint8_t* condition(const Tile& tile, std::size_t slot,
                                              std::int64_t row) const;
  [[nodiscard]] float* target(const Tile& tile, std::size_t slot) const;
  [[nodiscard]] const float* span(const Tile& tile, std::size_t slot, float* y) const;

  std::size_t inputs_ = 0;
  std::vector<TilePart> parts_;
  std::vector<TileLine> lines_;
  // Of slots: among the inputs of the space, the outputs of the kernel, or the buffers of a tile.
  struct Place {
    enum class In { kNowhere, kSpace, kOutput, kBuffer } in = In::kNowhere;
    std::size_t index = 0;
  };
  std::vector<Place> places_;
  std::vector<std::size_t> space_inputs_;  // inputs of the kernel
  std::optional<Broadcast> space_;
  bool needs_rows_ = false;  // tiles have whole ones
};

}  // namespace rockmate::cpu
