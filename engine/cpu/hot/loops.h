// SPDX-License-Identifier: Apache-2.0
// The table of hot loops. It is filled once for each instruction set the files were compiled for;
// the best that the processor has is chosen at start. Parameters are plain structs, so the
// tables have one type.
#pragma once
#include "engine/cpu/hot/augment.h"
#include "engine/cpu/hot/equivariance.h"
#include "engine/cpu/hot/norm.h"
#include "engine/cpu/hot/norm_max_pool.h"
#include "engine/cpu/hot/ntxent.h"
#include "engine/cpu/hot/optimizer.h"
#include "engine/cpu/hot/pool.h"
#include "engine/cpu/hot/pose.h"
#include "engine/cpu/hot/procrustes.h"

namespace peclr {

template <class T>
struct ActivationLoops {
  void (*norm_sums)(const NormExtent&, const T*, float*, double*, double*, double*);
  void (*norm_apply)(const NormExtent&, const NormOn<T>&, const NormOn<T>&, float, T*);
  void (*norm_backward_reduce)(const NormExtent&, const NormReduce<T>&, double*, double*, double*);
  void (*norm_backward_apply)(const NormExtent&, const NormReduce<T>&, const float*, const float*,
                              const float*, T*);
  void (*norm_max_pool)(const PoolExtent&, const NormOn<T>&, float, T*, const WindowWinners<T>&);
  void (*norm_max_pool_backward)(const PoolExtent&, const NormUnpool<T>&, T*);
  void (*mean_pool)(const PoolExtent&, const T*, float*);
  void (*mean_pool_backward)(const PoolExtent&, const float*, T*);
  void (*add_into)(std::int64_t, const T*, T*);
};

struct Loops {
  const char* instruction_set;
  ActivationLoops<float> f32;
  ActivationLoops<bf16> b16;

  decltype(&peclr::augment) augment;
  decltype(&peclr::invert_views) invert_views;
  decltype(&peclr::invert_views_backward) invert_views_backward;
  decltype(&peclr::ntxent_scratch_floats) ntxent_scratch_floats;
  decltype(&peclr::ntxent_forward) ntxent_forward;
  decltype(&peclr::ntxent_backward) ntxent_backward;

  decltype(&peclr::pose_lift) pose_lift;
  decltype(&peclr::pose_lift_backward) pose_lift_backward;
  decltype(&peclr::pose_recover) pose_recover;
  decltype(&peclr::pose_recover_backward) pose_recover_backward;
  decltype(&peclr::pose_loss) pose_loss;
  decltype(&peclr::mean_absolute_loss) mean_absolute_loss;
  decltype(&peclr::procrustes) procrustes;

  decltype(&peclr::optimizer_chunks) optimizer_chunks;
  decltype(&peclr::segment_norms) segment_norms;
  decltype(&peclr::optimizer_update) optimizer_update;
};

// The table for this processor; PECLR_CPU=base|v3|v4|v4bf16 in the environment chooses a lower one.
const Loops& loops();

}  // namespace peclr
