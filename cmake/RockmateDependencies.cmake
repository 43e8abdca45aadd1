# What the library needs. A missing package is named with the Debian package that brings it.
#
# An optional part has an option ROCKMATE_WITH_<PART>: ON when its package is found, OFF otherwise;
# asking for a part that is missing is an error. Sources see the part as the macro
# ROCKMATE_WITH_<PART>.

function(rockmate_find name debian_package)
  find_package(${name} ${ARGN} QUIET)
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "rockmate needs ${name}: apt-get install ${debian_package}")
  endif()
endfunction()

# rockmate_optional(<PART> <found> <target> <Debian package> <what is lost without it>)
# `found`: whether find_package, or whatever the caller tried, brought `target`.
function(rockmate_optional part found target debian_package loss)
  option(ROCKMATE_WITH_${part} "Use ${part}" ${found})
  if(NOT ROCKMATE_WITH_${part})
    message(STATUS "rockmate without ${part} (Debian package ${debian_package}): ${loss}")
    return()
  endif()
  if(NOT found)
    message(FATAL_ERROR "ROCKMATE_WITH_${part} is ON, but ${part} was not found: "
                        "apt-get install ${debian_package}")
  endif()
  set_property(GLOBAL APPEND PROPERTY ROCKMATE_PARTS ${part})
  set_property(GLOBAL APPEND PROPERTY ROCKMATE_PART_TARGETS ${target})
endfunction()

rockmate_find(fmt libfmt-dev)
rockmate_find(nlohmann_json nlohmann-json3-dev)
rockmate_find(Boost libboost-graph-dev 1.74)
if(ROCKMATE_BUILD_COMMAND OR ROCKMATE_BUILD_BENCHMARKS)
  rockmate_find(CLI11 libcli11-dev)
endif()

find_package(OpenMP COMPONENTS CXX QUIET)
rockmate_optional(OPENMP "${OpenMP_CXX_FOUND}" OpenMP::OpenMP_CXX libgomp1 "one thread only")

find_package(hwy CONFIG QUIET)
rockmate_optional(HIGHWAY "${hwy_FOUND}" hwy::hwy libhwy-dev "the cpu engine has no vectorized kernels")

# oneDNN shares its threads with us.
set(onednn_found OFF)
if(ROCKMATE_WITH_OPENMP)
  find_package(ONEDNN MODULE QUIET)
  set(onednn_found "${ONEDNN_FOUND}")
endif()
rockmate_optional(ONEDNN "${onednn_found}" ONEDNN::ONEDNN "libdnnl-dev libgomp1"
                  "the engine cpu multiplies and convolves slowly")

# ONNX's own configuration expects Protobuf to be found before it.
find_package(Protobuf QUIET)
set(onnx_found OFF)
if(Protobuf_FOUND)
  find_package(ONNX CONFIG QUIET)
  set(onnx_found "${ONNX_FOUND}")
endif()
rockmate_optional(ONNX "${onnx_found}" onnx_proto "libonnx-dev libprotobuf-dev"
                  "ONNX models cannot be imported")

# Neither solver brings a CMake configuration; our own modules look for them, here and for users of
# the installed library.
find_package(GLPK MODULE QUIET)
rockmate_optional(GLPK "${GLPK_FOUND}" GLPK::GLPK libglpk-dev "no solver GLPK")
find_package(CBC MODULE QUIET)
rockmate_optional(CBC "${CBC_FOUND}" CBC::CBC coinor-libcbc-dev "no solver CBC")

set(MPI_CXX_SKIP_MPICXX ON)
find_package(MPI COMPONENTS CXX QUIET)
rockmate_optional(MPI "${MPI_CXX_FOUND}" MPI::MPI_CXX "libopenmpi-dev openmpi-bin"
                  "pipelines run in one process only")

# Header-only packages are used by our sources alone: users of the installed library need none.
function(rockmate_link_dependencies target)
  target_link_libraries(${target} PRIVATE fmt::fmt
    $<BUILD_INTERFACE:nlohmann_json::nlohmann_json> $<BUILD_INTERFACE:Boost::headers>)
  get_property(parts GLOBAL PROPERTY ROCKMATE_PARTS)
  get_property(part_targets GLOBAL PROPERTY ROCKMATE_PART_TARGETS)
  target_link_libraries(${target} PRIVATE ${part_targets})
  foreach(part IN LISTS parts)
    target_compile_definitions(${target} PRIVATE ROCKMATE_WITH_${part})
  endforeach()
endfunction()
