// SPDX-License-Identifier: Apache-2.0
#include "tools/evaluation/trained_hand.h"

#include "engine/parallel.h"
#include "tools/settings/engine_options.h"

namespace peclr {

TrainedHand::TrainedHand(const Settings& settings)
    : backend((set_threads(settings.threads), make_backend(settings))),
      network(store, settings.model.depth) {
  store.allocate(*backend, 0);
  start = start_with_head(settings, store);
}

}  // namespace peclr
