// SPDX-License-Identifier: Apache-2.0
// The pairs of views that a pre-training saw, and what its loss's inversion makes of them: applied
// to pixels instead of to points of latent space, so that one can see it cancel.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "data/image.h"
#include "data/views.h"
#include "kernels/equivariance.h"
#include "tools/settings/settings.h"

namespace peclr {

struct ShownView {
  View view;
  Image picture;   // as the network gets it, before normalisation
  Image inverted;  // enlarged, the loss's numbers undone; grey where the view holds nothing
  Affine2 undo;    // from pixel indices of the view to those of `inverted`
};
struct ViewPair {
  Image source;
  std::array<ShownView, 2> views;
};

struct ViewPairs {
  std::vector<ViewPair> pairs;
  std::int64_t pictures;  // in all, an epoch
};

// The first `count` pairs of a pre-training's first epoch, made as the run made them. Throws
// Error(data) if its pictures are not there any more.
ViewPairs first_pairs(const Settings& settings, int count);

// The pixels of a view of side `out`, levels 0..255.
Image view_picture(const Image& source, const View& view, int out);
// The loss's inverse on a view's plane: the shift, in sides of the view, is taken away, then the
// plane is turned back (and scaled back) about the view's middle. kernels/equivariance.h does the
// same to points, with their extent for the side and their mean for the middle.
Affine2 undo_map(const ViewTransform& transform, Inversion what, int side);
// The picture moved by `map`, on the same canvas; bilinear, grey where nothing falls.
Image moved(const Image& picture, const Affine2& map);

}  // namespace peclr
