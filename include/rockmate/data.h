// Data for training: samples from files, and the batches that steps take from them. Which samples a
// step sees is a pure function of its number, the seed and the files, so that nothing about the
// position in the data has to be saved.
//
//   std::vector<Feed> feeds;
//   feeds.push_back({"image", open_samples("images.idx", {DType::kFloat32, {1, 28, 28}})});
//   feeds.push_back({"target", open_samples("labels.idx", {DType::kInt64, {}})});
//   Loader loader(std::move(feeds), {.batch = 32, .shuffle = true});
//   for (std::uint64_t step = 0; ...; ++step) {
//     for (const BatchPart& part : loader.batch(step)) executor.set(part.input, part.bytes);
//     executor.step();
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rockmate/graph.h"

namespace rockmate {

/// The samples of one input, all of one type. Reading is safe from several threads.
class Samples {
 public:
  virtual ~Samples() = default;
  [[nodiscard]] virtual const TensorType& type() const = 0;  ///< of one sample
  [[nodiscard]] virtual std::int64_t count() const = 0;
  /// Writes sample `index` < count() to bytes of its type, row-major, little-endian. Throws
  /// InvalidInput where the file has become shorter than it was, or an element does not fit.
  virtual void read(std::int64_t index, std::span<std::byte> sample) const = 0;
};

/// Samples of a file whose elements are converted to `sample`; whole numbers of 8 bits become
/// fractions of 255 where floating-point numbers are wanted. By its content the file is
/// - IDX, as of MNIST: the first axis counts the samples;
/// - .npy, as of `numpy.save`, in C order: the same;
/// and by its name
/// - .txt: text, a byte is a token; a sample is as many of them as `sample` has elements, and the
///   next one begins behind it. With a `shift` of 1 all begin one byte later: the text that a model
///   of text learns to tell. There are as many samples with and without;
/// - .raw: the elements of all samples in the type of `sample`, without a header.
/// A sample's extents may differ from those of the file in axes of extent 1 only. Elements are read
/// when they are asked for. Throws InvalidInput with the file's name where it is broken, cut off,
/// or of other extents, and for a shift but 0 and 1.
[[nodiscard]] std::unique_ptr<Samples> open_samples(const std::filesystem::path& file,
                                                    const TensorType& sample,
                                                    std::int64_t shift = 0);

/// The same for a file in memory; `name` stands for the file.
[[nodiscard]] std::unique_ptr<Samples> samples_in(std::string content, const std::string& name,
                                                  const TensorType& sample, std::int64_t shift = 0);

/// Made up: whole numbers from 0 to `below` - 1, else normal numbers of mean 0 and standard
/// deviation 1; a function of the seed and the sample's index.
[[nodiscard]] std::unique_ptr<Samples> synthetic_samples(const TensorType& sample,
                                                         std::int64_t count, std::uint64_t seed,
                                                         std::int64_t below = 2);

/// Samples for an input of that name.
struct Feed {
  std::string input;
  std::unique_ptr<Samples> samples;
};

/// What one input sees in one step.
struct BatchPart {
  std::string input;
  std::vector<std::byte> bytes;
};

struct LoaderOptions {
  std::int64_t batch = 1;  ///< samples per step
  bool shuffle = false;    ///< another order in every epoch; else that of the files
  std::uint64_t seed = 0;
  /// Read the next step's batch in a thread of its own while this one's is used; takes the memory
  /// of one more batch.
  bool prefetch = true;
};

/// Batches of samples, epoch after epoch. What is left of an epoch and makes no whole batch is left
/// out.
class Loader {
 public:
  /// Throws InvalidInput where feeds differ in the number of samples, or make no batch.
  Loader(std::vector<Feed> feeds, const LoaderOptions& options);
  ~Loader();
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;

  [[nodiscard]] std::int64_t samples() const;
  [[nodiscard]] std::int64_t batches_per_epoch() const;
  /// Valid until the next call. Any step may be asked for; the one behind the last is at hand.
  /// Throws what Samples::read throws.
  [[nodiscard]] const std::vector<BatchPart>& batch(std::uint64_t step);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The samples of epoch `epoch` in the order in which they are taken: a permutation of 0 to
/// count - 1. Linear.
[[nodiscard]] std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed,
                                                 std::uint64_t epoch);

}  // namespace rockmate
