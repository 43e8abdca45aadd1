// Ranks as processes of an MPI job. The only file that knows MPI.

#include <cstdlib>

#include "rockmate/error.h"
#include "rockmate/transport.h"

#ifdef ROCKMATE_WITH_MPI

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <limits>
#include <map>
#include <thread>

#include "base/check.h"

namespace rockmate {
namespace {

class MpiTransport final : public Transport {
 public:
  explicit MpiTransport(SendMode mode) : mode_(mode) {
    int provided = 0;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided));
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_));
    check(MPI_Comm_size(MPI_COMM_WORLD, &size_));
  }
  ~MpiTransport() override { MPI_Finalize(); }
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;

  [[nodiscard]] std::size_t rank() const override { return static_cast<std::size_t>(rank_); }
  [[nodiscard]] std::size_t size() const override { return static_cast<std::size_t>(size_); }
  [[nodiscard]] Seconds now() override { return Seconds(MPI_Wtime()); }

  Request send(std::span<const std::byte> bytes, std::size_t to, int tag) override {
    const auto start = mode_ == SendMode::kSynchronous ? MPI_Issend : MPI_Isend;
    MPI_Request request = MPI_REQUEST_NULL;
    check(start(bytes.data(), count(bytes.size()), MPI_BYTE, static_cast<int>(to), tag,
                MPI_COMM_WORLD, &request));
    return add(request);
  }

  Request receive(std::span<std::byte> bytes, std::size_t from, int tag) override {
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Irecv(bytes.data(), count(bytes.size()), MPI_BYTE, static_cast<int>(from), tag,
                    MPI_COMM_WORLD, &request));
    return add(request);
  }

  bool test(Request request) override {
    const auto found = requests_.find(request);
    ROCKMATE_CHECK(found != requests_.end());
    int is_done = 0;
    check(MPI_Test(&found->second, &is_done, MPI_STATUS_IGNORE));
    if (is_done != 0) {
      requests_.erase(found);
      return true;
    }
    std::this_thread::yield();  // ranks may share a core
    return false;
  }

  void progress() override {
    // A look at one request moves all of them on.
    int is_done = 0;
    if (requests_.empty()) return;
    check(MPI_Request_get_status(requests_.begin()->second, &is_done, MPI_STATUS_IGNORE));
  }

  void give_up(const std::string&) override { MPI_Abort(MPI_COMM_WORLD, kGaveUp); }

 private:
  static constexpr int kGaveUp = 2;  // the exit code of the job

  static void check(int code) {
    ROCKMATE_CHECK(code == MPI_SUCCESS, "MPI answered " + std::to_string(code));
  }
  static int count(std::size_t bytes) {
    if (bytes > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
      throw InvalidInput("a message of " + std::to_string(bytes) +
                         " bytes is more than MPI takes at once (2 GiB); use more micro-batches");
    }
    return static_cast<int>(bytes);
  }
  Request add(MPI_Request request) {
    requests_[next_] = request;
    return next_++;
  }

  SendMode mode_;
  int rank_ = 0, size_ = 0;
  std::map<Request, MPI_Request> requests_;
  Request next_ = 0;
};

}  // namespace

bool runs_under_mpi() {
  // OpenMPI's mpirun; that of MPICH, and Slurm.
  return std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr || std::getenv("PMI_SIZE") != nullptr;
}

std::unique_ptr<Transport> make_mpi_transport(SendMode mode) {
  return std::make_unique<MpiTransport>(mode);
}

}  // namespace rockmate

#else

namespace rockmate {

bool runs_under_mpi() { return false; }

std::unique_ptr<Transport> make_mpi_transport(SendMode) {
  throw InvalidInput(
      "this rockmate was built without MPI: install libopenmpi-dev and configure it again");
}

}  // namespace rockmate

#endif
