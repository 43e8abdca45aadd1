#include "rockmate/transport.h"

#include <fmt/format.h>

namespace rockmate {

void wait_for(Transport& transport, Transport::Request request, Seconds deadline,
              const std::string& action, std::size_t peer) {
  const Seconds start = transport.now();
  while (!transport.test(request)) {
    if (transport.now() - start <= deadline) continue;
    throw RankFailure(fmt::format("rank {}: {}: rank {} has not answered within {}",
                                  transport.rank(), action, peer, to_string(deadline)));
  }
}

}  // namespace rockmate
