# SPDX-License-Identifier: Apache-2.0
# `--target package`: one archive to carry to another machine. bin/ programs, tests and benchmarks; lib/ the libraries that
# are neither the system's (libc) nor CUDA's; tools/gpu_check.sh and gpu_proof.sh prove and measure it there.
#
# libstdc++ and libgcc_s stay behind: Debian 12's ask for glibc 2.36 where the rest is content with 2.35, and every system
# of that age has those of g++ 12 or newer. So Ubuntu 22.04 and Debian 12 are the oldest that run it.
# DT_RPATH (not RUNPATH) is heeded for the libraries' own needs too, so Debian's files go in as they are.
set(packed peclr)
foreach(program peclr_tests kernel_tests kernel_bench gpu_step_bench)
  if(TARGET ${program})
    list(APPEND packed ${program})
  endif()
endforeach()
foreach(program IN LISTS packed)
  set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
  target_link_options(${program} PRIVATE -Wl,--disable-new-dtags)
endforeach()
install(TARGETS ${packed} RUNTIME_DEPENDENCY_SET packed_libraries RUNTIME DESTINATION bin)
install(RUNTIME_DEPENDENCY_SET packed_libraries
        PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|stdc\\+\\+|gcc_s)\\.so"
                            "^lib(cuda|cudart|cublas|cublasLt|cudnn.*|nvrtc.*)\\.so"
        DESTINATION lib)

install(DIRECTORY tests/golden tests/pictures tests/ho3d DESTINATION tests)
install(DIRECTORY tools/configs DESTINATION tools)
install(PROGRAMS tools/gpu_check.sh tools/gpu_proof.sh tools/gpu_programs.sh DESTINATION tools)
install(PROGRAMS tools/reproduce/paper.sh tools/reproduce/labels.sh DESTINATION tools/reproduce)
install(FILES tools/reproduce/common.sh DESTINATION tools/reproduce)
install(PROGRAMS tools/slurm.sbatch DESTINATION tools)
install(PROGRAMS benchmarks/pytorch_baseline.py DESTINATION benchmarks)
install(FILES README.md DESTINATION .)
install(DIRECTORY docs DESTINATION .)
# The terms of the libraries in lib/, where the system says them.
install(CODE [[
  file(GLOB libraries "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/*.so*")
  foreach(library IN LISTS libraries)
    get_filename_component(name ${library} NAME)
    execute_process(COMMAND dpkg -S "*/${name}" OUTPUT_VARIABLE owner ERROR_QUIET RESULT_VARIABLE failed)
    string(REGEX MATCH "^[^:,]+" package "${owner}")
    if(NOT failed AND NOT IS_SYMLINK ${library} AND EXISTS "/usr/share/doc/${package}/copyright")
      file(COPY_FILE "/usr/share/doc/${package}/copyright" "${library}.copyright")
    endif()
  endforeach()
]])

set(CPACK_GENERATOR TGZ)  # which the smallest systems can unpack
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_FILE_NAME peclr-${PROJECT_VERSION}-${PECLR_GPU}-${CMAKE_SYSTEM_PROCESSOR})
include(CPack)
