// The vector kernels by name, all of one type: what a module of the device exports.
#pragma once

#include "exec/vector/kernels/arguments.h"

// A kernel whose body is a template of the type of its elements.
#define VE_KERNEL(name, Arguments, body)                              \
  extern "C" void name(const void* arguments, long begin, long end) { \
    const auto& a = *static_cast<const Arguments*>(arguments);        \
    if (a.wide) {                                                     \
      body<double>(a, begin, end);                                    \
    } else {                                                          \
      body<float>(a, begin, end);                                     \
    }                                                                 \
  }

#define VE_KERNELS(X)          \
  X(ve_map)                    \
  X(ve_map_gradient)           \
  X(ve_update)                 \
  X(ve_binary)                 \
  X(ve_copy)                   \
  X(ve_fill)                   \
  X(ve_elements)               \
  X(ve_chain)                  \
  X(ve_resize)                 \
  X(ve_resize_gradient)        \
  X(ve_outer)                  \
  X(ve_dot)                    \
  X(ve_conv)                   \
  X(ve_conv_weight_gradient)   \
  X(ve_conv_pool)              \
  X(ve_norm)                   \
  X(ve_norm_gradient)          \
  X(ve_norm_channels)          \
  X(ve_norm_columns)           \
  X(ve_running)                \
  X(ve_max_pool)               \
  X(ve_max_pool_gradient)      \
  X(ve_average_pool)           \
  X(ve_average_pool_gradient)  \
  X(ve_softmax)                \
  X(ve_softmax_gradient)       \
  X(ve_cross_entropy)          \
  X(ve_cross_entropy_gradient) \
  X(ve_loss)                   \
  X(ve_loss_gradient)          \
  X(ve_check)                  \
  X(ve_gather)                 \
  X(ve_gather_gradient)        \
  X(ve_dropout)                \
  X(ve_reduce)                 \
  X(ve_extremum_gradient)      \
  X(ve_clip_factor)

namespace rockmate::ve {

using Entry = void (*)(const void* arguments, long begin, long end);

#define VE_DECLARE(name) extern "C" void name(const void* arguments, long begin, long end);
VE_KERNELS(VE_DECLARE)
#undef VE_DECLARE

}  // namespace rockmate::ve
