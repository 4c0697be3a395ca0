// SPDX-License-Identifier: Apache-2.0
// The sections of the page that are charts: losses, similarities, PCK.
#pragma once
#include "tools/report/groups.h"
#include "tools/report/html.h"

namespace peclr {

// Loss and similarities over the steps of pre-training.
void write_pretraining_curves(Html& html, const std::vector<Group>& pretrained);
// Loss and 2D error over the steps of fine-tuning.
void write_finetuning_curves(Html& html, const std::vector<Group>& finetuned);
// Share of joints within 0..5 cm, as predicted and aligned.
void write_pck_curves(Html& html, const std::vector<Group>& scored);

}  // namespace peclr
