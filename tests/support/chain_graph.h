// The chains of Rotor's paper: block i makes x_i from x_(i-1) and saves s_i; its backward op reads
// x_(i-1), s_i and the gradient of x_i. All sizes and seconds are random.
#pragma once

#include <cstdint>
#include <string_view>

#include "rockmate/training_graph.h"

namespace rockmate::testing {

/// How the sizes and seconds of blocks are drawn.
enum class ChainKind : std::uint8_t {
  kUniform,     ///< up to 1000 bytes and 1 s, independent
  kLogUniform,  ///< over three powers of ten, independent
  kCorrelated,  ///< a block that saves more takes longer, over two powers of ten
  kHuge,        ///< uniform, but every 200th block is a hundred times as large and as slow
  kEqual        ///< all blocks the same
};
inline constexpr ChainKind kChainKinds[] = {ChainKind::kUniform, ChainKind::kLogUniform,
                                            ChainKind::kCorrelated, ChainKind::kHuge,
                                            ChainKind::kEqual};
[[nodiscard]] std::string_view to_string(ChainKind kind);

/// The same graph for the same arguments on any machine.
[[nodiscard]] TrainingGraph chain_graph(int blocks, std::uint64_t seed,
                                        ChainKind kind = ChainKind::kUniform);

}  // namespace rockmate::testing
