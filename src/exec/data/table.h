// A file that is a table of samples: a header, then elements of one format, row-major. Whatever the
// format, a table says where the elements begin and what they look like.
#pragma once

#include <cstdint>

#include "exec/data/byte_source.h"
#include "rockmate/graph.h"

namespace rockmate::data {

/// How an element is stored.
struct Element {
  enum class Kind : std::uint8_t { kSigned, kUnsigned, kReal, kBool };
  Kind kind = Kind::kReal;
  int bytes = 4;
  bool big_endian = false;
  friend bool operator==(const Element&, const Element&) = default;
};
/// "int16", "float32"
[[nodiscard]] std::string to_string(const Element& element);
/// How elements of that type are stored in files without a header. Throws InvalidInput for types of
/// 16 bits and of single bits.
[[nodiscard]] Element element_of(DType dtype);

struct Table {
  Element element;
  Shape shape;             ///< the first axis counts the samples
  std::int64_t begin = 0;  ///< byte of the first element
};

/// Whether the file begins as these formats do.
[[nodiscard]] bool is_idx(const ByteSource& source);
[[nodiscard]] bool is_npy(const ByteSource& source);
/// Throw InvalidInput where the header is broken, or the file has another size than it tells.
[[nodiscard]] Table read_idx(const ByteSource& source);
[[nodiscard]] Table read_npy(const ByteSource& source);

/// Throws InvalidInput unless the file has exactly the bytes that the table claims.
void check_size(const ByteSource& source, const Table& table);

}  // namespace rockmate::data
