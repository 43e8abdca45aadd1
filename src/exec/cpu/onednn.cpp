#include "exec/cpu/onednn.h"

#include <omp.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/check.h"

namespace rockmate::cpu::onednn {
namespace {

constexpr std::int64_t kFloat = 4;  // bytes

const dnnl::stream& stream() {
  static const dnnl::stream only(engine());
  return only;
}

// The elements along axis 0 that a format keeps together.
std::int64_t block(const dnnl::memory& memory) {
  const dnnl_blocking_desc_t& format = memory.get_desc().data.format_desc.blocking;
  std::int64_t elements = 1;
  for (int b = 0; b < format.inner_nblks; ++b) {
    if (format.inner_idxs[b] == 0) elements *= format.inner_blks[b];
  }
  return elements;
}

bool is_done(const Sequence::Call& call) {
  return call.is_copy && call.arguments.at(DNNL_ARG_FROM).get_data_handle() ==
                             call.arguments.at(DNNL_ARG_TO).get_data_handle();
}

}  // namespace

OneThread::OneThread() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }
OneThread::~OneThread() { omp_set_num_threads(threads_); }

const dnnl::engine& engine() {
  static const dnnl::engine only(dnnl::engine::kind::cpu, 0);
  return only;
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

Desc desc(const Shape& shape, MemoryFormat format) {
  Dims strides(shape.size());
  std::int64_t stride = 1;
  if (format == MemoryFormat::kChannelsLast) {
    strides[1] = 1;
    stride = shape[1];
  }
  for (std::size_t a = shape.size(); a-- > 0;) {
    if (format == MemoryFormat::kChannelsLast && a == 1) continue;
    strides[a] = stride;
    stride *= shape[a];
  }
  return {shape, dnnl::memory::data_type::f32, strides};
}

Desc any_desc(const Shape& shape) {
  return {shape, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

bool is_poor(const dnnl::primitive_desc_base& primitive) {
  return std::string_view(primitive.impl_info_str()).find("ref") != std::string_view::npos;
}

dnnl::memory Sequence::place(const Desc& desc, Home home, std::size_t index, Bytes offset) {
  dnnl::memory memory(desc, engine(), nullptr);
  places_.push_back({memory, home, index, offset.count()});
  return memory;
}

dnnl::memory Sequence::input(std::size_t i, const Desc& desc, Bytes offset) {
  return place(desc, Home::kInput, i, offset);
}

dnnl::memory Sequence::output(std::size_t i, const Desc& desc, Bytes offset) {
  return place(desc, Home::kOutput, i, offset);
}

dnnl::memory Sequence::scratch(const Desc& desc) {
  const Bytes at = workspace_;
  workspace_ += aligned(Bytes(static_cast<std::int64_t>(desc.get_size())));
  return place(desc, Home::kWorkspace, 0, at);
}

dnnl::memory Sequence::seen_as(const dnnl::memory& memory, const Desc& desc, Bytes offset) {
  const auto found = std::find_if(places_.begin(), places_.end(), [&](const Place& each) {
    return each.memory.get() == memory.get();
  });
  ROCKMATE_CHECK(found != places_.end(), "memory of another sequence");
  return place(desc, found->home, found->index, Bytes(found->offset) + offset);
}

Sequence::Call Sequence::call(const dnnl::primitive_desc_base& desc, dnnl::primitive primitive,
                              std::unordered_map<int, dnnl::memory> arguments) {
  if (const Desc pad = desc.scratchpad_desc(); pad.get_size() > 0) {
    arguments.emplace(DNNL_ARG_SCRATCHPAD, scratch(pad));
  }
  return {std::move(primitive), std::move(arguments)};
}

Sequence::Call Sequence::reorder(const dnnl::memory& from, const dnnl::memory& to) {
  const dnnl::reorder::primitive_desc desc(engine(), from.get_desc(), engine(), to.get_desc(),
                                           attributes());
  return call(desc, dnnl::reorder(desc), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

Sequence::Call Sequence::copy(const dnnl::memory& from, const dnnl::memory& to) {
  Call made = reorder(from, to);
  made.is_copy = true;
  return made;
}

Sequence::Call Sequence::weight_reorder(const dnnl::memory& from, const dnnl::memory& to,
                                        const std::optional<dnnl::memory>& scale, bool has_groups) {
  if (!scale) return reorder(from, to);
  constexpr int kChannels = 1 << 0;         // axis
  constexpr int kGroups = 1 << 0 | 1 << 1;  // and channels of each
  dnnl::primitive_attr how = attributes();
  how.set_output_scales(has_groups ? kGroups : kChannels, {DNNL_RUNTIME_F32_VAL});
  const dnnl::reorder::primitive_desc desc(engine(), from.get_desc(), engine(), to.get_desc(), how);
  return call(desc, dnnl::reorder(desc),
              {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {DNNL_ARG_ATTR_OUTPUT_SCALES, *scale}});
}

Sequence::Stage Sequence::reorder_weights(const dnnl::memory& from, const dnnl::memory& to,
                                          const std::optional<dnnl::memory>& scale,
                                          bool has_groups) {
  constexpr std::int64_t kLeastSlice = 1 << 15;  // bytes
  const Dims dims = to.get_desc().dims();
  const std::int64_t unit = std::max(block(to), block(from));
  const std::int64_t units = (dims[0] + unit - 1) / unit;
  const auto bytes = static_cast<std::int64_t>(to.get_desc().get_size());
  const std::int64_t slices =
      std::clamp<std::int64_t>(bytes / kLeastSlice, 1, std::min(units, kMostParts));
  const std::int64_t each = has_groups ? dims[1] : 1;  // channels
  Stage stage;
  for (std::int64_t s = 0; s < slices; ++s) {
    Dims first(dims.size()), extents = dims;
    first[0] = units * s / slices * unit;
    extents[0] = std::min(dims[0], units * (s + 1) / slices * unit) - first[0];
    const Desc from_slice = from.get_desc().submemory_desc(extents, first, true);
    const Desc to_slice = to.get_desc().submemory_desc(extents, first, true);
    if (from_slice.is_zero() || to_slice.is_zero()) {
      return {{weight_reorder(from, to, scale, has_groups)}};
    }
    std::optional<dnnl::memory> factors;
    if (scale) {
      factors = seen_as(*scale, desc({extents[0] * each}, MemoryFormat::kRowMajor),
                        Bytes(first[0] * each * kFloat));
    }
    stage.push_back(
        {weight_reorder(seen_as(from, from_slice), seen_as(to, to_slice), factors, has_groups)});
  }
  return stage;
}

Sequence::Stage Sequence::sum(const std::vector<dnnl::memory>& summands) {
  const auto count = static_cast<std::int64_t>(summands.front().get_desc().get_size()) / kFloat;
  Stage stage;
  for (std::int64_t s = 0; s < kMostParts; ++s) {
    const std::int64_t first = count * s / kMostParts;
    const Shape shape = {count * (s + 1) / kMostParts - first};
    if (shape[0] == 0) continue;
    const auto slice = [&](const dnnl::memory& memory) {
      return seen_as(memory, desc(shape, MemoryFormat::kRowMajor), Bytes(first * kFloat));
    };
    const dnnl::memory total = slice(summands.front());
    const Desc flat = total.get_desc();
    const dnnl::binary::primitive_desc made({dnnl::algorithm::binary_add, flat, flat, flat},
                                            attributes(), engine());
    Strand strand;
    for (std::size_t i = 1; i < summands.size(); ++i) {
      strand.push_back(call(
          made, dnnl::binary(made),
          {{DNNL_ARG_SRC_0, total}, {DNNL_ARG_SRC_1, slice(summands[i])}, {DNNL_ARG_DST, total}}));
    }
    stage.push_back(std::move(strand));
  }
  return stage;
}

void Sequence::run(const Run& run) {
  const OneThread one_thread;
  for (Place& each : places_) {
    std::byte* origin = run.workspace().data();
    if (each.home == Home::kInput) {
      origin = const_cast<std::byte*>(run.in<std::byte>(each.index));  // is read only
    } else if (each.home == Home::kOutput) {
      origin = run.out<std::byte>(each.index);
    }
    each.memory.set_data_handle(origin + each.offset, stream());
  }
  if (first_) first_(run);
  for (const Stage& stage : stages_) {
    const auto strands = static_cast<std::int64_t>(stage.size());
    parallel_for(run.threads(), strands, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t s = begin; s < end; ++s) {
        for (const Call& each : stage[static_cast<std::size_t>(s)]) {
          if (!is_done(each)) each.primitive.execute(stream(), each.arguments);
        }
      }
    });
  }
}

Prepared Sequence::prepared() && {
  const Bytes workspace = workspace_;
  const auto shared = std::make_shared<Sequence>(std::move(*this));
  return {[shared](const Run& run) { shared->run(run); }, workspace};
}

}  // namespace rockmate::cpu::onednn
