# CUDA: the compiler, what programs of the back end need, and how their tests run where there is no GPU.
include(CheckLanguage)
check_language(CUDA)
set(has_cuda OFF)
if(CMAKE_CUDA_COMPILER)
  set(has_cuda ON)
endif()
option(OXBOW_CUDA "Build the tests and benchmarks of the CUDA back end" ${has_cuda})
set(OXBOW_GPU_SIM "$ENV{OXBOW_GPU_SIM}" CACHE FILEPATH
    "A program that runs a CUDA program on a simulated GPU (RUN PROGRAM ARGUMENTS…); empty: tests use the GPU")

if(OXBOW_CUDA)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    # PTX runs on this and every later GPU, and is what a simulator can read.
    set(CMAKE_CUDA_ARCHITECTURES 80-virtual)
  endif()
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)  # a simulator takes the runtime's place
  enable_language(CUDA)
  string(APPEND CMAKE_CUDA_FLAGS " -std=c++20")  # CMake before 3.26 does not know that nvcc can
  find_package(CUDAToolkit REQUIRED)

  # Optimised in every build: a kernel without optimisation is another kernel. -lineinfo names lines in reports.
  foreach(config IN ITEMS DEBUG RELEASE)
    set(CMAKE_CUDA_FLAGS_${config} "-O2 -lineinfo")
  endforeach()

  add_library(oxbow_cuda_settings INTERFACE)
  target_compile_options(oxbow_cuda_settings INTERFACE
    "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wno-unused-parameter;--expt-relaxed-constexpr;--Werror=cross-execution-space-call>")
  # An old-style RPATH to the toolkit's runtime would win over the simulator's.
  target_link_options(oxbow_cuda_settings INTERFACE LINKER:--enable-new-dtags)
  target_link_libraries(oxbow_cuda_settings INTERFACE CUDA::cudart)
endif()
