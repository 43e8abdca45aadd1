// Operands that move through a space with strides of their own: arithmetic with broadcasting, and
// all that copies: transposing, expanding, slicing, joining.

#include "exec/vector/kernels/functions.h"
#include "exec/vector/kernels/kernels.h"

namespace rockmate::ve {
namespace {

struct Offsets {
  long at[3];
};
inline Offsets row_offsets(const Space& space, long row) {
  Offsets offsets = {};
  for (int axis = space.rank - 1; axis >= 0; --axis) {
    const long digit = row % space.extents[axis];
    row /= space.extents[axis];
    for (int o = 0; o < 3; ++o) offsets.at[o] += digit * space.strides[o][axis];
  }
  return offsets;
}

template <class T>
void binary(const BinaryArguments& args, long begin, long end) {
  const Space& space = args.space;
  for (const long r : repeat(end - begin)) {
    const Offsets offsets = row_offsets(space, begin + r);
    T* y = static_cast<T*>(args.y) + offsets.at[0];
    const T* a = static_cast<const T*>(args.a) + offsets.at[1];
    const T* b = static_cast<const T*>(args.b) + offsets.at[2];
    const long y_step = space.lane_strides[0];
    const long a_step = space.lane_strides[1];
    const long b_step = space.lane_strides[2];
    for_lanes(0, space.length, [&](long at, int vl) {
      const __vr left = a_step == 0 ? _vel_vbrdd_vsl(double(scalar(a)), vl)
                                    : Real<T>::load(a + at * a_step, a_step, vl);
      const __vr right = b_step == 0 ? _vel_vbrdd_vsl(double(scalar(b)), vl)
                                     : Real<T>::load(b + at * b_step, b_step, vl);
      Real<T>::store(combine(args.function, left, right, vl), y + at * y_step, y_step, vl);
    });
  }
}

// Bits, whatever they mean.
template <class T>
VE_LANES __vr load_bits(const T* p, long stride, int vl) {
  const auto bytes = stride * long(sizeof(T));
  if constexpr (sizeof(T) == 8) return _vel_vld_vssl(static_cast<unsigned long>(bytes), p, vl);
  return _vel_vldlzx_vssl(static_cast<unsigned long>(bytes), p, vl);
}
template <class T>
VE_LANES void store_bits(Vr v, T* p, long stride, int vl) {
  const auto bytes = static_cast<unsigned long>(stride * long(sizeof(T)));
  if constexpr (sizeof(T) == 8) {
    _vel_vst_vssl(v, bytes, p, vl);
  } else {
    _vel_vstl_vssl(v, bytes, p, vl);
  }
}

template <class T>
void copy(const CopyArguments& args, long begin, long end) {
  const Space& space = args.space;
  for (const long r : repeat(end - begin)) {
    const Offsets offsets = row_offsets(space, begin + r);
    T* y = static_cast<T*>(args.y) + offsets.at[0];
    const T* x = static_cast<const T*>(args.x) + offsets.at[1];
    const T* addend = static_cast<const T*>(args.addend);
    const long y_step = space.lane_strides[0];
    const long x_step = space.lane_strides[1];
    const long z_step = space.lane_strides[2];
    for_lanes(0, space.length, [&](long at, int vl) {
      if (!args.computes) {
        store_bits(load_bits(x + at * x_step, x_step, vl), y + at * y_step, y_step, vl);
        return;
      }
      __vr v = mul(args.factor, Real<T>::load(x + at * x_step, x_step, vl), vl);
      if (addend != nullptr) {
        v = add(Real<T>::load(addend + offsets.at[2] + at * z_step, z_step, vl), v, vl);
      }
      Real<T>::store(v, y + at * y_step, y_step, vl);
    });
  }
}

// There are no vectors of bytes.
void copy_bytes(const CopyArguments& args, long begin, long end) {
  const Space& space = args.space;
  for (const long r : repeat(end - begin)) {
    const Offsets offsets = row_offsets(space, begin + r);
    unsigned char* y = static_cast<unsigned char*>(args.y) + offsets.at[0];
    const unsigned char* x = static_cast<const unsigned char*>(args.x) + offsets.at[1];
    for (const long i : repeat(space.length)) {
      put_scalar(y + i * space.lane_strides[0], scalar(x + i * space.lane_strides[1]));
    }
  }
}

template <class T>
void fill(const FillArguments& args, long begin, long end) {
  T* y = static_cast<T*>(args.y);
  for_lanes(begin * kMapStretch, least(end * kMapStretch, args.count), [&](long at, int vl) {
    Real<T>::store(_vel_vbrdd_vsl(args.value, vl), y + at, 1, vl);
  });
}

}  // namespace

VE_KERNEL(ve_binary, BinaryArguments, binary)
VE_KERNEL(ve_fill, FillArguments, fill)

extern "C" void ve_copy(const void* arguments, long begin, long end) {
  const auto& a = *static_cast<const CopyArguments*>(arguments);
  if (a.width == 1) return copy_bytes(a, begin, end);
  if (a.width == 4) return copy<float>(a, begin, end);
  copy<double>(a, begin, end);
}

}  // namespace rockmate::ve
