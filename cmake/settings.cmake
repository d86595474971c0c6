# How this project compiles its own programs. None of it reaches users of the library.
include(CheckCXXCompilerFlag)
set(CMAKE_CXX_EXTENSIONS OFF)

add_library(oxbow_warnings INTERFACE)
# For C++ only: nvcc has its own spelling, see cuda.cmake.
target_compile_options(oxbow_warnings INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wconversion>")

# g++ 12 takes the undefined registers in its own AVX-512 header for mistakes wherever they are inlined (GCC bug
# 105593, repaired in 13): dozens of lines that no one here can act on.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(oxbow_warnings INTERFACE -Wno-uninitialized -Wno-maybe-uninitialized)
endif()

add_library(oxbow_settings INTERFACE)
target_link_libraries(oxbow_settings INTERFACE oxbow_warnings)

# Kernels count on a·b + c becoming one instruction. That is g++'s default, but clang++ contracts
# only within one expression; said here, both build the same arithmetic.
target_compile_options(oxbow_settings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=fast>)

if(OXBOW_ARCH)
  check_cxx_compiler_flag(-march=${OXBOW_ARCH} OXBOW_ARCH_IS_KNOWN_${OXBOW_ARCH})
  if(OXBOW_ARCH_IS_KNOWN_${OXBOW_ARCH})
    target_compile_options(oxbow_settings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=${OXBOW_ARCH}>)
  else()
    message(WARNING "OXBOW_ARCH: the compiler does not know -march=${OXBOW_ARCH}; its default is used.")
  endif()
endif()

# A translation unit that trains a large network may need two gigabytes: as many at a time as fit.
cmake_host_system_information(RESULT megabytes QUERY TOTAL_PHYSICAL_MEMORY)
math(EXPR fitting "${megabytes} / 2000")
if(fitting LESS 1)
  set(fitting 1)
endif()
set_property(GLOBAL APPEND PROPERTY JOB_POOLS compile=${fitting})
if(NOT DEFINED CMAKE_JOB_POOL_COMPILE)
  set(CMAKE_JOB_POOL_COMPILE compile)
endif()
