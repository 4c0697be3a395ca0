# SPDX-License-Identifier: Apache-2.0
# The tests and goldens of the kernels once more, on what nvcc makes of the kernels (docs/kernels.md), where it is installed.
find_program(PECLR_NVCC NAMES $ENV{CUDACXX} nvcc HINTS /usr/local/cuda/bin)
if(NOT PECLR_NVCC)
  message(STATUS "no nvcc: what it makes of the kernels is not tested")
  return()
endif()

set(ptx_folder ${CMAKE_BINARY_DIR}/ptx)
file(MAKE_DIRECTORY ${ptx_folder})
foreach(source IN LISTS kernel_sources)
  get_filename_component(name ${source} NAME_WE)
  set(ptx ${ptx_folder}/${name}.ptx)
  add_custom_command(
    OUTPUT ${ptx}
    COMMAND ${PECLR_NVCC} -std=c++20 -O3 --expt-relaxed-constexpr -arch=compute_90 -ptx -I${CMAKE_SOURCE_DIR} -MD -MF ${ptx}.d
            -MT ${ptx} ${source} -o ${ptx}
    DEPENDS ${source}
    DEPFILE ${ptx}.d
    COMMENT "PTX of ${name}.cu")
  list(APPEND ptx_files ${ptx})
endforeach()
add_custom_target(kernel_ptx DEPENDS ${ptx_files})
add_dependencies(kernel_tests kernel_ptx)

add_test(NAME ptx_kernels COMMAND kernel_tests "[kernels]" --warn NoTests)
add_test(NAME ptx_goldens COMMAND peclr golden --device simt ${CMAKE_SOURCE_DIR}/tests/golden)
add_test(NAME ptx_faults COMMAND ${CMAKE_SOURCE_DIR}/tests/ptx_faults_test.sh ${CMAKE_BINARY_DIR})
set_tests_properties(ptx_faults PROPERTIES LABELS kernels TIMEOUT 900 COST 100)
set_tests_properties(ptx_kernels ptx_goldens PROPERTIES ENVIRONMENT PECLR_PTX=${ptx_folder} LABELS kernels TIMEOUT 900 COST 100)
