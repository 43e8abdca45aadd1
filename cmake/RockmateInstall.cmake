# `cmake --install`: library, headers, command, documents, and what find_package(rockmate) reads.
include(CMakePackageConfigHelpers)

set(ROCKMATE_CONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/rockmate)

install(TARGETS rockmate EXPORT rockmate_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/rockmate DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
if(ROCKMATE_BUILD_COMMAND)
  install(TARGETS rockmate_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES LICENSE README.md CHANGELOG.md GLOSSARY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT rockmate_targets NAMESPACE rockmate:: DESTINATION ${ROCKMATE_CONFIG_DIR}
        FILE rockmate-targets.cmake)
get_property(ROCKMATE_PARTS GLOBAL PROPERTY ROCKMATE_PARTS)
configure_package_config_file(cmake/rockmate-config.cmake.in
  ${PROJECT_BINARY_DIR}/rockmate-config.cmake INSTALL_DESTINATION ${ROCKMATE_CONFIG_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/rockmate-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/rockmate-config.cmake
              ${PROJECT_BINARY_DIR}/rockmate-config-version.cmake
              cmake/FindGLPK.cmake cmake/FindCBC.cmake cmake/FindONEDNN.cmake
        DESTINATION ${ROCKMATE_CONFIG_DIR})
