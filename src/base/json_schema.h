// What a JSON text has to look like, and where its parts go: a schema is a tree of nodes. A node
// stands for one place of the format: it says what it expects there and where that goes, and
// rejects everything else. The tree is built once; a list sends all its elements through one node.
//
//   Object("a graph")  --"values"-->  list  -->  Object("a value")  --"name"-->  text
//                                                                  --"bytes"-->  whole
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace rockmate::json {

/// Where the reader stands: `file: $.ops[3].seconds`.
class Place {
 public:
  virtual ~Place() = default;
  /// Throws InvalidInput: "file: path: found ..., expected ...".
  [[noreturn]] virtual void reject(std::string_view found, std::string_view expected) const = 0;
  /// The same about a member of the object in which the reader stands.
  [[noreturn]] virtual void reject_member(std::string_view key, std::string_view found,
                                          std::string_view expected) const = 0;
};

/// A JSON value that is neither a list nor an object, and, for a number with a fraction, an
/// exponent or too many digits, its text.
struct Scalar {
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string> value;
  std::string_view written = {};
};

/// How a message shows a scalar.
[[nodiscard]] std::string describe(const Scalar& scalar);

/// One place of a schema. Whatever a node does not override is rejected there.
class Node {
 public:
  virtual ~Node() = default;
  [[nodiscard]] virtual std::string_view expected() const = 0;
  virtual void scalar(const Place& at, Scalar& scalar);
  virtual void begin_list(const Place& at);
  virtual void begin_object(const Place& at);
  /// The node of the next element; null: it is ignored.
  virtual Node* element() { return nullptr; }
  /// The node of a member; null: the key is unknown and ignored with a warning.
  virtual Node* member(const Place&, const std::string&) { return nullptr; }
  virtual void end(const Place&) {}
};
using NodePtr = std::unique_ptr<Node>;

[[nodiscard]] NodePtr text(std::function<void(std::string&&)> sink);
/// `sink` says whether the word is one of those that `expected` lists.
[[nodiscard]] NodePtr word(std::string expected, std::function<bool(const std::string&)> sink);
[[nodiscard]] NodePtr boolean(std::function<void(bool)> sink);
/// A number without fraction and exponent, from -2^63 to 2^63 - 1.
[[nodiscard]] NodePtr integer(std::function<void(std::int64_t)> sink);
/// An integer >= 0.
[[nodiscard]] NodePtr whole(std::function<void(std::int64_t)> sink);
/// A finite number.
[[nodiscard]] NodePtr number(std::function<void(double)> sink);
/// A finite number >= 0.
[[nodiscard]] NodePtr magnitude(std::function<void(double)> sink);
[[nodiscard]] NodePtr list(NodePtr element);
/// An object whose keys are data, each with a string.
[[nodiscard]] NodePtr text_by_key(std::function<void(std::string&& key, std::string&& text)> sink);

/// An object with known members, each of which may stand once.
class Object : public Node {
 public:
  explicit Object(std::string what) : expected_("an object (" + std::move(what) + ")") {}
  Object& required(std::string_view key, NodePtr node);
  Object& optional(std::string_view key, NodePtr node);
  Object& on_begin(std::function<void()> action);
  Object& on_end(std::function<void(const Place&)> action);

  [[nodiscard]] std::string_view expected() const override { return expected_; }
  void begin_object(const Place& at) override;
  Node* member(const Place& at, const std::string& key) override;
  void end(const Place& at) override;

 private:
  struct Member {
    std::string_view key;
    NodePtr node;
    bool is_required = false;
    bool is_seen = false;
  };
  std::string expected_;
  std::vector<Member> members_;
  std::function<void()> on_begin_;
  std::function<void(const Place&)> on_end_;
};

}  // namespace rockmate::json
