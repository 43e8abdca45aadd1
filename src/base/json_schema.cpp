#include "base/json_schema.h"

#include <fmt/format.h>

#include <limits>

#include "base/shown.h"

namespace rockmate::json {
namespace {

// Any scalar; `take` says whether it is an expected one, and sends it on if it is.
class Leaf final : public Node {
 public:
  Leaf(std::string expected, std::function<bool(Scalar&)> take)
      : expected_(std::move(expected)), take_(std::move(take)) {}
  std::string_view expected() const override { return expected_; }
  void scalar(const Place& at, Scalar& scalar) override {
    if (!take_(scalar)) at.reject(describe(scalar), expected_);
  }

 private:
  std::string expected_;
  std::function<bool(Scalar&)> take_;
};

NodePtr leaf(std::string expected, std::function<bool(Scalar&)> take) {
  return std::make_unique<Leaf>(std::move(expected), std::move(take));
}

NodePtr integer_from(std::int64_t least, std::string expected,
                     std::function<void(std::int64_t)> sink) {
  return leaf(std::move(expected), [least, sink = std::move(sink)](Scalar& scalar) {
    const auto* value = std::get_if<std::int64_t>(&scalar.value);
    if (value == nullptr || *value < least) return false;
    sink(*value);
    return true;
  });
}

NodePtr number_from(double least, std::string expected, std::function<void(double)> sink) {
  return leaf(std::move(expected), [least, sink = std::move(sink)](Scalar& scalar) {
    const auto* exact = std::get_if<std::int64_t>(&scalar.value);
    const auto* real = std::get_if<double>(&scalar.value);
    if (exact == nullptr && real == nullptr) return false;
    const double value = exact != nullptr ? static_cast<double>(*exact) : *real;
    if (value < least) return false;
    sink(value);
    return true;
  });
}

class List final : public Node {
 public:
  explicit List(NodePtr element) : element_(std::move(element)) {}
  std::string_view expected() const override { return "a list"; }
  void begin_list(const Place&) override {}
  Node* element() override { return element_.get(); }

 private:
  NodePtr element_;
};

class TextByKey final : public Node {
 public:
  explicit TextByKey(std::function<void(std::string&&, std::string&&)> sink)
      : sink_(std::move(sink)),
        text_(text([this](std::string&& value) { sink_(std::move(key_), std::move(value)); })) {}
  std::string_view expected() const override { return "an object whose members are strings"; }
  void begin_object(const Place&) override {}
  Node* member(const Place&, const std::string& key) override {
    key_ = key;
    return text_.get();
  }

 private:
  std::function<void(std::string&&, std::string&&)> sink_;
  NodePtr text_;
  std::string key_;
};

}  // namespace

std::string describe(const Scalar& scalar) {
  if (!scalar.written.empty()) return shown(scalar.written, 40);
  if (const auto* truth = std::get_if<bool>(&scalar.value)) return *truth ? "true" : "false";
  if (const auto* exact = std::get_if<std::int64_t>(&scalar.value)) return std::to_string(*exact);
  if (const auto* text = std::get_if<std::string>(&scalar.value)) {
    return fmt::format("\"{}\"", shown(*text));
  }
  return "null";
}

void Node::scalar(const Place& at, Scalar& scalar) { at.reject(describe(scalar), expected()); }
void Node::begin_list(const Place& at) { at.reject("a list", expected()); }
void Node::begin_object(const Place& at) { at.reject("an object", expected()); }

NodePtr text(std::function<void(std::string&&)> sink) {
  return leaf("a string", [sink = std::move(sink)](Scalar& scalar) {
    auto* value = std::get_if<std::string>(&scalar.value);
    if (value == nullptr) return false;
    sink(std::move(*value));
    return true;
  });
}

NodePtr word(std::string expected, std::function<bool(const std::string&)> sink) {
  return leaf(std::move(expected), [sink = std::move(sink)](Scalar& scalar) {
    const auto* value = std::get_if<std::string>(&scalar.value);
    return value != nullptr && sink(*value);
  });
}

NodePtr boolean(std::function<void(bool)> sink) {
  return leaf("true or false", [sink = std::move(sink)](Scalar& scalar) {
    const auto* value = std::get_if<bool>(&scalar.value);
    if (value == nullptr) return false;
    sink(*value);
    return true;
  });
}

NodePtr integer(std::function<void(std::int64_t)> sink) {
  return integer_from(std::numeric_limits<std::int64_t>::min(),
                      "a whole number of 64 bits, without fraction or exponent", std::move(sink));
}

NodePtr whole(std::function<void(std::int64_t)> sink) {
  return integer_from(0, "a whole number from 0 to 2^63 - 1, without fraction or exponent",
                      std::move(sink));
}

NodePtr number(std::function<void(double)> sink) {
  return number_from(std::numeric_limits<double>::lowest(), "a finite number", std::move(sink));
}

NodePtr magnitude(std::function<void(double)> sink) {
  return number_from(0, "a finite number >= 0", std::move(sink));
}

NodePtr list(NodePtr element) { return std::make_unique<List>(std::move(element)); }

NodePtr text_by_key(std::function<void(std::string&&, std::string&&)> sink) {
  return std::make_unique<TextByKey>(std::move(sink));
}

Object& Object::required(std::string_view key, NodePtr node) {
  members_.push_back({key, std::move(node), true});
  return *this;
}
Object& Object::optional(std::string_view key, NodePtr node) {
  members_.push_back({key, std::move(node), false});
  return *this;
}
Object& Object::on_begin(std::function<void()> action) {
  on_begin_ = std::move(action);
  return *this;
}
Object& Object::on_end(std::function<void(const Place&)> action) {
  on_end_ = std::move(action);
  return *this;
}

void Object::begin_object(const Place&) {
  for (Member& member : members_) member.is_seen = false;
  if (on_begin_) on_begin_();
}

Node* Object::member(const Place& at, const std::string& key) {
  for (Member& member : members_) {
    if (member.key != key) continue;
    if (member.is_seen) at.reject_member(key, "the key a second time", "each key once");
    member.is_seen = true;
    return member.node.get();
  }
  return nullptr;
}

void Object::end(const Place& at) {
  for (const Member& member : members_) {
    if (member.is_required && !member.is_seen) {
      at.reject_member(member.key, "nothing", member.node->expected());
    }
  }
  if (on_end_) on_end_(at);
}

}  // namespace rockmate::json
