#include "graph/shuffle_rows.h"

#include <fmt/format.h>

namespace rockmate {
namespace {

using Integers = std::vector<std::int64_t>;

// Appends steps that make tensors named after a result, for the phase and the node of a step.
class Writer {
 public:
  Writer(Tape& tape, TensorId result, const Step& like)
      : tape_(tape), name_(tape[result].tensor.name), phase_(like.phase), origin_(like.origin) {}

  std::vector<TensorId> make(const char* role, OpKind kind, std::vector<TensorId> inputs,
                             Attributes attributes) {
    return tape_.emit(fmt::format("{}.{}", name_, role), kind, std::move(inputs),
                      std::move(attributes), phase_, origin_);
  }
  TensorId view(const char* role, TensorId t, const Shape& shape) {
    return make(role, OpKind::kReshape, {t}, {{"shape", shape}}).front();
  }
  TensorId rows(TensorId image) { return make("rows", OpKind::kReinterpret, {image}, {}).front(); }
  // Rows of pixels are the image, which was a tensor before.
  void become(TensorId rows, TensorId image) {
    tape_.set_format(image, MemoryFormat::kChannelsLast);
    Node node{tape_.unique(tape_[image].tensor.name + ".channels_last"),
              OpKind::kReinterpret,
              {},
              {rows},
              {image}};
    tape_.append({std::move(node), phase_, origin_});
  }

 private:
  Tape& tape_;
  std::string name_;
  Phase phase_;
  std::optional<NodeId> origin_;
};

}  // namespace

void append_in_rows(Tape& tape, const ChannelShuffle& shuffle, const Step& first) {
  const Shape x = tape[shuffle.image].tensor.type.shape;  // emitting moves tensors
  const std::int64_t groups = shuffle.groups;
  Writer write(tape, shuffle.result, first);
  TensorId t =
      write.view("groups", write.rows(shuffle.image), {x[0], x[2], x[3], groups, x[1] / groups});
  t = write.make("shuffled", OpKind::kTranspose, {t}, {{"permutation", Integers{0, 1, 2, 4, 3}}})
          .front();
  write.become(write.view("joined", t, {x[0], x[2], x[3], x[1]}), shuffle.result);
}

void append_in_rows(Tape& tape, const ShuffledConcatenation& found,
                    const std::vector<Step>& steps) {
  const Shape x = tape[found.shuffle.image].tensor.type.shape;
  const std::int64_t groups = found.shuffle.groups;
  Writer write(tape, found.shuffle.result, steps[found.shuffle.join]);
  std::vector<TensorId> pieces;
  for (const TensorId piece : found.pieces) {
    pieces.push_back(write.view("piece", write.rows(piece), {x[0], x[2], x[3], x[1] / groups, 1}));
  }
  const TensorId whole =
      write.make("shuffled", OpKind::kConcat, pieces, {{"axis", std::int64_t{4}}}).front();
  if (!found.split) {
    write.become(write.view("joined", whole, {x[0], x[2], x[3], x[1]}), found.shuffle.result);
    return;
  }
  const Node& split = steps[*found.split].node;
  Integers sizes = split.attributes.integers("sizes");
  for (std::int64_t& size : sizes) size /= groups;
  const auto parts =
      write.make("parts", OpKind::kSplit, {whole}, {{"axis", std::int64_t{3}}, {"sizes", sizes}});
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const Shape part = {x[0], x[2], x[3], sizes[p] * groups};
    write.become(write.view("part", parts[p], part), split.outputs[p]);
  }
}

}  // namespace rockmate
