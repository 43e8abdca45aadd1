# The command `rockmate`: src/cli on top of the library. All but its main is a library of its own,
# for the tests.
file(GLOB ROCKMATE_CLI_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/cli/*.cpp)
list(FILTER ROCKMATE_CLI_SOURCES EXCLUDE REGEX "/main.cpp$")
find_package(Threads REQUIRED)

add_library(rockmate_cli STATIC ${ROCKMATE_CLI_SOURCES})
target_include_directories(rockmate_cli PUBLIC ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(rockmate_cli PUBLIC rockmate::rockmate CLI11::CLI11 fmt::fmt
                                          nlohmann_json::nlohmann_json Threads::Threads)
rockmate_configure(rockmate_cli)

add_executable(rockmate_command ${PROJECT_SOURCE_DIR}/src/cli/main.cpp)
set_target_properties(rockmate_command PROPERTIES OUTPUT_NAME rockmate)
target_compile_definitions(rockmate_command PRIVATE ROCKMATE_VERSION="${PROJECT_VERSION}")
target_link_libraries(rockmate_command PRIVATE rockmate_cli)
rockmate_configure(rockmate_command)
