// Makes the sources of an iteration that are made once (`Load`), whenever what they are made of has
// been set. Sources that the iteration itself has no more are kept only until all that is made of
// them is made: then they are gone.
//
// Beside the planned memory it takes what one of those sources is made of, while it is made, and
// what has been set of the next ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "exec/engine.h"
#include "exec/initial_values.h"

namespace rockmate {

class Loader {
 public:
  /// Where a source of the iteration lies.
  using Places = std::function<std::span<std::byte>(ValueId)>;
  /// `model` has a load; it and the engine outlive the loader.
  Loader(const TrainingModel& model, const Engine& engine, Places places, std::uint64_t seed,
         int threads);

  /// The type of a source that something is made of.
  [[nodiscard]] const TensorType* type_of(std::string_view source) const;
  /// Takes note of its new bytes. Throws InvalidInput where they are no good for it.
  void set(std::string_view source, std::span<const std::byte> bytes);
  /// Makes what has not been made since its sources were set. Throws InvalidInput where one of
  /// them is gone.
  void finish();

 private:
  using Bits = std::vector<std::byte>;
  struct Input {                      // a source of the load
    std::optional<ValueId> resident;  // in the iteration
    std::optional<Bits> bytes;        // that have been set and are still needed
    bool was_set = false;
    std::vector<std::size_t> makes;  // of Load::made
  };
  struct Product {  // one of Load::made
    std::vector<std::size_t> inputs;
    std::vector<char> is_new;  // by input: set since it was last made
    bool is_made = false;
  };
  class Making;

  [[nodiscard]] std::optional<std::size_t> find(std::string_view source) const;
  [[nodiscard]] std::vector<std::size_t> inputs_of(const Load::Made& made) const;
  void make(std::size_t product);
  void drop_unneeded(const Product& product);
  void write_input(std::size_t input, std::span<std::byte> to) const;

  const TrainingModel& model_;
  const Load& load_;
  const Engine& engine_;
  Places places_;
  std::uint64_t seed_;
  int threads_;
  IdVector<ValueId, std::optional<std::size_t>> maker_;  // kernel of each value of the load
  std::vector<Input> inputs_;
  std::vector<Product> products_;
};

}  // namespace rockmate
