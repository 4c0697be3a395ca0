// SPDX-License-Identifier: Apache-2.0
// Compiled once an instruction set, like the loops it lists.
#include "engine/cpu/hot/loops.h"

namespace peclr {
inline namespace PECLR_ISA {

#define PECLR_TEXT_(x) #x
#define PECLR_TEXT(x) PECLR_TEXT_(x)

template <class T>
constexpr ActivationLoops<T> activation_loops() {
  return {norm_sums<T>,           norm_apply<T>,         norm_backward_reduce<T>,
          norm_backward_apply<T>, norm_max_pool<T>,      norm_max_pool_backward<T>,
          mean_pool<T>,           mean_pool_backward<T>, add_into<T>};
}

extern const Loops table;
const Loops table = {PECLR_TEXT(PECLR_ISA),
                     activation_loops<float>(),
                     activation_loops<bf16>(),
                     augment,
                     invert_views,
                     invert_views_backward,
                     ntxent_scratch_floats,
                     ntxent_forward,
                     ntxent_backward,
                     pose_lift,
                     pose_lift_backward,
                     pose_recover,
                     pose_recover_backward,
                     pose_loss,
                     mean_absolute_loss,
                     procrustes,
                     optimizer_chunks,
                     segment_norms,
                     optimizer_update};

}  // namespace PECLR_ISA
}  // namespace peclr
