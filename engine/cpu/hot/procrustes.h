// SPDX-License-Identifier: Apache-2.0
// Batched Procrustes alignment (kernels/procrustes.h), several poses at a time in the lanes of
// vector registers.
#pragma once
#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/procrustes.h"

PECLR_BEGIN

void procrustes(const ProcrustesInput& input, const ProcrustesOutput& output);

PECLR_END
