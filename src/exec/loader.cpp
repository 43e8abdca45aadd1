#include "exec/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/shown.h"
#include "exec/indices.h"
#include "graph/op_table.h"
#include "rockmate/error.h"

namespace rockmate {

// One of the sources being made: the values that it comes from live as long.
class Loader::Making {
 public:
  explicit Making(const Loader& loader) : loader_(loader), load_(loader.load_) {}

  void run(const Load::Made& made);

 private:
  // On kAlignment.
  std::span<std::byte> room(Bytes bytes);
  std::span<std::byte> value(ValueId v);
  void run_kernel(std::size_t k);
  void pack(const Load::Made& made, std::span<std::byte> to);

  const Loader& loader_;
  const Load& load_;
  std::map<ValueId, std::span<std::byte>> values_;
  std::vector<Bits> rooms_;
};

std::span<std::byte> Loader::Making::room(Bytes bytes) {
  const auto size = static_cast<std::size_t>(bytes.count());
  const auto unit = static_cast<std::size_t>(kAlignment.count());
  Bits& memory = rooms_.emplace_back(size + unit);
  const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
  return std::span(memory).subspan((unit - address % unit) % unit, size);
}

std::span<std::byte> Loader::Making::value(ValueId v) {
  if (const auto known = values_.find(v); known != values_.end()) return known->second;
  if (const auto& maker = loader_.maker_[v]) {
    run_kernel(*maker);
    return values_.at(v);
  }
  for (std::size_t i = 0; i < load_.sources.size(); ++i) {
    if (load_.sources[i].value != v) continue;
    if (const auto& resident = loader_.inputs_[i].resident) {
      return values_[v] = loader_.places_(*resident);
    }
    values_[v] = room(load_.types[v].bytes());
    loader_.write_input(i, values_[v]);
    return values_[v];
  }
  ROCKMATE_CHECK(false, "a value that is neither made nor a source");
}

void Loader::Making::run_kernel(std::size_t k) {
  const Kernel& kernel = load_.kernels[k];
  if (definition(kernel.kind).is_view) {
    values_[kernel.outputs[0]] = value(kernel.inputs[0]);
    return;
  }
  KernelSpec spec{load_.names[kernel.outputs[0]], kernel, {}, {}};
  std::vector<TensorRef> inputs, outputs;
  for (const ValueId v : kernel.inputs) {
    spec.inputs.push_back(load_.types[v]);
    inputs.push_back({value(v).data(), &load_.types[v]});
  }
  for (const ValueId v : kernel.outputs) {
    spec.outputs.push_back(load_.types[v]);
    values_[v] = room(load_.types[v].bytes());
    outputs.push_back({values_[v].data(), &load_.types[v]});
  }
  const auto workspace = room(loader_.engine_.workspace(spec));
  loader_.engine_.prepare(spec)->run({inputs, outputs, workspace, loader_.seed_});
}

void Loader::Making::pack(const Load::Made& made, std::span<std::byte> to) {
  const KernelSpec spec = kernel_spec(loader_.model_, *made.packed_for);
  std::vector<TensorRef> inputs;
  for (std::size_t i = 0; i < made.from.size(); ++i) {
    const auto& v = made.from[i];
    inputs.push_back(v ? TensorRef{value(*v).data(), &load_.types[*v]}
                       : TensorRef{nullptr, &spec.inputs[i]});
  }
  const std::vector<TensorRef> outputs = {{to.data(), &spec.inputs[made.operand]}};
  const Packer packer = loader_.engine_.packer(spec, made.operand);
  packer.kernel->run({inputs, outputs, room(packer.workspace), loader_.seed_});
}

void Loader::Making::run(const Load::Made& made) {
  const std::span<std::byte> to = loader_.places_(made.source);
  if (made.packed_for) {
    pack(made, to);
  } else {
    std::ranges::copy(value(*made.from.front()), to.begin());
  }
}

Loader::Loader(const TrainingModel& model, const Engine& engine, Places places, std::uint64_t seed,
               int threads)
    : model_(model),
      load_(*model.load),
      engine_(engine),
      places_(std::move(places)),
      seed_(seed),
      threads_(threads),
      maker_(load_.types.size()),
      inputs_(load_.sources.size()) {
  for (std::size_t k = 0; k < load_.kernels.size(); ++k) {
    for (const ValueId v : load_.kernels[k].outputs) maker_[v] = k;
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    inputs_[i].resident = model.graph.find_value(load_.names[load_.sources[i].value]);
  }
  for (const Load::Made& made : load_.made) {
    Product& product = products_.emplace_back();
    product.inputs = inputs_of(made);
    product.is_new.resize(product.inputs.size());
    for (const std::size_t i : product.inputs) inputs_[i].makes.push_back(products_.size() - 1);
  }
}

std::vector<std::size_t> Loader::inputs_of(const Load::Made& made) const {
  IdVector<ValueId, char> seen(load_.types.size());
  std::vector<ValueId> open;
  const auto visit = [&](ValueId v) {
    if (seen[v] == 0) open.push_back(v);
    seen[v] = 1;
  };
  for (const auto& v : made.from) {
    if (v) visit(*v);
  }
  while (!open.empty()) {
    const ValueId v = open.back();
    open.pop_back();
    if (!maker_[v]) continue;
    for (const ValueId input : load_.kernels[*maker_[v]].inputs) visit(input);
  }
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < load_.sources.size(); ++i) {
    if (seen[load_.sources[i].value] != 0) found.push_back(i);
  }
  return found;
}

std::optional<std::size_t> Loader::find(std::string_view source) const {
  for (std::size_t i = 0; i < load_.sources.size(); ++i) {
    if (load_.names[load_.sources[i].value] == source) return i;
  }
  return std::nullopt;
}

const TensorType* Loader::type_of(std::string_view source) const {
  const auto found = find(source);
  return found ? &load_.types[load_.sources[*found].value] : nullptr;
}

void Loader::set(std::string_view source, std::span<const std::byte> bytes) {
  const std::size_t i = find(source).value();
  Input& input = inputs_[i];
  if (!input.resident) input.bytes.emplace(bytes.begin(), bytes.end());
  input.was_set = true;
  for (const std::size_t p : input.makes) {
    Product& product = products_[p];
    product.is_made = false;
    const auto place = std::ranges::find(product.inputs, i) - product.inputs.begin();
    product.is_new[static_cast<std::size_t>(place)] = 1;
    if (std::ranges::all_of(product.is_new, [](char is_new) { return is_new != 0; })) make(p);
  }
}

void Loader::finish() {
  for (std::size_t p = 0; p < products_.size(); ++p) {
    if (products_[p].is_made) continue;
    for (const std::size_t i : products_[p].inputs) {
      if (inputs_[i].resident || inputs_[i].bytes || !inputs_[i].was_set) continue;
      throw InvalidInput(
          fmt::format("'{}' has to be set again: '{}' is made of it and of others that were set "
                      "since, and it was not kept",
                      shown(load_.names[load_.sources[i].value]),
                      shown(model_.graph[load_.made[p].source].name)));
    }
    make(p);
  }
}

void Loader::make(std::size_t product) {
  Making(*this).run(load_.made[product]);
  Product& done = products_[product];
  done.is_made = true;
  std::ranges::fill(done.is_new, char{});
  drop_unneeded(done);
}

void Loader::drop_unneeded(const Product& product) {
  for (const std::size_t i : product.inputs) {
    const auto is_made = [&](std::size_t p) { return products_[p].is_made; };
    if (std::ranges::all_of(inputs_[i].makes, is_made)) inputs_[i].bytes.reset();
  }
}

void Loader::write_input(std::size_t input, std::span<std::byte> to) const {
  if (const auto& bytes = inputs_[input].bytes) {
    std::ranges::copy(*bytes, to.begin());
    return;
  }
  const Source& source = load_.sources[input];
  write_initial_values({source, source.position, load_.types[source.value], to}, seed_, threads_);
}

}  // namespace rockmate
