// SPDX-License-Identifier: Apache-2.0
// The folder of drawn skeletons that `predict` leaves. What an earlier prediction drew would be
// taken for this one's, so all of it is replaced at once.
#pragma once
#include <string>
#include <vector>

#include "data/pictures.h"
#include "tools/evaluation/inference.h"

namespace peclr {

// Throws Error(usage) where `folder` must not be replaced, or drawn in: the set's pictures lie in
// it, a later prediction of the set would take it for pictures, or it (or the FOLDER.part of a
// prediction that was killed) holds something else than drawings.
void require_for_drawings(const std::string& folder, const PictureSet& set);

// Draws `wanted` of the good predictions (or all, where there are fewer), evenly spread, each under
// its picture's whole name and ".png", and returns how many there are. One whose name would be too
// long counts as none, and is told of on stderr.
// Throws Error(failure) that names what cannot be written.
int draw_hands(const std::string& folder, const PictureSet& set,
               const std::vector<HandPrediction>& predictions, int wanted);

}  // namespace peclr
