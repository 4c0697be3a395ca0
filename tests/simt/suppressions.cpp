// SPDX-License-Identifier: Apache-2.0
// clang's OpenMP library, which the engine asks for its number of threads, is not compiled for
// ThreadSanitizer: what it does among its own threads is not ours to judge.
extern "C" const char* __tsan_default_suppressions() { return "called_from_lib:libomp.so\n"; }
