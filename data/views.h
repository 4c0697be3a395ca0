// SPDX-License-Identifier: Apache-2.0
// Draws views: which square of a picture, turned by how much, in which colours. Pixels, keypoints,
// camera and the numbers of the equivariant inverse all come from the one map that is drawn here.
#pragma once
#include <optional>
#include <span>

#include "kernels/augment.h"
#include "kernels/random.h"

namespace peclr {

struct Range {
  float low = 0, high = 0;
};

// What a crop of joints is drawn around, and what its radius is: their mean and the largest
// distance from it; or the middle of the box that holds them, the palm in place of the wrist, of
// which the longer side is then 0.7 of the crop of margin 1.25. The second is how the authors'
// fine-tuned networks are tested (docs/method.md); it wants FreiHAND's 21 joints, in their order.
enum class Around { mean, box };

// Defaults: the final PeCLR recipe, as in the official configuration.
struct AugmentOptions {
  int out = 128;  // side of a view, pixels
  Around around = Around::mean;
  Range angle_deg{-45, 45};  // floored to whole degrees
  Range jitter{0, 15};  // of the crop's origin, right and down; 128ths of the crop of margin 1.25
  Range margin{0.9f, 1.5f};  // half the crop's side, in radii of the hand; 1.25 is neutral
  float colour_jitter = 1;   // probability
  Range hue{0.01f, 1}, saturation{0.01f, 1}, value_gain{0.5f, 1}, value_offset{5, 20};
  float colour_drop = 0;  // probability
  Border border = Border::black;
  // The official code's behaviour: whole pixels, crops cut at the picture's border and stretched,
  // shift counted in pixels of the picture over `out` whatever the crop's size, hue and luma with
  // red and blue exchanged, black border.
  bool paper_exact = false;
};

struct View {
  AugmentParams pixels;
  Affine2 to_output;    // from pixel indices of the source to pixel indices of the view
  float angle_deg = 0;  // positive: the content turned counter-clockwise on the screen
  Vec2f shift;          // how far the centre moved right and down, in sides of the view
  float scale = 1;      // size of the content relative to a crop of margin 1.25
  Vec2f centre;         // what the source was turned about, pixels of the source
};

// A view for training of a picture of width x height pixels. The crop's centre and radius are those
// of `joints` (pixel indices of the picture), as options.around says; without joints they are those
// of the picture's centre square (1.25 radii are half its side). Draws ten numbers whatever the
// options, in this order: angle, margin, jitter right, jitter down, hue, saturation, value gain,
// value offset, whether colour is dropped, whether it is jittered; a range of one value, or a
// probability of 0, leaves the others as they were. Throws Error(data) if the picture is smaller
// than 2 x 2, the joints are not finite or lie on one point (paper_exact: within a pixel), the
// crop lies outside the picture (paper_exact only), or the view reaches beyond kMaxPosition.
View sample_view(const AugmentOptions& options, int width, int height,
                 std::span<const Vec2f> joints, Rng rng);

// A view for probing what features know of the pose: around the joints, turned by -45..45 degrees,
// moved by up to a quarter of the radius an axis either way, margin 1..1.5. Draws angle, margin,
// move right, move down. Throws as above.
View probe_view(int out, int width, int height, std::span<const Vec2f> joints, Rng rng);

// Side, in pixels of the picture, of the crop of margin 1.25 around `joints`.
double plain_side(std::span<const Vec2f> joints, Around around = Around::mean);

// The middle of the picture: a square of `share` of its shorter side. Throws Error(data) if the
// picture is smaller than 2 x 2.
View centre_view(int out, int width, int height, double share = 1);

// sample_view's with nothing drawn: margin 1.25 around the joints, or the centre square
// where there are none. Throws as sample_view.
View joint_view(int out, int width, int height, std::span<const Vec2f> joints,
                Around around = Around::mean);

// The same around joints that a network says. Nothing where they are no hand of this picture: not
// finite, closer together than any hand is, farther apart than the picture, or around a point
// outside it.
std::optional<View> predicted_view(int out, int width, int height, std::span<const Vec2f> joints,
                                   Around around = Around::mean);

struct PixelBox {
  int x = 0, y = 0, width = 0, height = 0;
};

// What of a picture the default recipe's views (Around::mean) of 64 pixels and more can see around
// these joints, whatever is drawn; paper_exact's and probe_view's too. Nothing where predicted_view
// gives nothing.
std::optional<PixelBox> seen_box(int width, int height, std::span<const Vec2f> joints);

// K' = T K: what `to_output` makes of a camera. Projecting with K' gives pixel indices of the view.
// K' has a skew once the view is turned, and a second row with three entries.
Mat3f transform_camera(const Mat3f& K, const Affine2& to_output);

}  // namespace peclr
