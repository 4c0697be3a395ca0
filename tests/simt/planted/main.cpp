// SPDX-License-Identifier: Apache-2.0
// simt_planted CHECK [planted]: runs a kernel whose fault only a sanitizer sees. In a program of
// its own, as a report ends it or changes its exit code.
#include <cstdio>
#include <cstring>
#include <vector>

#include "tests/simt/planted/kernels.h"

int main(int argc, char** argv) {
  using namespace peclr::planted;
  const char* check = argc > 1 ? argv[1] : "";
  const Fault fault =
      argc > 2 && std::strcmp(argv[2], "planted") == 0 ? Fault::planted : Fault::none;
  std::vector<float> out(kThreads);
  if (std::strcmp(check, "beyond_shared") == 0) {
    beyond_shared(out.data(), fault);
  } else if (std::strcmp(check, "neighbours") == 0) {
    neighbours(out.data(), fault);
  } else if (std::strcmp(check, "warp_ring") == 0) {
    warp_ring(out.data(), fault);
  } else if (std::strcmp(check, "count_blocks") == 0) {
    unsigned count = 0;
    count_blocks(&count, fault);
  } else if (std::strcmp(check, "last_block_sum") == 0) {
    constexpr int kBlocks = 3;
    float partial[kBlocks], sum;
    unsigned finished = 0;
    last_block_sum(partial, &sum, &finished, kBlocks, fault);
  } else {
    std::fprintf(stderr, "simt_planted: no check '%s'\n", check);
    return 2;
  }
  return 0;
}
