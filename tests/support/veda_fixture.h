// Cards that are initialized for each test: a ve20b, whose context is current, and a ve10b with 1
// MiB of memory.
#pragma once

#include <gtest/gtest.h>

#include <utility>

#include "exec/vector/veda_device.h"

namespace rockmate::testing {

class Veda : public ::testing::Test {
 protected:
  void SetUp() override {
    VectorDevice small = vector_device("ve10b");
    small.memory = Bytes(1 << 20);
    vector::set_cards({vector_device("ve20b"), small});
    ASSERT_EQ(vedaInit(0), VEDA_SUCCESS);
    ASSERT_EQ(vedaCtxCreate(&context_, VEDA_CONTEXT_MODE_OMP, 0), VEDA_SUCCESS);
  }
  void TearDown() override {
    static_cast<void>(vedaExit());
    vector::set_cards({vector_device("ve20b")});
  }
  [[nodiscard]] static VEDAdeviceptr allocate(std::size_t size) {
    VEDAdeviceptr p = nullptr;
    EXPECT_EQ(vedaMemAlloc(&p, size), VEDA_SUCCESS);
    return p;
  }
  [[nodiscard]] static VEDAargs arguments() {
    VEDAargs args = nullptr;
    EXPECT_EQ(vedaArgsCreate(&args), VEDA_SUCCESS);
    return args;
  }
  // A function of a module of its own.
  [[nodiscard]] static VEDAfunction function(vector::DeviceFunction body) {
    vector::register_module("test.vso", {{"run", std::move(body)}});
    VEDAmodule module = nullptr;
    EXPECT_EQ(vedaModuleLoad(&module, "test.vso"), VEDA_SUCCESS);
    VEDAfunction found;
    EXPECT_EQ(vedaModuleGetFunction(&found, module, "run"), VEDA_SUCCESS);
    return found;
  }
  VEDAcontext context_ = nullptr;
};

}  // namespace rockmate::testing
