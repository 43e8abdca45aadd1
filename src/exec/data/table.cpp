// IDX (Y. LeCun, http://yann.lecun.com/exdb/mnist): two zero bytes, the type of the elements, the
// number of axes, the extents in four bytes each, the elements; big-endian. The format .npy is in
// npy.cpp.

#include "exec/data/table.h"

#include <fmt/format.h>

#include "rockmate/error.h"

namespace rockmate::data {
namespace {

std::uint32_t byte_at(const std::string& text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool find_element(std::uint32_t code, Element& element) {
  using enum Element::Kind;
  switch (code) {
    case 0x08:
      element = {kUnsigned, 1, true};
      return true;
    case 0x09:
      element = {kSigned, 1, true};
      return true;
    case 0x0B:
      element = {kSigned, 2, true};
      return true;
    case 0x0C:
      element = {kSigned, 4, true};
      return true;
    case 0x0D:
      element = {kReal, 4, true};
      return true;
    case 0x0E:
      element = {kReal, 8, true};
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string to_string(const Element& element) {
  constexpr const char* kWords[] = {"int", "uint", "float", "bool"};
  return fmt::format("{}{}", kWords[static_cast<std::size_t>(element.kind)], 8 * element.bytes);
}

bool is_idx(const ByteSource& source) {
  const std::string head = source.head(4);
  Element element;
  return head.size() == 4 && head[0] == 0 && head[1] == 0 &&
         find_element(byte_at(head, 2), element) && byte_at(head, 3) > 0;
}

Table read_idx(const ByteSource& source) {
  Table table;
  std::string head = source.head(4);
  find_element(byte_at(head, 2), table.element);
  const std::size_t axes = byte_at(head, 3);
  table.begin = static_cast<std::int64_t>(4 + 4 * axes);
  head = source.head(table.begin);
  if (head.size() < 4 + 4 * axes) source.reject("ends early, within the header of its IDX format");
  for (std::size_t i = 4; i < head.size(); i += 4) {
    table.shape.push_back(byte_at(head, i) << 24 | byte_at(head, i + 1) << 16 |
                          byte_at(head, i + 2) << 8 | byte_at(head, i + 3));
  }
  check_size(source, table);
  return table;
}

void check_size(const ByteSource& source, const Table& table) {
  std::int64_t elements = 0;
  try {
    elements = element_count(table.shape);
  } catch (const InvalidInput& error) {
    source.reject(error.what());
  }
  const std::int64_t room = source.size() - table.begin;
  if (room >= 0 && room % table.element.bytes == 0 && room / table.element.bytes == elements) {
    return;
  }
  source.reject(fmt::format("{}: {} elements of {} bytes begin at byte {}, the file has {} bytes",
                            room / table.element.bytes < elements ? "ends early" : "is too long",
                            elements, table.element.bytes, table.begin, source.size()));
}

}  // namespace rockmate::data
