// SPDX-License-Identifier: Apache-2.0
#include "tools/settings/engine_options.h"

#include "engine/parallel.h"
#include "models/contrastive_model.h"

namespace peclr {
namespace {

Range narrow(const Settings::Range& r) {
  return {static_cast<float>(r.low), static_cast<float>(r.high)};
}

}  // namespace

Settings with_threads(Settings settings) {
  set_threads(settings.threads);
  settings.threads = threads();
  return settings;
}

std::unique_ptr<Backend> make_backend(const Settings& settings) {
  return make_backend(settings.device, {.gpu = settings.gpu,
                                        .tf32 = settings.precision == Settings::Precision::tf32});
}

DType compute_type(const Settings& settings) {
  return settings.precision == Settings::Precision::bf16 ? DType::bf16 : DType::f32;
}

OptimizerOptions optimizer_options(const Settings& settings) {
  return {settings.train.optimizer, static_cast<float>(settings.train.weight_decay)};
}

Inversion inversion_of(const Settings& settings) {
  if (settings.method == Settings::Method::simclr) return kSimclr;
  return {settings.invert.translate, settings.invert.rotate, settings.invert.scale};
}

Settings::Border border_seen(const Settings& settings) {
  return settings.paper_exact ? Settings::Border::black : settings.augment.border;
}

Around around(Settings::Crop crop) {
  return crop == Settings::Crop::box ? Around::box : Around::mean;
}

AugmentOptions augment_options(const Settings& settings) {
  const Settings::Augment& a = settings.augment;
  AugmentOptions options;
  options.out = settings.model.input;
  options.angle_deg = {static_cast<float>(-a.rotate), static_cast<float>(a.rotate)};
  options.jitter = {0, static_cast<float>(a.translate)};
  options.margin = narrow(a.scale);
  options.colour_jitter = static_cast<float>(a.colour_jitter);
  options.hue = narrow(a.hue);
  options.saturation = narrow(a.saturation);
  options.value_gain = narrow(a.value_gain);
  options.value_offset = narrow(a.value_offset);
  options.colour_drop = static_cast<float>(a.colour_drop);
  options.border = a.border;
  options.paper_exact = settings.paper_exact;
  return options;
}

}  // namespace peclr
