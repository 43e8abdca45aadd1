# Installs BUILD_DIR into a fresh prefix, then configures, builds and runs a copy of examples/embed
# that sees nothing but that prefix.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/prefix)
file(COPY ${SOURCE_DIR}/examples/embed DESTINATION ${WORK_DIR})
run(${CMAKE_COMMAND} -S ${WORK_DIR}/embed -B ${WORK_DIR}/build
    -DCMAKE_PREFIX_PATH=${WORK_DIR}/prefix -DCMAKE_CXX_COMPILER=${CXX}
    -DCMAKE_CXX_FLAGS=${CXX_FLAGS})
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)

set(graph ${SOURCE_DIR}/graphs/measured/resnet18.json)
run(${WORK_DIR}/build/embed ${graph} 1GiB)
run(${WORK_DIR}/prefix/bin/rockmate inspect ${graph})
execute_process(COMMAND ${WORK_DIR}/build/embed ${graph} 1 RESULT_VARIABLE code)
if(NOT code EQUAL 1)
  message(FATAL_ERROR "embed took a budget of one byte: exit ${code}")
endif()
