// How the ranks of a pipeline exchange bytes: point to point, in order, matched by a tag. Nothing
// here waits for ever: whoever waits does so with a deadline. There are two, threads of one process
// and MPI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "rockmate/units.h"

namespace rockmate {

/// A rank did not answer in time, or gave up. The message is one line that names ranks and action.
class RankFailure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// When a send is done.
enum class SendMode : std::uint8_t {
  kStandard,    ///< as the transport likes: small messages may be buffered
  kSynchronous  ///< when its receive has been posted: what hangs elsewhere hangs here
};

/// One rank's end; for one thread. Messages from one rank to another with the same tag arrive in
/// the order in which they are sent.
class Transport {
 public:
  using Request = std::size_t;
  virtual ~Transport() = default;
  [[nodiscard]] virtual std::size_t rank() const = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Of a clock that does not go back.
  [[nodiscard]] virtual Seconds now() = 0;

  /// Neither waits. The bytes must stay where they are until `test` has said true.
  [[nodiscard]] virtual Request send(std::span<const std::byte> bytes, std::size_t to, int tag) = 0;
  [[nodiscard]] virtual Request receive(std::span<std::byte> bytes, std::size_t from, int tag) = 0;
  /// Whether it is done; a request that is done is gone. Throws RankFailure where another rank has
  /// given up.
  [[nodiscard]] virtual bool test(Request request) = 0;
  /// Moves messages on while the rank computes.
  virtual void progress() = 0;

  /// Ends the other ranks: those of MPI at once and this one with them, threads in their next
  /// `test`.
  virtual void give_up(const std::string& why) = 0;
};

/// Tests until it is done. Throws RankFailure ("rank 1: WA1.0: ...") after `deadline`; `action`
/// says what waits, `peer` for whom.
void wait_for(Transport& transport, Transport::Request request, Seconds deadline,
              const std::string& action, std::size_t peer);

/// The ranks of one process, each for a thread of its own.
[[nodiscard]] std::vector<std::unique_ptr<Transport>> make_local_transports(
    std::size_t ranks, SendMode mode = SendMode::kStandard);

/// Whether this process was started by mpirun and the library knows MPI.
[[nodiscard]] bool runs_under_mpi();
/// This process's rank; initialises MPI, which ends with the transport. At most one per process.
/// Throws InvalidInput where the library was built without MPI.
[[nodiscard]] std::unique_ptr<Transport> make_mpi_transport(SendMode mode = SendMode::kStandard);

}  // namespace rockmate
