# What the library needs. A missing package is named with the Debian package that brings it.

function(rockmate_find name debian_package)
  find_package(${name} ${ARGN} QUIET)
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "rockmate needs ${name}: apt-get install ${debian_package}")
  endif()
endfunction()

rockmate_find(fmt libfmt-dev)
rockmate_find(nlohmann_json nlohmann-json3-dev)
rockmate_find(Boost libboost-graph-dev 1.74)
find_package(OpenMP COMPONENTS CXX QUIET)
if(NOT OpenMP_CXX_FOUND)
  message(STATUS "OpenMP is missing (it comes with g++; for clang: libomp-dev): one thread only")
endif()

function(rockmate_link_dependencies target)
  target_link_libraries(${target} PRIVATE fmt::fmt nlohmann_json::nlohmann_json Boost::headers)
  if(OpenMP_CXX_FOUND)
    target_link_libraries(${target} PRIVATE OpenMP::OpenMP_CXX)
  endif()
endfunction()
