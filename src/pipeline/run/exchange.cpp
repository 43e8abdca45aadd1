#include "pipeline/run/exchange.h"

#include <array>
#include <cstring>

namespace rockmate {
namespace {

// Tags below those of data; see kFirstDataTag.
constexpr int kLength = 2, kText = 3;

void send_text(Transport& transport, const std::string& text, std::size_t to, Seconds deadline,
               const std::string& action) {
  const std::uint64_t length = text.size();
  std::array<std::byte, sizeof(length)> header{};
  std::memcpy(header.data(), &length, sizeof(length));
  const auto first = transport.send(header, to, kLength);
  const auto second = transport.send(std::as_bytes(std::span(text)), to, kText);
  wait_for(transport, first, deadline, action, to);
  wait_for(transport, second, deadline, action, to);
}

std::string receive_text(Transport& transport, std::size_t from, Seconds deadline,
                         const std::string& action) {
  std::array<std::byte, sizeof(std::uint64_t)> header{};
  wait_for(transport, transport.receive(header, from, kLength), deadline, action, from);
  std::uint64_t length = 0;
  std::memcpy(&length, header.data(), sizeof(length));
  std::string text(length, '\0');
  const auto bytes = std::as_writable_bytes(std::span(text));
  wait_for(transport, transport.receive(bytes, from, kText), deadline, action, from);
  return text;
}

}  // namespace

std::vector<std::string> gather(Transport& transport, const std::string& text, Seconds deadline,
                                const std::string& action) {
  if (transport.rank() != 0) {
    send_text(transport, text, 0, deadline, action);
    return {};
  }
  std::vector<std::string> texts = {text};
  for (std::size_t r = 1; r < transport.size(); ++r) {
    texts.push_back(receive_text(transport, r, deadline, action));
  }
  return texts;
}

std::string broadcast(Transport& transport, const std::string& text, Seconds deadline,
                      const std::string& action) {
  if (transport.rank() != 0) return receive_text(transport, 0, deadline, action);
  for (std::size_t r = 1; r < transport.size(); ++r) {
    send_text(transport, text, r, deadline, action);
  }
  return text;
}

void meet(Transport& transport, Seconds deadline, const std::string& action) {
  static_cast<void>(gather(transport, "", deadline, action));
  static_cast<void>(broadcast(transport, "", deadline, action));
}

}  // namespace rockmate
