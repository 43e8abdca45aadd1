#include "exec/vector/shim/core.h"

namespace rockmate::ve {

constinit thread_local Core core = {};

}  // namespace rockmate::ve
