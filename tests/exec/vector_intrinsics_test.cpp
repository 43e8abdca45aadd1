// The intrinsics of the host's velintrin.h against loops of their own, with ragged vector lengths
// and masks.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "exec/vector/shim/velintrin.h"

namespace rockmate {
namespace {

constexpr std::array kLengths = {1, 2, 31, 63, 64, 65, 127, 200, 255, 256};
constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNaN = std::nan("");

std::mt19937_64& random_numbers() {
  static std::mt19937_64 random(17);
  return random;
}

__vr reals() {
  std::uniform_real_distribution<double> uniform(-4, 4);
  __vr v;
  for (double& d : v.d) d = uniform(random_numbers());
  v.d[0] = 0;
  v.d[30] = kInf;
  v.d[62] = -0.0;
  v.d[199] = kNaN;
  return v;
}
__vr floats() {
  std::uniform_real_distribution<float> uniform(-4, 4);
  __vr v;
  for (float& f : v.f) f = uniform(random_numbers());
  return v;
}
__vr words() {
  __vr v;
  for (std::uint64_t& u : v.u) u = random_numbers()();
  return v;
}
__vr small_numbers() {
  __vr v;
  for (std::int64_t& l : v.l) l = static_cast<std::int64_t>(random_numbers()() % 9) - 4;
  return v;
}
__vm256 mask() {
  __vm256 m;
  for (std::uint64_t& word : m.words) word = random_numbers()();
  return m;
}
bool bit(const __vm256& m, int i) { return (m.words[i / 64] >> (63 - i % 64) & 1) != 0; }

// Each lane below the length is the expected one, as bits.
template <class F>
void expect_lanes(const __vr& found, int vl, const F& expected) {
  for (int i = 0; i < vl; ++i) {
    const auto lane = expected(i);
    static_assert(sizeof(lane) == 8);
    std::uint64_t bits;
    std::memcpy(&bits, &lane, sizeof(bits));
    if constexpr (std::is_same_v<decltype(lane), const double>) {
      if (std::isnan(lane) && std::isnan(found.d[i])) continue;
    }
    ASSERT_EQ(found.u[i], bits) << "lane " << i << " of " << vl;
  }
}
template <class F>
void expect_halves(const __vr& found, int vl, const F& expected) {
  for (int i = 0; i < vl; ++i) {
    for (int h = 0; h < 2; ++h) {
      ASSERT_EQ(found.f[2 * i + h], expected(i, h)) << "lane " << i << ", half " << h;
    }
  }
}
std::uint64_t pair_of(float upper, float lower) {
  std::uint32_t u, l;
  std::memcpy(&u, &upper, 4);
  std::memcpy(&l, &lower, 4);
  return std::uint64_t{u} << 32 | l;
}

class Intrinsics : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { ve::core = {}; }
  const int vl = GetParam();
};

TEST_P(Intrinsics, ComputeInDoublePrecision) {
  const __vr y = reals(), z = reals(), w = reals();
  const double s = 1.75;
  expect_lanes(_vel_vfaddd_vvvl(y, z, vl), vl, [&](int i) { return y.d[i] + z.d[i]; });
  expect_lanes(_vel_vfaddd_vsvl(s, z, vl), vl, [&](int i) { return s + z.d[i]; });
  expect_lanes(_vel_vfsubd_vvvl(y, z, vl), vl, [&](int i) { return y.d[i] - z.d[i]; });
  expect_lanes(_vel_vfsubd_vsvl(s, z, vl), vl, [&](int i) { return s - z.d[i]; });
  expect_lanes(_vel_vfmuld_vvvl(y, z, vl), vl, [&](int i) { return y.d[i] * z.d[i]; });
  expect_lanes(_vel_vfmuld_vsvl(s, z, vl), vl, [&](int i) { return s * z.d[i]; });
  expect_lanes(_vel_vfdivd_vvvl(y, z, vl), vl, [&](int i) { return y.d[i] / z.d[i]; });
  expect_lanes(_vel_vfdivd_vsvl(s, z, vl), vl, [&](int i) { return s / z.d[i]; });
  expect_lanes(_vel_vfsqrtd_vvl(y, vl), vl, [&](int i) { return std::sqrt(y.d[i]); });
  expect_lanes(_vel_vfmadd_vvvvl(y, z, w, vl), vl,
               [&](int i) { return std::fma(z.d[i], w.d[i], y.d[i]); });
  expect_lanes(_vel_vfmadd_vsvvl(s, z, w, vl), vl,
               [&](int i) { return std::fma(z.d[i], w.d[i], s); });
  expect_lanes(_vel_vfmadd_vvsvl(y, s, w, vl), vl,
               [&](int i) { return std::fma(s, w.d[i], y.d[i]); });
  expect_lanes(_vel_vfmsbd_vvvvl(y, z, w, vl), vl,
               [&](int i) { return std::fma(z.d[i], w.d[i], -y.d[i]); });
  expect_lanes(_vel_vfnmadd_vvvvl(y, z, w, vl), vl,
               [&](int i) { return -std::fma(z.d[i], w.d[i], y.d[i]); });
  expect_lanes(_vel_vfnmsbd_vvvvl(y, z, w, vl), vl,
               [&](int i) { return -std::fma(z.d[i], w.d[i], -y.d[i]); });
}

TEST_P(Intrinsics, CompareAndConvert) {
  const __vr y = reals(), z = reals();
  const auto sign = [](double a, double b) { return a < b ? -1 : a > b ? 1 : 0; };
  const __vr compared = _vel_vfcmpd_vvvl(y, z, vl);
  const __vr larger = _vel_vfmaxd_vvvl(y, z, vl);
  const __vr smaller = _vel_vfmind_vvvl(y, z, vl);
  for (int i = 0; i < vl; ++i) {
    if (std::isnan(y.d[i]) || std::isnan(z.d[i])) {
      EXPECT_TRUE(std::isnan(compared.d[i]));
      continue;
    }
    EXPECT_EQ(sign(compared.d[i], 0), sign(y.d[i], z.d[i]));
    EXPECT_EQ(larger.d[i], std::max(y.d[i], z.d[i]));
    EXPECT_EQ(smaller.d[i], std::min(y.d[i], z.d[i]));
  }
  const __vr n = small_numbers();
  expect_lanes(_vel_vcvtdl_vvl(n, vl), vl, [&](int i) { return static_cast<double>(n.l[i]); });
  const __vr x = _vel_vfmuld_vsvl(1000.0, floats(), vl);
  const __vr whole = _vel_vcvtldrz_vvl(x, vl);
  for (int i = 0; i < vl; ++i) {
    if (std::abs(x.d[i]) < 1e15) {
      EXPECT_EQ(whole.l[i], static_cast<std::int64_t>(std::trunc(x.d[i])));
    }
  }
  const __vr f = floats();
  const __vr wide = _vel_vcvtds_vvl(f, vl);
  expect_lanes(wide, vl, [&](int i) { return static_cast<double>(f.f[2 * i + 1]); });
  const __vr narrow = _vel_vcvtsd_vvl(wide, vl);
  for (int i = 0; i < vl; ++i) EXPECT_EQ(narrow.f[2 * i + 1], f.f[2 * i + 1]);
}

TEST_P(Intrinsics, ComputeOnPairs) {
  const __vr y = floats(), z = floats(), w = floats();
  const float up = 1.25F, low = -2.5F;
  const std::uint64_t pair = pair_of(up, low);
  const auto s = [&](int h) { return h == 1 ? up : low; };
  const auto at = [](const __vr& v, int i, int h) { return v.f[2 * i + h]; };
  expect_halves(_vel_pvfadd_vvvl(y, z, vl), vl,
                [&](int i, int h) { return at(y, i, h) + at(z, i, h); });
  expect_halves(_vel_pvfsub_vsvl(pair, z, vl), vl,
                [&](int i, int h) { return s(h) - at(z, i, h); });
  expect_halves(_vel_pvfmul_vsvl(pair, z, vl), vl,
                [&](int i, int h) { return s(h) * at(z, i, h); });
  expect_halves(_vel_pvfmax_vsvl(pair, z, vl), vl,
                [&](int i, int h) { return std::max(s(h), at(z, i, h)); });
  expect_halves(_vel_pvfmin_vvvl(y, z, vl), vl,
                [&](int i, int h) { return std::min(at(y, i, h), at(z, i, h)); });
  expect_halves(_vel_pvfmad_vvvvl(y, z, w, vl), vl,
                [&](int i, int h) { return std::fma(at(z, i, h), at(w, i, h), at(y, i, h)); });
  expect_halves(_vel_pvfmad_vvsvl(y, pair, w, vl), vl,
                [&](int i, int h) { return std::fma(s(h), at(w, i, h), at(y, i, h)); });
  const float parts[2] = {up, low};
  EXPECT_EQ(_vel_pack_f32p(&parts[0], &parts[1]), pair);
  expect_lanes(_vel_pvbrd_vsl(pair, vl), vl, [&](int) { return pair; });
}

// Lanes behind the vector length are those of the last operand: sums over ragged chunks rely on it.
TEST_P(Intrinsics, KeepWhatLiesBehindTheirLength) {
  const __vr y = floats(), z = floats(), w = floats(), kept = words();
  const auto expect_kept = [&](const __vr& found) {
    for (int i = vl; i < 256; ++i) ASSERT_EQ(found.u[i], kept.u[i]) << i;
  };
  expect_kept(_vel_vfaddd_vvvvl(y, z, kept, vl));
  expect_kept(_vel_vfmaxd_vvvvl(y, z, kept, vl));
  expect_kept(_vel_vfmind_vvvvl(y, z, kept, vl));
  expect_kept(_vel_vfmadd_vvvvvl(y, z, w, kept, vl));
  expect_kept(_vel_pvfmad_vvvvvl(y, z, w, kept, vl));
  expect_halves(_vel_pvfmad_vvvvvl(y, z, w, kept, vl), vl, [&](int i, int h) {
    return std::fma(z.f[2 * i + h], w.f[2 * i + h], y.f[2 * i + h]);
  });
}

TEST_P(Intrinsics, ComputeOnWholeNumbers) {
  const __vr y = words(), z = words();
  const std::uint64_t s = 0x123456789abcdef;
  expect_lanes(_vel_vaddul_vvvl(y, z, vl), vl, [&](int i) { return y.u[i] + z.u[i]; });
  expect_lanes(_vel_vaddsl_vsvl(-5, z, vl), vl, [&](int i) { return z.u[i] - 5; });
  expect_lanes(_vel_vsubul_vvvl(y, z, vl), vl, [&](int i) { return y.u[i] - z.u[i]; });
  expect_lanes(_vel_vsubsl_vsvl(7, z, vl), vl, [&](int i) { return 7 - z.u[i]; });
  expect_lanes(_vel_vmulul_vsvl(s, z, vl), vl, [&](int i) { return s * z.u[i]; });
  expect_lanes(_vel_vmulsl_vvvl(y, z, vl), vl, [&](int i) { return y.u[i] * z.u[i]; });
  expect_lanes(_vel_vand_vsvl(s, z, vl), vl, [&](int i) { return s & z.u[i]; });
  expect_lanes(_vel_vor_vvvl(y, z, vl), vl, [&](int i) { return y.u[i] | z.u[i]; });
  expect_lanes(_vel_vxor_vvvl(y, z, vl), vl, [&](int i) { return y.u[i] ^ z.u[i]; });
  expect_lanes(_vel_vsll_vvsl(z, 13, vl), vl, [&](int i) { return z.u[i] << 13; });
  expect_lanes(_vel_vsrl_vvsl(z, 40, vl), vl, [&](int i) { return z.u[i] >> 40; });
  const __vr shifts = _vel_vand_vsvl(63, y, vl);
  expect_lanes(_vel_vsrl_vvvl(z, shifts, vl), vl, [&](int i) { return z.u[i] >> shifts.u[i]; });
  expect_lanes(_vel_vsll_vvvl(z, shifts, vl), vl, [&](int i) { return z.u[i] << shifts.u[i]; });
  expect_lanes(_vel_vdivsl_vvsl(z, -9, vl), vl, [&](int i) { return z.l[i] / -9; });
  const __vr odd = _vel_vor_vsvl(1, y, vl);
  expect_lanes(_vel_vdivsl_vvvl(z, odd, vl), vl, [&](int i) { return z.l[i] / odd.l[i]; });
  expect_lanes(_vel_vmaxsl_vsvl(3, z, vl), vl,
               [&](int i) { return std::max<std::int64_t>(3, z.l[i]); });
  expect_lanes(_vel_vminsl_vvvl(y, z, vl), vl, [&](int i) { return std::min(y.l[i], z.l[i]); });
  const __vr compared = _vel_vcmpsl_vvvl(y, z, vl);
  for (int i = 0; i < vl; ++i) EXPECT_EQ(compared.l[i] < 0, y.l[i] < z.l[i]);
  expect_lanes(_vel_vseq_vl(vl), vl, [](int i) { return std::int64_t{i}; });
  expect_lanes(_vel_vbrdl_vsl(-8, vl), vl, [](int) { return std::int64_t{-8}; });
  expect_lanes(_vel_vbrdd_vsl(0.1, vl), vl, [](int) { return 0.1; });
}

TEST_P(Intrinsics, MakeAndUseMasks) {
  const __vr x = reals(), n = small_numbers(), y = words(), z = words();
  const auto expect_mask = [&](const __vm256& found, const auto& expected) {
    for (int i = 0; i < 256; ++i) {
      ASSERT_EQ(bit(found, i), i < vl && expected(i)) << "lane " << i;
    }
  };
  expect_mask(_vel_vfmkdgt_mvl(x, vl), [&](int i) { return x.d[i] > 0; });
  expect_mask(_vel_vfmkdlt_mvl(x, vl), [&](int i) { return x.d[i] < 0; });
  expect_mask(_vel_vfmkdge_mvl(x, vl), [&](int i) { return x.d[i] >= 0; });
  expect_mask(_vel_vfmkdle_mvl(x, vl), [&](int i) { return x.d[i] <= 0; });
  expect_mask(_vel_vfmkdeq_mvl(x, vl), [&](int i) { return x.d[i] == 0; });
  expect_mask(_vel_vfmkdnan_mvl(x, vl), [&](int i) { return std::isnan(x.d[i]); });
  expect_mask(_vel_vfmklgt_mvl(n, vl), [&](int i) { return n.l[i] > 0; });
  expect_mask(_vel_vfmkllt_mvl(n, vl), [&](int i) { return n.l[i] < 0; });
  expect_mask(_vel_vfmklge_mvl(n, vl), [&](int i) { return n.l[i] >= 0; });
  expect_mask(_vel_vfmkleq_mvl(n, vl), [&](int i) { return n.l[i] == 0; });
  expect_mask(_vel_vfmklne_mvl(n, vl), [&](int i) { return n.l[i] != 0; });
  const __vm256 a = mask(), b = mask();
  expect_lanes(_vel_vmrg_vvvml(y, z, a, vl), vl,
               [&](int i) { return bit(a, i) ? z.u[i] : y.u[i]; });
  expect_lanes(_vel_vmrg_vsvml(42, z, a, vl), vl, [&](int i) { return bit(a, i) ? z.u[i] : 42; });
  std::uint64_t set = 0;
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(bit(_vel_andm_mmm(a, b), i), bit(a, i) && bit(b, i));
    EXPECT_EQ(bit(_vel_orm_mmm(a, b), i), bit(a, i) || bit(b, i));
    EXPECT_EQ(bit(_vel_nndm_mmm(a, b), i), !bit(a, i) && bit(b, i));
    if (i < vl && bit(a, i)) ++set;
  }
  EXPECT_EQ(_vel_pcvm_sml(a, vl), set);
  EXPECT_EQ(_vel_svm_sms(a, 2), a.words[2]);
  EXPECT_EQ(_vel_lvm_mmss(a, 1, 99).words[1], 99u);
  EXPECT_EQ(_vel_lvm_mmss(a, 1, 99).words[3], a.words[3]);
}

TEST_P(Intrinsics, ReduceAndShuffle) {
  const __vr x = small_numbers(), y = words(), z = words();
  const __vr d = _vel_vcvtdl_vvl(x, 256);
  std::int64_t sum = 0, most = -9, least = 9;
  for (int i = 0; i < vl; ++i) {
    sum += x.l[i];
    most = std::max(most, x.l[i]);
    least = std::min(least, x.l[i]);
  }
  EXPECT_EQ(_vel_lvsd_svs(_vel_vfsumd_vvl(d, vl), 0), static_cast<double>(sum));
  EXPECT_EQ(_vel_lvsd_svs(_vel_vfrmaxdfst_vvl(d, vl), 0), static_cast<double>(most));
  EXPECT_EQ(_vel_lvsd_svs(_vel_vfrmindfst_vvl(d, vl), 0), static_cast<double>(least));
  EXPECT_EQ(_vel_lvsl_svs(y, 5), y.u[5]);
  // The name of a code says which half of which operand becomes the upper, and the lower one.
  const std::pair<VShuffleCodes, const char*> codes[] = {
      {VE_VSHUFFLE_YUYU, "YUYU"}, {VE_VSHUFFLE_YUYL, "YUYL"}, {VE_VSHUFFLE_YUZU, "YUZU"},
      {VE_VSHUFFLE_YUZL, "YUZL"}, {VE_VSHUFFLE_YLYU, "YLYU"}, {VE_VSHUFFLE_YLYL, "YLYL"},
      {VE_VSHUFFLE_YLZU, "YLZU"}, {VE_VSHUFFLE_YLZL, "YLZL"}, {VE_VSHUFFLE_ZUYU, "ZUYU"},
      {VE_VSHUFFLE_ZUYL, "ZUYL"}, {VE_VSHUFFLE_ZUZU, "ZUZU"}, {VE_VSHUFFLE_ZUZL, "ZUZL"},
      {VE_VSHUFFLE_ZLYU, "ZLYU"}, {VE_VSHUFFLE_ZLYL, "ZLYL"}, {VE_VSHUFFLE_ZLZU, "ZLZU"},
      {VE_VSHUFFLE_ZLZL, "ZLZL"}};
  for (const auto& [code, name] : codes) {
    const auto half = [&](int i, const char* which) {
      const std::uint64_t bits = which[0] == 'Y' ? y.u[i] : z.u[i];
      return which[1] == 'U' ? bits >> 32 : bits & 0xffffffff;
    };
    expect_lanes(_vel_vshf_vvvsl(y, z, code, vl), vl,
                 [&](int i) { return half(i, name) << 32 | half(i, name + 2); });
  }
}

TEST_P(Intrinsics, LoadAndStoreWithStrides) {
  constexpr int kMostStride = 5;
  std::vector<std::uint32_t> from(256 * 2 * kMostStride);
  for (auto& word : from) word = static_cast<std::uint32_t>(random_numbers()());
  for (std::uint64_t stride = 1; stride <= kMostStride; ++stride) {
    const auto at = [&](int i) { return static_cast<std::size_t>(i) * stride; };
    expect_lanes(_vel_vldu_vssl(4 * stride, from.data(), vl), vl,
                 [&](int i) { return std::uint64_t{from[at(i)]} << 32; });
    expect_lanes(_vel_vldlzx_vssl(4 * stride, from.data(), vl), vl,
                 [&](int i) { return std::uint64_t{from[at(i)]}; });
    expect_lanes(_vel_vldlsx_vssl(4 * stride, from.data(), vl), vl,
                 [&](int i) { return std::int64_t{static_cast<std::int32_t>(from[at(i)])}; });
    expect_lanes(_vel_vld_vssl(8 * stride, from.data(), vl), vl,
                 [&](int i) { return std::uint64_t{from[2 * at(i) + 1]} << 32 | from[2 * at(i)]; });
    const __vr v = words();
    std::vector<std::uint32_t> upper(from.size(), 1), lower(from.size(), 1);
    std::vector<std::uint64_t> whole(from.size(), 1);
    _vel_vstu_vssl(v, 4 * stride, upper.data(), vl);
    _vel_vstl_vssl(v, 4 * stride, lower.data(), vl);
    _vel_vst_vssl(v, 8 * stride, whole.data(), vl);
    for (std::size_t e = 0; e < from.size(); ++e) {
      const bool is_stored = e % stride == 0 && e / stride < static_cast<std::size_t>(vl);
      const std::uint64_t bits = is_stored ? v.u[e / stride] : 0;
      ASSERT_EQ(upper[e], is_stored ? static_cast<std::uint32_t>(bits >> 32) : 1) << e;
      ASSERT_EQ(lower[e], is_stored ? static_cast<std::uint32_t>(bits) : 1) << e;
      ASSERT_EQ(whole[e], is_stored ? bits : 1) << e;
    }
  }
}

TEST_P(Intrinsics, GatherAndScatter) {
  std::vector<std::uint64_t> from(512);
  for (auto& word : from) word = random_numbers()();
  std::vector<int> order(256);
  __vr addresses;
  for (int i = 0; i < 256; ++i) {
    order[static_cast<std::size_t>(i)] = (i * 77 + 13) % 256;
    addresses.u[i] = reinterpret_cast<std::uint64_t>(
        &from[static_cast<std::size_t>(2 * order[static_cast<std::size_t>(i)])]);
  }
  const auto source = [&](int i) {
    return from[static_cast<std::size_t>(2 * order[static_cast<std::size_t>(i)])];
  };
  expect_lanes(_vel_vgt_vvssl(addresses, 0, 0, vl), vl, source);
  expect_lanes(_vel_vgtu_vvssl(addresses, 0, 0, vl), vl, [&](int i) { return source(i) << 32; });
  expect_lanes(_vel_vgtlzx_vvssl(addresses, 0, 0, vl), vl,
               [&](int i) { return source(i) & 0xffffffff; });
  expect_lanes(_vel_vgtlsx_vvssl(addresses, 0, 0, vl), vl,
               [&](int i) { return std::int64_t{static_cast<std::int32_t>(source(i))}; });
  const __vm256 m = mask();
  const __vr rest = words();
  // Lanes that the mask leaves out may have any address.
  __vr wild = addresses;
  for (int i = 0; i < 256; ++i) {
    if (!bit(m, i)) wild.u[i] = 8;
  }
  expect_lanes(_vel_vgt_vvssmvl(wild, 0, 0, m, rest, vl), vl,
               [&](int i) { return bit(m, i) ? source(i) : rest.u[i]; });
  const __vr v = words();
  std::vector<std::uint64_t> to(512, 1);
  for (int i = 0; i < 256; ++i) {
    addresses.u[i] = reinterpret_cast<std::uint64_t>(
        &to[static_cast<std::size_t>(2 * order[static_cast<std::size_t>(i)])]);
  }
  _vel_vsc_vvssl(v, addresses, 0, 0, vl);
  for (int i = 0; i < 256; ++i) {
    const auto place = static_cast<std::size_t>(2 * order[static_cast<std::size_t>(i)]);
    ASSERT_EQ(to[place], i < vl ? v.u[i] : 1);
    ASSERT_EQ(to[place + 1], 1u);
  }
}

TEST_P(Intrinsics, CountWhatTheyIssue) {
  std::vector<float> memory(256 * 64);
  const auto length = static_cast<std::uint64_t>(vl);
  const __vr x = _vel_vldu_vssl(4, memory.data(), vl);
  const __vr far = _vel_vldu_vssl(4 * 64, memory.data(), vl);
  _vel_vstu_vssl(_vel_pvfmad_vvvvl(x, x, far, vl), 4, memory.data(), vl);
  const ve::Counters& c = ve::core.counters;
  EXPECT_EQ(c.instructions[ve::kLoad], 2u);
  EXPECT_EQ(c.instructions[ve::kFma], 1u);
  EXPECT_EQ(c.cycles[ve::kFma], (length + 31) / 32);
  EXPECT_EQ(c.lengths, 4 * length);
  EXPECT_EQ(c.flops, 4 * length);
  EXPECT_EQ(c.loaded_bytes, 8 * length);
  EXPECT_EQ(c.stored_bytes, 4 * length);
  EXPECT_EQ(c.line_bytes, (4 + 128 + 4) * length) << "256 bytes apart, each has a line of its own";
}

TEST_P(Intrinsics, TouchNothingThatTheyWereNotGiven) {
  std::vector<float> memory(512);
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
  const ve::Range ranges[] = {{begin, begin + 4 * static_cast<std::uintptr_t>(vl), true},
                              {begin + 1024, begin + 2048, false}};
  ve::core.checks = true;
  ve::core.ranges = ranges;
  ve::core.range_count = 2;
  const __vr x = _vel_vldu_vssl(4, memory.data(), vl);
  EXPECT_NO_THROW(_vel_vstu_vssl(x, 4, memory.data(), vl));
  EXPECT_THROW(_vel_vstu_vssl(x, 4, memory.data() + 1, vl), ve::AccessViolation);
  EXPECT_THROW(_vel_vstu_vssl(x, 4, memory.data() - 1, vl), ve::AccessViolation);
  EXPECT_THROW(_vel_vstu_vssl(x, 4, memory.data() + 256, vl), ve::AccessViolation);
  EXPECT_NO_THROW(static_cast<void>(_vel_vldu_vssl(4, memory.data() + 256, vl)));
  ve::core = {};
}

INSTANTIATE_TEST_SUITE_P(Lengths, Intrinsics, ::testing::ValuesIn(kLengths));

}  // namespace
}  // namespace rockmate
