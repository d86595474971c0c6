# Install and export, so that find_package(oxbow) and find_package(oxbow COMPONENTS io) work elsewhere.
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_DATADIR}/cmake/oxbow)

install(TARGETS oxbow EXPORT oxbow_core FILE_SET HEADERS)
install(EXPORT oxbow_core NAMESPACE oxbow:: FILE oxbow_core.cmake DESTINATION ${package_folder})
if(OXBOW_IO)
  install(TARGETS oxbow_io EXPORT oxbow_io FILE_SET HEADERS)
  install(EXPORT oxbow_io NAMESPACE oxbow:: FILE oxbow_io.cmake DESTINATION ${package_folder})
endif()

write_basic_package_version_file(${PROJECT_BINARY_DIR}/oxbowConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/oxbowConfigVersion.cmake ${CMAKE_CURRENT_LIST_DIR}/oxbowConfig.cmake
              ${CMAKE_CURRENT_LIST_DIR}/multiarch.cmake
        DESTINATION ${package_folder})
