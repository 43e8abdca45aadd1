// The whole state of a training in a file, rockmate.checkpoint/1 (docs/training.md): parameters,
// optimizer states, sums of gradients, running statistics, the number of the next step, the seed.
// Random numbers and the position in the data follow from the step, so that whoever goes on from a
// checkpoint gets the bits of whoever never stopped, under any plan and on any number of threads.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "rockmate/executor.h"

namespace rockmate {

/// Between two steps. The file is written whole or not at all: a checkpoint that was there before
/// stays until the new one is on the disk. Takes no copy of the state. Throws InvalidInput where it
/// cannot be written.
void save_checkpoint(const Executor& executor, const std::filesystem::path& file);

/// Puts an executor into the saved state; its plan may be another one. It stays as it is where the
/// file cannot be used: throws InvalidInput where it is missing, no checkpoint, damaged, cut off,
/// of a later version, of another model, or of another seed.
void load_checkpoint(Executor& executor, const std::filesystem::path& file);

/// Parameters and running statistics alone, by their names, whatever the optimizer, the step and
/// the seed of the training were: for an executor of a `make_inference_model`. Throws as
/// load_checkpoint does, and where the file lacks one of them or it has another type.
void load_weights(Executor& executor, const std::filesystem::path& file);

/// load_checkpoint for a file in memory; `name` stands for the file.
void load_checkpoint_bytes(Executor& executor, std::string_view bytes, const std::string& name);

}  // namespace rockmate
