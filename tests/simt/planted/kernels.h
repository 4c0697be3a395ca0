// SPDX-License-Identifier: Apache-2.0
// Small kernels with a fault that can be switched on: each checker of the emulator must catch its
// own, and none may speak where there is no fault.
#pragma once
#include <cstdint>

namespace peclr::planted {

enum class Fault { none, planted };
inline constexpr int kThreads = 64;

// Each of kThreads threads writes its index to shared memory and, after a barrier, out[t] is the
// sum of its neighbours' on both sides (a ring). Planted: no barrier.
void neighbours(float* out, Fault fault);
// out[t] = t by way of shared memory. Planted: the thread before the last writes behind its end.
void beyond_shared(float* out, Fault fault);
// The same. Planted: nobody writes before the read.
void unwritten_shared(float* out, Fault fault);
// Sum of 0..31 by shuffles, in every lane. Planted: the mask leaves out the upper half.
void shuffled_sum(int* out, Fault fault);
// Lane 0 of a warp reads lane 31's value. Planted: lane 31's mask bit is missing.
void read_lane(int* out, Fault fault);
// The same; lanes from 16 on leave first. Planted: lane 0 reads one of them.
void read_exited_lane(int* out, Fault fault);
// Two barriers. Planted: the halves of the block are at different ones.
void two_barriers(int* out, Fault fault);
// Planted: a thread waits for its warp while the others wait at a barrier.
void stuck(int* out, Fault fault);
// Lanes hand each other values through shared memory, a warp alone. Planted: a shuffle stands where
// __syncwarp should, and a shuffle orders no memory.
void warp_ring(float* out, Fault fault);
// *out = number of blocks, counted by all of them. Planted: without an atomic.
void count_blocks(unsigned* out, Fault fault);
// *out = sum of what each block left in partial [blocks], by the last block. Planted: no fence.
void last_block_sum(float* partial, float* out, unsigned* finished, int blocks, Fault fault);
// out[0..3] = in[0..3] in one access of 16 bytes; any alignment is taken, a wrong one is the fault.
void copy_pack(const float* in, float* out);

}  // namespace peclr::planted
