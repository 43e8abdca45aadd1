#include "graph/onnx/tensor_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "rockmate/error.h"

namespace rockmate::from_onnx {
namespace {

using Proto = onnx::TensorProto;

// Bytes of an element in raw_data.
std::int64_t raw_size(std::int32_t data_type) {
  switch (data_type) {
    case Proto::DOUBLE:
    case Proto::INT64:
    case Proto::UINT64:
      return 8;
    case Proto::FLOAT:
    case Proto::INT32:
    case Proto::UINT32:
      return 4;
    case Proto::FLOAT16:
    case Proto::BFLOAT16:
    case Proto::INT16:
    case Proto::UINT16:
      return 2;
    default:
      return 1;
  }
}

double half(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const double fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  if (exponent == 31) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

double bfloat(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// Little-endian, as ONNX says.
template <class Element, class Result>
std::vector<Result> unpack(const std::string& raw, Result (*convert)(Element)) {
  std::vector<Result> list(raw.size() / sizeof(Element));
  for (std::size_t i = 0; i < list.size(); ++i) {
    Element element;
    std::memcpy(&element, raw.data() + i * sizeof(Element), sizeof(Element));
    list[i] = convert(element);
  }
  return list;
}

template <class Element>
std::vector<std::int64_t> unpack_wholes(const std::string& raw) {
  return unpack<Element, std::int64_t>(
      raw, [](Element element) { return static_cast<std::int64_t>(element); });
}

template <class Element>
std::vector<double> unpack_reals(const std::string& raw) {
  return unpack<Element, double>(raw, [](Element element) { return static_cast<double>(element); });
}

Constant from_raw(const TensorType& type, std::int32_t data_type, const std::string& raw) {
  const auto wholes = [&](std::vector<std::int64_t> list) {
    return Constant(type.dtype, type.shape, std::move(list));
  };
  const auto reals = [&](std::vector<double> list) {
    return Constant(type.dtype, type.shape, std::move(list));
  };
  switch (data_type) {
    case Proto::DOUBLE:
      return reals(unpack_reals<double>(raw));
    case Proto::FLOAT:
      return reals(unpack_reals<float>(raw));
    case Proto::FLOAT16:
      return reals(unpack<std::uint16_t, double>(raw, half));
    case Proto::BFLOAT16:
      return reals(unpack<std::uint16_t, double>(raw, bfloat));
    case Proto::INT64:
    case Proto::UINT64:
      return wholes(unpack_wholes<std::int64_t>(raw));
    case Proto::INT32:
      return wholes(unpack_wholes<std::int32_t>(raw));
    case Proto::UINT32:
      return wholes(unpack_wholes<std::uint32_t>(raw));
    case Proto::INT16:
      return wholes(unpack_wholes<std::int16_t>(raw));
    case Proto::UINT16:
      return wholes(unpack_wholes<std::uint16_t>(raw));
    case Proto::INT8:
      return wholes(unpack_wholes<std::int8_t>(raw));
    default:
      return wholes(unpack_wholes<std::uint8_t>(raw));
  }
}

// How many elements the typed field of this data type holds.
int typed_count(const Proto& tensor) {
  switch (tensor.data_type()) {
    case Proto::DOUBLE:
      return tensor.double_data_size();
    case Proto::FLOAT:
      return tensor.float_data_size();
    case Proto::INT64:
      return tensor.int64_data_size();
    case Proto::UINT64:
    case Proto::UINT32:
      return tensor.uint64_data_size();
    default:
      return tensor.int32_data_size();
  }
}

Constant from_fields(const TensorType& type, const Proto& tensor) {
  const auto wholes = [&](const auto& field) {
    std::vector<std::int64_t> list;
    for (const auto x : field) list.push_back(static_cast<std::int64_t>(x));
    return Constant(type.dtype, type.shape, std::move(list));
  };
  std::vector<double> reals;
  switch (tensor.data_type()) {
    case Proto::DOUBLE:
      reals.assign(tensor.double_data().begin(), tensor.double_data().end());
      break;
    case Proto::FLOAT:
      reals.assign(tensor.float_data().begin(), tensor.float_data().end());
      break;
    case Proto::FLOAT16:
    case Proto::BFLOAT16:
      for (const std::int32_t x : tensor.int32_data()) {
        const auto bits = static_cast<std::uint16_t>(x);
        reals.push_back(tensor.data_type() == Proto::FLOAT16 ? half(bits) : bfloat(bits));
      }
      break;
    case Proto::INT64:
      return wholes(tensor.int64_data());
    case Proto::UINT64:
    case Proto::UINT32:
      return wholes(tensor.uint64_data());
    default:
      return wholes(tensor.int32_data());
  }
  return {type.dtype, type.shape, std::move(reals)};
}

void require_elements(const TensorType& type, std::int64_t found, const char* where) {
  const std::int64_t expected = element_count(type.shape);
  if (found == expected) return;
  throw InvalidInput(fmt::format("{} holds {} elements, the shape {} expects {}", where, found,
                                 to_string(type.shape), expected));
}

void require_raw(const TensorType& type, const Proto& tensor) {
  const std::int64_t size = raw_size(tensor.data_type());
  const auto bytes = static_cast<std::int64_t>(tensor.raw_data().size());
  if (bytes % size != 0) {
    throw InvalidInput(
        fmt::format("raw_data holds {} bytes, expected a multiple of {}", bytes, size));
  }
  require_elements(type, bytes / size, "raw_data");
}

std::int64_t parse_number(const std::string& text, const char* what) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    throw InvalidInput(
        fmt::format("external data: {} is '{}', expected a number of bytes", what, shown(text)));
  }
  return value;
}

// The file inside the folder, whatever links lie on the way.
std::filesystem::path confined(const std::filesystem::path& folder, const std::string& location) {
  const auto reject = [&](const char* reason) {
    throw InvalidInput(
        fmt::format("external data '{}' {}; expected a file inside the model's "
                    "folder",
                    shown(location), reason));
  };
  if (location.empty() || location.find('\0') != std::string::npos) reject("is no file name");
  const std::filesystem::path relative(location);
  if (relative.is_absolute()) reject("is an absolute path");
  std::error_code error;
  const auto root = std::filesystem::canonical(folder.empty() ? "." : folder, error);
  if (error) reject("cannot be found");
  const auto file = std::filesystem::canonical(root / relative, error);
  if (error || !std::filesystem::is_regular_file(file, error)) reject("is missing or no file");
  const auto inside = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
  if (inside.first != root.end()) reject("lies outside");
  return file;
}

}  // namespace

TensorType type_of(const Proto& tensor) {
  TensorType type{dtype_of(tensor.data_type()), Shape(tensor.dims().begin(), tensor.dims().end())};
  check_shape(type.shape);
  return type;
}

TensorReader::ExternalData TensorReader::locate(const Proto& tensor) const {
  if (!folder_) {
    throw InvalidInput("its elements lie in an external file, and a model in memory has none");
  }
  ExternalData data;
  std::string location;
  std::optional<std::int64_t> length;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") data.offset = parse_number(entry.value(), "offset");
    if (entry.key() == "length") length = parse_number(entry.value(), "length");
  }
  data.file = confined(*folder_, location);
  data.length = element_count(type_of(tensor).shape) * raw_size(tensor.data_type());
  if (length && *length != data.length) {
    throw InvalidInput(fmt::format("external data of {} bytes, expected {}", *length, data.length));
  }
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(data.file));
  if (data.offset > size || data.length > size - data.offset) {
    throw InvalidInput(fmt::format("external data '{}' ends at byte {}, expected {} bytes from {}",
                                   shown(location), size, data.length, data.offset));
  }
  return data;
}

std::string TensorReader::read_external(const Proto& tensor) const {
  const ExternalData data = locate(tensor);
  std::ifstream in(data.file, std::ios::binary);
  std::string raw(static_cast<std::size_t>(data.length), '\0');
  in.seekg(data.offset);
  if (!in.read(raw.data(), data.length)) {
    throw InvalidInput(
        fmt::format("external data '{}' cannot be read", shown(data.file.filename().string())));
  }
  return raw;
}

void TensorReader::check(const Proto& tensor) const {
  const TensorType type = type_of(tensor);
  if (tensor.data_location() == Proto::EXTERNAL) {
    static_cast<void>(locate(tensor));
  } else if (tensor.has_raw_data()) {
    require_raw(type, tensor);
  } else {
    require_elements(type, typed_count(tensor), "its data");
  }
}

Constant TensorReader::read(const Proto& tensor) const {
  check(tensor);
  const TensorType type = type_of(tensor);
  if (tensor.data_location() == Proto::EXTERNAL) {
    return from_raw(type, tensor.data_type(), read_external(tensor));
  }
  if (tensor.has_raw_data()) return from_raw(type, tensor.data_type(), tensor.raw_data());
  return from_fields(type, tensor);
}

}  // namespace rockmate::from_onnx
