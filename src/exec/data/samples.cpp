// Rows of tables, converted to what an input holds.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "exec/data/table.h"
#include "exec/random.h"
#include "rockmate/data.h"
#include "rockmate/error.h"

namespace rockmate {
namespace data {
namespace {

// A number of a file: whole where `is_whole`, else real.
struct Number {
  bool is_whole = true;
  std::int64_t whole = 0;
  double real = 0;
};

Number decode(const Element& element, const std::byte* from) {
  std::uint64_t bits = 0;
  for (int i = 0; i < element.bytes; ++i) {
    const int place = element.big_endian ? element.bytes - 1 - i : i;
    bits |= std::to_integer<std::uint64_t>(from[i]) << (8 * place);
  }
  if (element.kind == Element::Kind::kReal) {
    const double real = element.bytes == 4 ? std::bit_cast<float>(static_cast<std::uint32_t>(bits))
                                           : std::bit_cast<double>(bits);
    return {false, 0, real};
  }
  if (element.kind == Element::Kind::kSigned && element.bytes < 8) {
    const int unused = 64 - 8 * element.bytes;
    return {true, static_cast<std::int64_t>(bits << unused) >> unused, 0};
  }
  return {true, static_cast<std::int64_t>(bits), 0};
}

template <class T>
bool encode_whole(const Number& number, std::byte* to) {
  if (!number.is_whole || !std::in_range<T>(number.whole)) return false;
  const T value = static_cast<T>(number.whole);
  std::memcpy(to, &value, sizeof(value));
  return true;
}

template <class T>
bool encode_real(const Number& number, double scale, std::byte* to) {
  const double real = number.is_whole ? static_cast<double>(number.whole) * scale : number.real;
  const T value = static_cast<T>(real);
  std::memcpy(to, &value, sizeof(value));
  return true;
}

bool encode(const Number& number, double scale, DType dtype, std::byte* to) {
  switch (dtype) {
    case DType::kFloat64:
      return encode_real<double>(number, scale, to);
    case DType::kFloat32:
      return encode_real<float>(number, scale, to);
    case DType::kInt64:
      return encode_whole<std::int64_t>(number, to);
    case DType::kInt32:
      return encode_whole<std::int32_t>(number, to);
    case DType::kUInt8:
    case DType::kBool:
      return encode_whole<std::uint8_t>(number, to);
    default:
      return false;
  }
}

Shape without_ones(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

class TableSamples : public Samples {
 public:
  TableSamples(std::unique_ptr<ByteSource> source, Table table, TensorType sample)
      : source_(std::move(source)),
        table_(std::move(table)),
        type_(std::move(sample)),
        elements_(element_count(type_.shape)),
        is_copy_(table_.element == element_of(type_.dtype)),
        scale_(table_.element == Element{Element::Kind::kUnsigned, 1, table_.element.big_endian}
                   ? 1.0 / 255
                   : 1.0) {
    if (table_.shape.empty()) source_->reject("holds a single number, expected samples");
    const Shape found(table_.shape.begin() + 1, table_.shape.end());
    if (without_ones(found) != without_ones(type_.shape)) {
      source_->reject(fmt::format("its samples have the extents {}, expected {}",
                                  rockmate::to_string(found), rockmate::to_string(type_)));
    }
    if (table_.element.kind == Element::Kind::kReal && !is_floating(type_.dtype)) {
      source_->reject(fmt::format("elements of the type {}, expected whole numbers for {}",
                                  to_string(table_.element), rockmate::to_string(type_)));
    }
  }

  const TensorType& type() const override { return type_; }
  std::int64_t count() const override { return table_.shape.front(); }
  void read(std::int64_t index, std::span<std::byte> sample) const override {
    ROCKMATE_CHECK(index >= 0 && index < count() &&
                   static_cast<std::int64_t>(sample.size()) == type_.bytes().count());
    const std::int64_t row = elements_ * table_.element.bytes;
    const std::int64_t offset = table_.begin + index * row;
    if (is_copy_) return source_->read(offset, sample);
    std::vector<std::byte> stored(static_cast<std::size_t>(row));
    source_->read(offset, stored);
    const std::size_t width =
        elements_ == 0 ? 0 : sample.size() / static_cast<std::size_t>(elements_);
    for (std::int64_t e = 0; e < elements_; ++e) {
      const auto at = static_cast<std::size_t>(e);
      const Number number = decode(
          table_.element, stored.data() + at * static_cast<std::size_t>(table_.element.bytes));
      if (encode(number, scale_, type_.dtype, sample.data() + at * width)) continue;
      source_->reject(fmt::format("sample {}: element {} is {}, which is no {}", index, e,
                                  number.whole, rockmate::to_string(type_.dtype)));
    }
  }

 private:
  std::unique_ptr<ByteSource> source_;
  Table table_;
  TensorType type_;
  std::int64_t elements_;
  bool is_copy_;
  double scale_;  // of whole numbers that become real ones
};

// Rows of the sample's shape from the first byte on.
Table raw_rows(const ByteSource& source, const TensorType& sample) {
  const Element element = element_of(sample.dtype);
  const std::int64_t row = element_count(sample.shape) * element.bytes;
  if (row == 0 || source.size() < row || source.size() % row != 0) {
    source.reject(fmt::format("has {} bytes, expected a whole number of samples of {} bytes",
                              source.size(), row));
  }
  Table table{element, sample.shape, 0};
  table.shape.insert(table.shape.begin(), source.size() / row);
  return table;
}

// As many rows as can be read with a shift of 1.
Table text_rows(const ByteSource& source, const TensorType& sample, std::int64_t shift) {
  if (shift != 0 && shift != 1) {
    throw InvalidInput(fmt::format("text with a shift of {}, expected 0 or 1", shift));
  }
  Table table{{Element::Kind::kUnsigned, 1, false}, sample.shape, shift};
  const std::int64_t row = element_count(sample.shape);
  const std::int64_t rows = row == 0 ? 0 : (source.size() - 1) / row;
  if (rows < 1) {
    source.reject(fmt::format("has {} bytes of text, expected more than {}", source.size(), row));
  }
  table.shape.insert(table.shape.begin(), rows);
  return table;
}

std::unique_ptr<Samples> open(std::unique_ptr<ByteSource> source, const std::string& extension,
                              const TensorType& sample, std::int64_t shift) {
  Table table;
  if (extension == ".raw") {
    table = raw_rows(*source, sample);
  } else if (extension == ".txt") {
    if (is_floating(sample.dtype)) {
      source->reject(fmt::format("is text, expected data for {}", rockmate::to_string(sample)));
    }
    table = text_rows(*source, sample, shift);
  } else if (is_npy(*source)) {
    table = read_npy(*source);
  } else if (is_idx(*source)) {
    table = read_idx(*source);
  } else {
    source->reject("is neither IDX nor .npy, nor called .txt or .raw");
  }
  return std::make_unique<TableSamples>(std::move(source), std::move(table), sample);
}

class SyntheticSamples : public Samples {
 public:
  SyntheticSamples(TensorType sample, std::int64_t count, std::uint64_t seed, std::int64_t below)
      : type_(std::move(sample)), count_(count), seed_(seed), below_(below) {}
  const TensorType& type() const override { return type_; }
  std::int64_t count() const override { return count_; }
  void read(std::int64_t index, std::span<std::byte> sample) const override {
    const auto position = static_cast<std::uint64_t>(index);
    const RandomStream stream(seed_, kStream | static_cast<std::uint32_t>(position >> 32),
                              static_cast<std::uint32_t>(position));
    const auto elements = static_cast<std::size_t>(element_count(type_.shape));
    for (std::size_t e = 0; e < elements; ++e) {
      Number number;
      if (is_floating(type_.dtype)) {
        number = {false, 0, stream.normal(e)};
      } else {
        number.whole = static_cast<std::int64_t>(
            (std::uint64_t{stream.bits(e)} * static_cast<std::uint64_t>(below_)) >> 32);
      }
      const std::size_t width = sample.size() / elements;
      ROCKMATE_CHECK(encode(number, 1, type_.dtype, sample.data() + e * width));
    }
  }

 private:
  static constexpr std::uint32_t kStream = std::uint32_t{1} << 29;
  TensorType type_;
  std::int64_t count_;
  std::uint64_t seed_;
  std::int64_t below_;
};

}  // namespace

Element element_of(DType dtype) {
  using enum Element::Kind;
  switch (dtype) {
    case DType::kFloat64:
      return {kReal, 8, false};
    case DType::kFloat32:
      return {kReal, 4, false};
    case DType::kInt64:
      return {kSigned, 8, false};
    case DType::kInt32:
      return {kSigned, 4, false};
    case DType::kUInt8:
      return {kUnsigned, 1, false};
    case DType::kBool:
      return {kBool, 1, false};
    default:
      throw InvalidInput(
          fmt::format("data of the type {}, expected float32, float64, int64, "
                      "int32, uint8 or bool",
                      rockmate::to_string(dtype)));
  }
}

}  // namespace data

std::unique_ptr<Samples> open_samples(const std::filesystem::path& file, const TensorType& sample,
                                      std::int64_t shift) {
  return data::open(data::open_bytes(file), file.extension().string(), sample, shift);
}

std::unique_ptr<Samples> samples_in(std::string content, const std::string& name,
                                    const TensorType& sample, std::int64_t shift) {
  const std::string extension = std::filesystem::path(name).extension().string();
  return data::open(data::bytes_in(std::move(content), name), extension, sample, shift);
}

std::unique_ptr<Samples> synthetic_samples(const TensorType& sample, std::int64_t count,
                                           std::uint64_t seed, std::int64_t below) {
  static_cast<void>(data::element_of(sample.dtype));
  const std::int64_t most = sample.dtype == DType::kBool    ? 2
                            : sample.dtype == DType::kUInt8 ? 256
                                                            : std::int64_t{1} << 31;
  if (count < 0 || below < 1 || below > most) {
    throw InvalidInput(fmt::format("{} made-up samples of numbers below {} for {}", count, below,
                                   rockmate::to_string(sample)));
  }
  return std::make_unique<data::SyntheticSamples>(sample, count, seed, below);
}

}  // namespace rockmate
