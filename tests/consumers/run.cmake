# Configures, builds and runs the consumer project KIND in a fresh folder WORK, as a stranger would:
#   cmake -D KIND=find_package|subdirectory -D SOURCE=… -D BINARY=… -D WORK=… -D COMPILER=… -P run.cmake
# find_package installs the build in BINARY first; subdirectory takes the checkout in SOURCE.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})

macro(run)
  execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endmacro()

if(KIND STREQUAL "find_package")
  run(${CMAKE_COMMAND} --install ${BINARY} --prefix ${WORK}/prefix)
  set(where -DCMAKE_PREFIX_PATH=${WORK}/prefix)
else()
  set(where -DOXBOW_SOURCE=${SOURCE})
endif()
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/${KIND} -B ${WORK}/build -G Ninja -DCMAKE_CXX_COMPILER=${COMPILER} ${where})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
run(${WORK}/build/consumer_io)
if(KIND STREQUAL "find_package")
  run(${WORK}/build/consumer_portable)
endif()
