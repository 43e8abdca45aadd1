#include "base/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "base/shown.h"
#include "rockmate/error.h"

namespace rockmate::json {
namespace {

bool is_plain(std::string_view key) {
  return !key.empty() && key.size() <= 40 && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string step(std::string_view key) {
  return is_plain(key) ? fmt::format(".{}", key) : fmt::format("['{}']", shown(key));
}

// A list or an object that has begun and not ended.
struct Frame {
  Node* node = nullptr;
  bool is_list = false;
  std::size_t begun = 0;  // elements so far, the one at which the reader stands included
  std::string key;        // the member at which the reader stands
  Node* member = nullptr;
};

// The parser of nlohmann-json calls one function for each token. It keeps its own stack of brackets
// on the heap, and so do we.
class Events final : public Place, public nlohmann::json_sax<nlohmann::json> {
 public:
  Events(const std::string& origin, Node& schema, std::vector<std::string>* warnings)
      : origin_(shown(origin, 400)), schema_(schema), warnings_(warnings) {}

  void reject(std::string_view found, std::string_view expected) const override {
    reject_at(path(true), found, expected);
  }
  void reject_member(std::string_view key, std::string_view found,
                     std::string_view expected) const override {
    reject_at(path(true) + step(key), found, expected);
  }

  bool null() override { return scalar({nullptr}); }
  bool boolean(bool value) override { return scalar({value}); }
  bool number_integer(std::int64_t value) override { return scalar({value}); }
  bool number_unsigned(std::uint64_t value) override {
    if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return scalar({static_cast<std::int64_t>(value)});
    }
    return scalar({static_cast<double>(value), std::to_string(value)});
  }
  bool number_float(double value, const std::string& written) override {
    return scalar({value, written});
  }
  bool string(std::string& value) override { return scalar({std::move(value)}); }
  bool binary(nlohmann::json::binary_t&) override { return false; }  // JSON text has none
  bool start_object(std::size_t) override { return begin(false); }
  bool start_array(std::size_t) override { return begin(true); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool key(std::string& name) override;
  bool parse_error(std::size_t, const std::string& last,
                   const nlohmann::json::exception& error) override;

 private:
  [[noreturn]] void reject_at(const std::string& where, std::string_view found,
                              std::string_view expected) const {
    throw InvalidInput(
        fmt::format("{}: {}: found {}, expected {}", origin_, where, found, expected));
  }
  // Without indices it names a kind of place.
  [[nodiscard]] std::string path(bool with_indices) const;
  // The node of the value that comes now; null: it is ignored.
  Node* next();
  bool scalar(Scalar scalar);
  bool begin(bool is_list);
  bool end();
  void warn(std::string_view key);

  std::string origin_;
  Node& schema_;
  std::vector<std::string>* warnings_;
  std::set<std::string> warned_;
  std::vector<Frame> frames_;
  std::size_t ignored_ = 0;  // brackets that are open within an ignored value
};

std::string Events::path(bool with_indices) const {
  std::string path = "$";
  for (std::size_t k = 0; k < frames_.size(); ++k) {
    const Frame& frame = frames_[k];
    if (frame.is_list) {
      if (frame.begun > 0) path += with_indices ? fmt::format("[{}]", frame.begun - 1) : "[]";
    } else if (!frame.key.empty()) {
      path += step(frame.key);
    }
  }
  return path;
}

Node* Events::next() {
  if (frames_.empty()) return &schema_;
  Frame& frame = frames_.back();
  if (!frame.is_list) return frame.member;
  ++frame.begun;
  return frame.node->element();
}

bool Events::scalar(Scalar scalar) {
  if (ignored_ > 0) return true;
  if (Node* node = next()) node->scalar(*this, scalar);
  if (!frames_.empty()) frames_.back().key.clear();
  return true;
}

bool Events::begin(bool is_list) {
  Node* node = ignored_ > 0 ? nullptr : next();
  if (frames_.size() + ignored_ >= kDeepest) {
    reject("another list or object", fmt::format("at most {} of them within each other", kDeepest));
  }
  if (node == nullptr) {
    ++ignored_;
    return true;
  }
  is_list ? node->begin_list(*this) : node->begin_object(*this);
  frames_.push_back({node, is_list, 0, {}, nullptr});
  return true;
}

bool Events::end() {
  if (ignored_ > 0) {
    --ignored_;
    return true;
  }
  Frame& frame = frames_.back();
  Node* node = frame.node;
  frames_.pop_back();
  node->end(*this);
  if (!frames_.empty()) frames_.back().key.clear();
  return true;
}

bool Events::key(std::string& name) {
  if (ignored_ > 0) return true;
  Frame& frame = frames_.back();
  frame.key.clear();
  frame.member = frame.node->member(*this, name);
  if (frame.member == nullptr) warn(name);
  frame.key = std::move(name);
  return true;
}

void Events::warn(std::string_view key) {
  if (warnings_ == nullptr || warned_.size() > kMostWarnings) return;
  const std::string kind = path(false);
  const std::string where = kind == "$" ? "" : kind + ": ";
  if (!warned_.insert(where + std::string(shown(key))).second) return;
  warnings_->push_back(
      warned_.size() > kMostWarnings
          ? fmt::format("{}: more unknown keys ignored", origin_)
          : fmt::format("{}: {}unknown key '{}' ignored", origin_, where, shown(key)));
}

bool Events::parse_error(std::size_t, const std::string& last,
                         const nlohmann::json::exception& error) {
  constexpr int kNumberOverflow = 406;
  if (error.id == kNumberOverflow) {
    if (ignored_ == 0) next();
    reject(shown(last, 40), "a number that a double can hold");
  }
  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
  std::string_view reason = error.what();
  constexpr std::string_view kPrefix = "parse error ";
  if (const auto at = reason.find(kPrefix); at != std::string_view::npos) {
    reason.remove_prefix(at + kPrefix.size());
  }
  throw InvalidInput(fmt::format("{}: {}: not JSON {}", origin_, path(true), shown(reason, 240)));
}

}  // namespace

void read(std::string_view text, const std::string& origin, Node& schema,
          std::vector<std::string>* warnings) {
  Events events(origin, schema, warnings);
  nlohmann::json::sax_parse(text.begin(), text.end(), &events);
}

}  // namespace rockmate::json
