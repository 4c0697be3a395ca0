// SPDX-License-Identifier: Apache-2.0
// The hand network that a command answers with.
#pragma once
#include <memory>

#include "engine/backend.h"
#include "engine/parameters.h"
#include "models/hand_network.h"
#include "tools/run/model_files.h"
#include "tools/settings/settings.h"

namespace peclr {

struct TrainedHand {
  std::unique_ptr<Backend> backend;
  ParameterStore store;
  HandNetwork network;
  Start start;

  // On settings.device, with settings.threads, the weights of settings.init_from. Throws as
  // make_backend and start_with_head do.
  explicit TrainedHand(const Settings& settings);
};

}  // namespace peclr
