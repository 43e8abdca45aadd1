#include "exec/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "rockmate/training_model.h"

namespace rockmate {
namespace {

using Word = std::uint64_t;

// The finaliser of SplitMix64: no row that an op writes is this by chance.
Word pattern(std::size_t word) {
  Word bits = (word + 1) * 0x9E3779B97F4A7C15;
  bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
  bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
  return bits ^ (bits >> 31);
}

bool holds_pattern(std::span<const std::byte> memory, std::size_t word) {
  const Word expected = pattern(word);
  return std::memcmp(memory.data() + word * sizeof(Word), &expected, sizeof(Word)) == 0;
}

}  // namespace

Arena::Arena(Bytes size) {
  ROCKMATE_CHECK(size == aligned(size));
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto wanted = static_cast<std::size_t>(size.count());
  const std::size_t pages = (wanted + page - 1) / page * page;
  void* const start =
      mmap(nullptr, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED ||
      mprotect(static_cast<std::byte*>(start) + pages, page, PROT_NONE) != 0) {
    if (start != MAP_FAILED) munmap(start, pages + page);
    throw InvalidInput(
        fmt::format("the system does not give {} of memory ({} bytes) in one piece; a smaller "
                    "budget needs less",
                    to_string(size), size.count()));
  }
  mapping_ = {static_cast<std::byte*>(start), pages + page};
  bytes_ = mapping_.subspan(pages - wanted, wanted);
  madvise(mapping_.data(), pages, MADV_HUGEPAGE);  // a wish: fewer page faults where it is granted
  fill();
}

Arena::Arena(std::unique_ptr<Memory> memory)
    : memory_(std::move(memory)), bytes_(memory_->bytes()) {
  fill();
}

void Arena::fill() {
  for (std::size_t word = 0; word < bytes_.size() / sizeof(Word); ++word) {
    const Word bits = pattern(word);
    std::memcpy(bytes_.data() + word * sizeof(Word), &bits, sizeof(Word));
  }
}

Arena::~Arena() {
  if (!mapping_.empty()) munmap(mapping_.data(), mapping_.size());
}

Bytes Arena::high_water() const {
  std::size_t word = bytes_.size() / sizeof(Word);
  while (word > 0 && holds_pattern(bytes_, word - 1)) --word;
  return aligned(Bytes(static_cast<std::int64_t>(word * sizeof(Word))));
}

}  // namespace rockmate
