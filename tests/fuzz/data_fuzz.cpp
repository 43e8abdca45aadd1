// The readers of data under random bytes: each either throws InvalidInput with one bounded line, or
// has samples that can be read, or refused one by one. The first byte chooses what is wanted.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "fuzz/expect.h"
#include "rockmate/data.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rockmate;
  if (size == 0) return 0;
  const TensorType types[] = {{DType::kFloat32, {2, 2}}, {DType::kInt64, {}}, {DType::kUInt8, {3}},
                              {DType::kFloat64, {1, 4}}, {DType::kBool, {2}}, {DType::kInt32, {4}}};
  const char* names[] = {"x.idx", "x.npy", "x.txt", "x.raw"};
  const TensorType& type = types[data[0] % std::size(types)];
  const std::string name = names[data[0] / std::size(types) % std::size(names)];
  const std::string content(reinterpret_cast<const char*>(data + 1), size - 1);
  fuzz::guard([&] {
    const auto samples = samples_in(content, name, type, data[0] & 1);
    fuzz::expect(samples->type() == type && samples->count() >= 0);
    std::vector<std::byte> sample(static_cast<std::size_t>(type.bytes().count()));
    for (std::int64_t i = 0; i < std::min<std::int64_t>(samples->count(), 8); ++i) {
      fuzz::guard([&] { samples->read(i, sample); });
    }
  });
  return 0;
}
