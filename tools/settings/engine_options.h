// SPDX-License-Identifier: Apache-2.0
// Settings as options of the engine, the models and the views.
#pragma once
#include <memory>

#include "data/views.h"
#include "engine/devices.h"
#include "engine/optimizer.h"
#include "kernels/equivariance.h"
#include "tools/settings/settings.h"

namespace peclr {

// Has the engine work on settings.threads threads; returns the settings with the number it took.
Settings with_threads(Settings settings);

std::unique_ptr<Backend> make_backend(const Settings& settings);
DType compute_type(const Settings& settings);
OptimizerOptions optimizer_options(const Settings& settings);

// What the loss of a pre-training undoes: nothing for SimCLR.
Inversion inversion_of(const Settings& settings);

// What a training sees outside of pictures.
Settings::Border border_seen(const Settings& settings);
Around around(Settings::Crop crop);
AugmentOptions augment_options(const Settings& settings);

}  // namespace peclr
