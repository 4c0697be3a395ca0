// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/pretraining.h"

namespace peclr {

Start Pretraining::start(const Settings& settings, PictureFeed&) {
  return start_from(settings, store);
}

std::string Pretraining::headline(const Settings& settings, const TrainPlan& plan) {
  return fmt::format("{} ResNet-{} at {} px on {} pictures: {} steps of {} x {} pictures",
                     settings.method == Settings::Method::peclr ? "PeCLR" : "SimCLR",
                     settings.model.depth, settings.model.input, plan.pictures, plan.steps,
                     settings.train.batch_size, settings.train.accumulate);
}

Metadata Pretraining::metadata(const Settings& settings, Start start) {
  start.pretraining = name_of(settings.method);
  return model_metadata(settings, start);
}

}  // namespace peclr
