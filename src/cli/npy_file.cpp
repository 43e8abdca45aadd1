// "\x93NUMPY", version 1.0, the length of the header in two bytes, little-endian, and the header: a
// Python dictionary, filled up with spaces so that the elements begin at a multiple of 64.
#include "cli/npy_file.h"

#include <fmt/format.h>

#include <array>

#include "base/atomic_file.h"
#include "rockmate/error.h"

namespace rockmate::cli {
namespace {

constexpr std::size_t kPreamble = 10;

std::string_view descr_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return "<f8";
    case DType::kFloat32:
      return "<f4";
    case DType::kFloat16:
      return "<f2";
    case DType::kInt64:
      return "<i8";
    case DType::kInt32:
      return "<i4";
    case DType::kUInt8:
      return "|u1";
    case DType::kBool:
      return "|b1";
    case DType::kBFloat16:
    case DType::kBit:
      break;
  }
  throw InvalidInput(fmt::format(".npy files hold no {}", to_string(dtype)));
}

}  // namespace

void write_npy(const std::filesystem::path& file, const TensorType& type,
               std::span<const std::byte> elements) {
  std::string extents;
  for (const std::int64_t extent : type.shape) extents += fmt::format("{}, ", extent);
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                   descr_of(type.dtype), extents);
  while ((kPreamble + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string preamble("\x93NUMPY\x01\x00", 8);
  preamble += static_cast<char>(header.size() % 256);
  preamble += static_cast<char>(header.size() / 256);
  const std::array<std::string_view, 3> pieces = {
      preamble, header, {reinterpret_cast<const char*>(elements.data()), elements.size()}};
  write_file_atomically(file, pieces);
}

}  // namespace rockmate::cli
