// What ranks tell each other beside the pipeline's own messages: small, rare, and with a deadline.
#pragma once

#include <string>
#include <vector>

#include "rockmate/transport.h"

namespace rockmate {

/// Every rank's text at rank 0, in the order of the ranks; the others get nothing. `action` is for
/// messages.
[[nodiscard]] std::vector<std::string> gather(Transport& transport, const std::string& text,
                                              Seconds deadline, const std::string& action);
/// Rank 0's text on every rank.
[[nodiscard]] std::string broadcast(Transport& transport, const std::string& text, Seconds deadline,
                                    const std::string& action);
/// No rank leaves before all have come.
void meet(Transport& transport, Seconds deadline, const std::string& action);

}  // namespace rockmate
