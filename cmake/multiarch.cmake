# oxbow_multiarch(<target> <source>…) compiles the sources once for each instruction set that a program can choose among
# when it starts, and adds the results to the target. The sources instantiate oxbow::kernels of models; see
# docs/portable-binaries.md. On other CPUs than x86-64 they are ordinary sources.
#
# Each set's code keeps its functions to itself. Templates and inline functions, the standard library's included, are
# otherwise merged by the linker, which would hand an old CPU the copy that was compiled for a new one.
function(oxbow_multiarch target)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
    target_sources(${target} PRIVATE ${ARGN})
    return()
  endif()
  find_program(OXBOW_LD NAMES ld.bfd x86_64-linux-gnu-ld REQUIRED)
  find_program(OXBOW_OBJCOPY NAMES objcopy x86_64-linux-gnu-objcopy REQUIRED)

  # What host/instruction_set.hpp asks the CPU for.
  set(flags_baseline -march=x86-64)
  set(flags_avx2 ${flags_baseline} -mavx2 -mfma)
  set(flags_avx512 ${flags_avx2} -mavx512f -mavx512cd -mavx512bw -mavx512dq -mavx512vl)
  foreach(set IN ITEMS baseline avx2 avx512)
    set(part ${target}_${set})
    add_library(${part} OBJECT ${ARGN})
    # As the target is compiled, but for the instruction set. Linking later would undo the separation.
    foreach(what IN ITEMS COMPILE_DEFINITIONS COMPILE_OPTIONS COMPILE_FEATURES INCLUDE_DIRECTORIES)
      set_property(TARGET ${part} PROPERTY ${what} $<TARGET_PROPERTY:${target},${what}>)
    endforeach()
    target_link_libraries(${part} PRIVATE $<TARGET_PROPERTY:${target},LINK_LIBRARIES>)
    target_compile_options(${part} PRIVATE ${flags_${set}} $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
    set_target_properties(${part} PROPERTIES
      INTERPROCEDURAL_OPTIMIZATION OFF
      POSITION_INDEPENDENT_CODE $<BOOL:$<TARGET_PROPERTY:${target},POSITION_INDEPENDENT_CODE>>)

    set(object ${CMAKE_CURRENT_BINARY_DIR}/${part}${CMAKE_CXX_OUTPUT_EXTENSION})
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${OXBOW_LD} -r --force-group-allocation -o ${object} $<TARGET_OBJECTS:${part}>
      COMMAND ${OXBOW_OBJCOPY} --wildcard "--keep-global-symbol=_ZN5oxbow7kernels*" ${object}
      DEPENDS $<TARGET_OBJECTS:${part}>
      COMMAND_EXPAND_LISTS VERBATIM)
    target_sources(${target} PRIVATE ${object})
    set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  endforeach()
endfunction()
