// Readers of data: what they read, and what they refuse.
#include "rockmate/data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "support/files.h"
#include "support/throws.h"

namespace rockmate {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

const TensorType kPair{DType::kFloat32, {2}};
const TensorType kLabel{DType::kInt64, {}};

template <class T>
std::vector<T> read(const Samples& samples, std::int64_t index) {
  std::vector<T> elements(static_cast<std::size_t>(element_count(samples.type().shape)));
  samples.read(index, std::as_writable_bytes(std::span(elements)));
  return elements;
}

std::string bytes_of(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes.push_back(static_cast<char>(value));
  return bytes;
}

std::string npy(const std::string& header, const std::string& elements) {
  const std::string text = header + std::string(118 - header.size(), ' ');
  return "\x93NUMPY" + bytes_of({1, 0, 118, 0}) + text + elements;
}

template <class T>
std::string raw(const std::vector<T>& elements) {
  return {reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T)};
}

TEST(Data, IdxBytesAreFractionsOrWholeNumbers) {
  const std::string file = bytes_of({0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 255, 51, 7});
  const auto real = samples_in(file, "x.idx", kPair);
  ASSERT_EQ(real->count(), 2);
  EXPECT_THAT(read<float>(*real, 0), ElementsAre(0.0F, 1.0F));
  EXPECT_FLOAT_EQ(read<float>(*real, 1)[0], 0.2F);
  const auto whole = samples_in(file, "x.idx", {DType::kInt64, {2}});
  EXPECT_THAT(read<std::int64_t>(*whole, 1), ElementsAre(51, 7));
}

TEST(Data, IdxIsBigEndianAndSigned) {
  const auto samples =
      samples_in(bytes_of({0, 0, 0x0B, 1, 0, 0, 0, 2, 0xFF, 0xFE, 1, 0}), "x.idx", kLabel);
  EXPECT_THAT(read<std::int64_t>(*samples, 0), ElementsAre(-2));
  EXPECT_THAT(read<std::int64_t>(*samples, 1), ElementsAre(256));
}

TEST(Data, NpyIsReadInAnyOrderOfKeys) {
  const std::string elements = raw<double>({1.5, -2, 3, 0.25});
  for (const char* header : {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }",
                             "{\"shape\": (2,1,2), 'fortran_order':False,'descr':'<f8'}\n"}) {
    const auto samples = samples_in(npy(header, elements), "x.npy", kPair);
    ASSERT_EQ(samples->count(), 2) << header;
    EXPECT_THAT(read<float>(*samples, 1), ElementsAre(3.0F, 0.25F));
  }
}

TEST(Data, TextIsTokensAndTheTextBehindThem) {
  const TensorType window{DType::kInt64, {3}};
  const auto tokens = samples_in("abcdefg", "t.txt", window);
  const auto targets = samples_in("abcdefg", "t.txt", window, 1);
  ASSERT_EQ(tokens->count(), 2);
  ASSERT_EQ(targets->count(), 2);
  EXPECT_THAT(read<std::int64_t>(*tokens, 1), ElementsAre('d', 'e', 'f'));
  EXPECT_THAT(read<std::int64_t>(*targets, 1), ElementsAre('e', 'f', 'g'));
}

TEST(Data, SyntheticSamplesAreAFunctionOfSeedAndIndex) {
  const auto classes = synthetic_samples({DType::kInt64, {64}}, 5, 7, 10);
  std::set<std::int64_t> seen;
  for (const std::int64_t c : read<std::int64_t>(*classes, 3)) seen.insert(c);
  EXPECT_GE(*seen.begin(), 0);
  EXPECT_LT(*seen.rbegin(), 10);
  EXPECT_GT(seen.size(), 5u);
  const auto again = synthetic_samples({DType::kInt64, {64}}, 9, 7, 10);
  EXPECT_EQ(read<std::int64_t>(*classes, 3), read<std::int64_t>(*again, 3));
  EXPECT_NE(read<std::int64_t>(*classes, 3), read<std::int64_t>(*classes, 4));
}

TEST(Data, BrokenFilesAreRefusedInOneLine) {
  const auto refused = [](const std::string& content, const std::string& name,
                          const TensorType& type = kPair) {
    return message_of([&] { static_cast<void>(samples_in(content, name, type)); });
  };
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
  const std::string two = raw<float>({1, 2});
  EXPECT_EQ(refused(npy(good, two), "x.npy"), "");
  EXPECT_THAT(refused(npy(good, "abc"), "x.npy"), HasSubstr("x.npy: ends early: 2 elements"));
  EXPECT_THAT(refused(npy(good, two + two), "x.npy"), HasSubstr("is too long"));
  EXPECT_THAT(refused(npy(good, two).substr(0, 40), "x.npy"), HasSubstr("within the header"));
  const auto header = [&](const std::string& text) { return refused(npy(text, two), "x.npy"); };
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }"),
              HasSubstr("ascontiguousarray"));
  EXPECT_THAT(header("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }"),
              HasSubstr("elements of the type '<c8'"));
  EXPECT_THAT(header("{'descr': '<f4', 'shape': (1, 2), }"), HasSubstr("lacks a key"));
  EXPECT_THAT(header("{'descr': '<f4', 'descr': '<f4'}"), HasSubstr("once each"));
  EXPECT_THAT(header("[1, 2]"), HasSubstr("expected '{'"));
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2), }"),
              HasSubstr("an extent"));
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }"),
              HasSubstr("ends early"));
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627777, 2), }"),
              HasSubstr("x.npy: "));
  EXPECT_THAT(refused(bytes_of({0, 0, 8, 3, 0, 0}), "x.idx"), HasSubstr("within the header"));
  EXPECT_THAT(refused(bytes_of({0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255}), "x.idx"),
              HasSubstr("x.idx: "));
  EXPECT_THAT(refused(bytes_of({0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3}), "x.idx"),
              AllOf(HasSubstr("extents [3]"), HasSubstr("expected float32[2]")));
  EXPECT_THAT(refused("something", "x.bin"), HasSubstr("neither IDX nor .npy"));
  EXPECT_THAT(refused("", "x.idx"), HasSubstr("neither IDX nor .npy"));
  EXPECT_THAT(refused(std::string(12, 'x'), "x.raw"), HasSubstr("samples of 8 bytes"));
  EXPECT_THAT(refused("ab", "x.txt"), HasSubstr("is text"));
  EXPECT_THAT(refused("ab", "x.txt", {DType::kInt64, {2}}), HasSubstr("2 bytes of text"));
  EXPECT_THAT(refused(npy(good, two), "x.npy", {DType::kInt64, {2}}),
              HasSubstr("expected whole numbers"));
}

TEST(Data, NumbersThatDoNotFitAreRefused) {
  const auto samples = samples_in(npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }",
                                      raw<std::int64_t>({std::int64_t{1} << 40})),
                                  "x.npy", {DType::kInt32, {}});
  EXPECT_THAT(message_of([&] { static_cast<void>(read<std::int32_t>(*samples, 0)); }),
              HasSubstr("sample 0: element 0 is 1099511627776, which is no int32"));
}

TEST(Data, AFileThatShrinksEndsEarly) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "x.raw";
  testing::write_text(file, raw<float>({1, 2, 3, 4}));
  const auto samples = open_samples(file, kPair);
  EXPECT_THAT(read<float>(*samples, 1), ElementsAre(3.0F, 4.0F));
  std::filesystem::resize_file(file, 12);
  EXPECT_THAT(message_of([&] { static_cast<void>(read<float>(*samples, 1)); }),
              HasSubstr("ends early, at byte 12"));
  EXPECT_THAT(message_of([&] { static_cast<void>(open_samples(folder.path(), kPair)); }),
              HasSubstr("is no regular file"));
  EXPECT_THAT(message_of([&] { static_cast<void>(open_samples("nowhere.npy", kPair)); }),
              HasSubstr("nowhere.npy: cannot be opened"));
}

TEST(Shuffle, IsAPermutationOfItsOwnInEachEpoch) {
  for (const std::int64_t count : {0, 1, 2, 100}) {
    const auto order = shuffled(count, 3, 5);
    EXPECT_EQ(std::set<std::int64_t>(order.begin(), order.end()).size(),
              static_cast<std::size_t>(count));
  }
  EXPECT_EQ(shuffled(100, 3, 5), shuffled(100, 3, 5));
  EXPECT_NE(shuffled(100, 3, 5), shuffled(100, 3, 6));
  EXPECT_NE(shuffled(100, 3, 5), shuffled(100, 4, 5));
  std::vector<int> first(10);
  for (std::uint64_t epoch = 0; epoch < 1000; ++epoch) {
    ++first[static_cast<std::size_t>(shuffled(10, 1, epoch)[0])];
  }
  for (const int times : first) EXPECT_NEAR(times, 100, 50) << "every sample comes first alike";
}

Loader loader_of(std::int64_t count, const LoaderOptions& options) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i);
  std::vector<Feed> feeds;
  feeds.push_back({"x", samples_in(raw(numbers), "x.raw", kLabel)});
  return {std::move(feeds), options};
}

std::vector<std::int64_t> numbers_of(const std::vector<BatchPart>& batch) {
  std::vector<std::int64_t> numbers(batch.at(0).bytes.size() / sizeof(std::int64_t));
  std::memcpy(numbers.data(), batch[0].bytes.data(), batch[0].bytes.size());
  return numbers;
}

TEST(Loader, LeavesOutWhatMakesNoWholeBatch) {
  Loader loader = loader_of(7, {.batch = 3});
  EXPECT_EQ(loader.batches_per_epoch(), 2);
  EXPECT_THAT(numbers_of(loader.batch(0)), ElementsAre(0, 1, 2));
  EXPECT_THAT(numbers_of(loader.batch(1)), ElementsAre(3, 4, 5));
  EXPECT_THAT(numbers_of(loader.batch(2)), ElementsAre(0, 1, 2));
}

TEST(Loader, AStepSeesTheSameInAnyOrderOfAskingAndWithoutReadingAhead) {
  const LoaderOptions options{.batch = 4, .shuffle = true, .seed = 9};
  LoaderOptions alone = options;
  alone.prefetch = false;
  Loader ahead = loader_of(22, options), plain = loader_of(22, alone);
  for (const std::uint64_t step : {0U, 1U, 2U, 7U, 8U, 3U, 3U, 4U, 100U, 101U, 0U}) {
    EXPECT_EQ(numbers_of(ahead.batch(step)), numbers_of(plain.batch(step))) << step;
  }
}

TEST(Loader, AnEpochSeesEachSampleOnce) {
  Loader loader = loader_of(20, {.batch = 5, .shuffle = true});
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    std::set<std::int64_t> seen;
    for (std::uint64_t b = 0; b < 4; ++b) {
      for (const std::int64_t n : numbers_of(loader.batch(4 * epoch + b))) seen.insert(n);
    }
    EXPECT_EQ(seen.size(), 20u);
  }
}

TEST(Loader, ErrorsReachWhoeverAsksForTheStep) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "x.raw";
  testing::write_text(file, raw<std::int64_t>({0, 1, 2, 3}));
  std::vector<Feed> feeds;
  feeds.push_back({"x", open_samples(file, kLabel)});
  Loader loader(std::move(feeds), {.batch = 1});
  static_cast<void>(loader.batch(0));
  std::filesystem::resize_file(file, 16);
  for (int again = 0; again < 2; ++again) {
    EXPECT_THAT(message_of([&] { static_cast<void>(loader.batch(3)); }), HasSubstr("ends early"));
  }
  EXPECT_THAT(numbers_of(loader.batch(1)), ElementsAre(1));
}

TEST(Loader, WhatMakesNoBatchIsRefused) {
  EXPECT_THAT(message_of([] { loader_of(3, {.batch = 4}); }), HasSubstr("no batch of 4"));
  std::vector<Feed> feeds;
  feeds.push_back({"x", synthetic_samples(kLabel, 3, 0)});
  feeds.push_back({"y", synthetic_samples(kLabel, 4, 0)});
  EXPECT_THAT(message_of([&] { Loader(std::move(feeds), {}); }),
              HasSubstr("data for 'x' have 3 samples, those for 'y' 4"));
}

}  // namespace
}  // namespace rockmate
