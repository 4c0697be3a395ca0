# SPDX-License-Identifier: Apache-2.0
# PECLR_GPU=fake: stand-ins for the CUDA runtime (linked) and for cuDNN and cuBLASLt (libraries of the names that
# engine/cuda/late_libraries.cpp opens). Of NVIDIA's only the headers are needed.
foreach(header cuda_runtime_api.h cudnn.h cublasLt.h)
  find_path(CUDA_FAKE_INCLUDE_${header} ${header} HINTS ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES include)
  if(NOT CUDA_FAKE_INCLUDE_${header})
    message(FATAL_ERROR "PECLR_GPU=fake: ${header} was not found. Its tests need the headers of NVIDIA's CUDA toolkit with "
                        "cuBLAS and cuDNN 9; set CUDA_HOME, or CUDA_FAKE_INCLUDE_${header}.")
  endif()
  list(APPEND cuda_fake_includes ${CUDA_FAKE_INCLUDE_${header}})
endforeach()
list(REMOVE_DUPLICATES cuda_fake_includes)
file(STRINGS ${CUDA_FAKE_INCLUDE_cuda_runtime_api.h}/cuda_runtime_api.h version REGEX "define CUDART_VERSION")
string(REGEX MATCH "[0-9]+" version "${version}")
math(EXPR cuda_major "${version} / 1000")

# What of peclr_tests the preset's ctest runs, all on this device: what has the backend work.
set(PECLR_TEST_SPEC "[ops],[norm],[augment],[tape],[resnet],[hand],[crop],[optimizer],[memory],[recording],data.cache:*")
set(PECLR_GPU_DEVICE cuda)
set(PECLR_GPU_TESTS tests/kernels tests/cuda tests/cuda_fake)
add_compile_definitions(PECLR_CUDA)
set_source_files_properties(engine/cuda/context.cpp PROPERTIES COMPILE_DEFINITIONS PECLR_CUDA_ARCHITECTURES="none")
set_source_files_properties(engine/cuda/late_libraries.cpp PROPERTIES COMPILE_DEFINITIONS PECLR_CUDA_MAJOR="${cuda_major}")

file(GLOB runtime_sources CONFIGURE_DEPENDS tests/cuda_fake/runtime/*.cpp)
add_library(cuda_fake_runtime STATIC ${runtime_sources})
target_include_directories(cuda_fake_runtime SYSTEM PUBLIC ${cuda_fake_includes})
target_link_libraries(cuda_fake_runtime PUBLIC peclr_simt)
add_library(peclr_cuda_libraries INTERFACE)
target_link_libraries(peclr_cuda_libraries INTERFACE "$<LINK_LIBRARY:WHOLE_ARCHIVE,cuda_fake_runtime>" ${CMAKE_DL_LIBS})

# Programs find these before any that the system has, and they find the runtime in the program.
set(CMAKE_BUILD_RPATH ${CMAKE_BINARY_DIR}/cuda_fake)
set(CMAKE_ENABLE_EXPORTS ON)
add_link_options(-Wl,--disable-new-dtags)
foreach(library IN ITEMS dnn:cudnn.so.9 blaslt:cublasLt.so.${cuda_major})
  string(REPLACE ":" ";" library ${library})
  list(GET library 0 folder)
  list(GET library 1 name)
  file(GLOB library_sources CONFIGURE_DEPENDS tests/cuda_fake/${folder}/*.cpp)
  add_library(cuda_fake_${folder} SHARED ${library_sources})
  target_include_directories(cuda_fake_${folder} SYSTEM PRIVATE ${cuda_fake_includes})
  set_target_properties(cuda_fake_${folder} PROPERTIES OUTPUT_NAME ${name} SUFFIX "" NO_SONAME ON
                        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/cuda_fake)
  add_dependencies(peclr_cuda_libraries cuda_fake_${folder})
endforeach()
