# SPDX-License-Identifier: Apache-2.0
# PECLR_GPU=none|simt|fake|cuda: which build of kernels/*.cu there is, if any, as peclr_kernels.
#   simt  a host compiler and the emulator in tests/simt: for tests (docs/kernels.md)
#   fake  likewise, under the CUDA backend with stand-ins for NVIDIA's libraries (tests/cuda_fake): for tests
#   cuda  nvcc; the cards are CMAKE_CUDA_ARCHITECTURES
# engine/cuda is built where there is a target peclr_cuda_libraries. PECLR_GPU_DEVICE is the device of the kernels' tests,
# PECLR_GPU_TESTS the folders of those that are for this build.
set(PECLR_GPU none CACHE STRING "GPU backend: none, simt or fake (kernels on the emulator, for tests), or cuda")
set_property(CACHE PECLR_GPU PROPERTY STRINGS none simt fake cuda)
set(PECLR_GPU_DEVICE ${PECLR_GPU})
set(PECLR_GPU_TESTS tests/kernels tests/${PECLR_GPU})

file(GLOB kernel_sources CONFIGURE_DEPENDS kernels/*.cu)

if(PECLR_GPU MATCHES "^(simt|fake)$")
  file(GLOB simt_sources CONFIGURE_DEPENDS tests/simt/emulator/*.cpp tests/simt/ptx/*.cpp)
  set_source_files_properties(tests/simt/ptx/rounding.cpp PROPERTIES COMPILE_OPTIONS -frounding-math)
  add_library(peclr_simt STATIC ${simt_sources})
  target_link_libraries(peclr_simt PUBLIC fmt::fmt)
  if(PECLR_SANITIZE MATCHES "thread")
    # Only what kernels do is watched; the emulator says itself what orders them.
    target_compile_options(peclr_simt PRIVATE -fno-sanitize=thread -O2)
    target_compile_definitions(peclr_simt PRIVATE PECLR_SIMT_RACES)
  endif()
  set_source_files_properties(${kernel_sources} PROPERTIES LANGUAGE CXX)
  add_library(peclr_kernels STATIC ${kernel_sources})
  target_link_libraries(peclr_kernels PUBLIC peclr_simt)
  target_compile_options(peclr_kernels PRIVATE -Wno-unknown-pragmas)  # unroll
  if(PECLR_GPU STREQUAL "simt")
    # What of peclr_tests ctest --preset simt runs, on this device: what has kernels work.
    set(PECLR_TEST_SPEC "[norm],[ops],[ntxent],[equivariance],[procrustes],[augment],[tape],[resnet],[hand],[crop],[memory],[determinism]")
    add_compile_definitions(PECLR_SIMT)
  else()
    include(cmake/cuda_fake.cmake)
  endif()

elseif(PECLR_GPU STREQUAL "cuda")
  # 80 is for A100, and runs on RTX 30 and 40 (86, 89); 90 for H100, and translated by the driver for later ones.
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80 90)
    if(DEFINED ENV{CUDAARCHS})  # CMake itself looks at it the first time only
      set(CMAKE_CUDA_ARCHITECTURES $ENV{CUDAARCHS})
    endif()
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    message(FATAL_ERROR "PECLR_GPU=cuda: nvcc was not found. Install NVIDIA's CUDA toolkit 12.4 or later with cuDNN 9 "
                        "(developer.nvidia.com/cuda-downloads), and put its bin folder on the PATH or set CUDACXX.")
  endif()
  enable_language(CUDA)
  if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.4)
    message(FATAL_ERROR "PECLR_GPU=cuda: ${CMAKE_CUDA_COMPILER} is of CUDA ${CMAKE_CUDA_COMPILER_VERSION}; install 12.4 or "
                        "later, or set CUDACXX to it.")
  endif()
  if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # Debian 12's CMake does not know it of nvcc
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  find_package(CUDAToolkit REQUIRED)
  find_path(CUDNN_INCLUDE cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  if(NOT CUDNN_INCLUDE)
    message(FATAL_ERROR "PECLR_GPU=cuda: cuDNN was not found. Install cuDNN 9 for CUDA ${CUDAToolkit_VERSION_MAJOR} with its "
                        "headers (NVIDIA's repository: apt-get install cudnn9-cuda-${CUDAToolkit_VERSION_MAJOR}), or set "
                        "CUDNN_INCLUDE.")
  endif()
  if(NOT TARGET CUDA::cublasLt)
    message(FATAL_ERROR "PECLR_GPU=cuda: cuBLAS was not found. It is part of NVIDIA's CUDA toolkit "
                        "(apt-get install libcublas-dev-${CUDAToolkit_VERSION_MAJOR}-${CUDAToolkit_VERSION_MINOR}).")
  endif()
  add_library(peclr_cuda_libraries INTERFACE)
  target_include_directories(peclr_cuda_libraries SYSTEM INTERFACE ${CUDNN_INCLUDE} ${CUDAToolkit_INCLUDE_DIRS})
  # cuDNN and cuBLASLt are loaded at run time (engine/cuda/late_libraries.h), and the CUDA runtime is in the program: it
  # starts on machines that have none of them.
  target_link_libraries(peclr_cuda_libraries INTERFACE CUDA::cudart_static ${CMAKE_DL_LIBS})
  string(REPLACE ";" ", " architectures "${CMAKE_CUDA_ARCHITECTURES}")
  set_source_files_properties(engine/cuda/context.cpp PROPERTIES COMPILE_DEFINITIONS
                              PECLR_CUDA_ARCHITECTURES="${architectures}")
  set_source_files_properties(engine/cuda/late_libraries.cpp PROPERTIES COMPILE_DEFINITIONS
                              PECLR_CUDA_MAJOR="${CUDAToolkit_VERSION_MAJOR}")
  add_library(peclr_kernels STATIC ${kernel_sources})
  target_compile_options(peclr_kernels PRIVATE --expt-relaxed-constexpr -lineinfo -Xcompiler=-Wall)
  target_link_libraries(peclr_kernels PUBLIC CUDA::cudart_static)
  add_compile_definitions(PECLR_CUDA)

elseif(NOT PECLR_GPU STREQUAL "none")
  message(FATAL_ERROR "PECLR_GPU=${PECLR_GPU}: use none, simt, fake or cuda")
endif()
