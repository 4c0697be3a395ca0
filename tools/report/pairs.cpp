// SPDX-License-Identifier: Apache-2.0
#include "tools/report/pairs.h"

#include <algorithm>
#include <cmath>

#include "data/image.h"
#include "tools/settings/engine_options.h"
#include "tools/trainer/contrastive_batches.h"

namespace peclr {
namespace {

constexpr int kLeastSide = 192;         // of an inverted view, so that its edges are smooth
constexpr std::uint8_t kNothing = 128;  // level of what no view shows

// Neighbours in one direction and the weight of the second.
struct Neighbours {
  int first, second;
  float weight;
  bool inside;
};
Neighbours neighbours_of(float at, int size) {
  const float clamped = std::clamp(at, 0.f, static_cast<float>(size - 1));
  const int first = static_cast<int>(clamped);
  return {first, std::min(first + 1, size - 1), clamped - static_cast<float>(first),
          at >= -0.5f && at <= static_cast<float>(size) - 0.5f};
}

}  // namespace

Image view_picture(const Image& source, const View& view, int out) {
  AugmentParams params = view.pixels;
  params.scale = PixelScale::levels;
  const AugmentPlan plan = plan_augment(params, source.width, source.height);
  const auto level = [](float x) { return static_cast<std::uint8_t>(std::lround(x)); };
  Image image(out, out);
  for (int y = 0; y < out; ++y)
    for (int x = 0; x < out; ++x) {
      const Rgb c = augment_pixel(plan, source.pixels.data(), x, y);
      std::uint8_t* p = image.at(x, y);
      p[0] = level(c.r), p[1] = level(c.g), p[2] = level(c.b), p[3] = 255;
    }
  return image;
}

Affine2 undo_map(const ViewTransform& transform, Inversion what, int side) {
  const ViewInverse inverse = inverse_of(transform, what);
  const double cos = inverse.cos, sin = inverse.sin, middle = 0.5 * (side - 1);
  const Affine2 shift_back{
      {1, 0, -inverse.shift_x * double(side), 0, 1, -inverse.shift_y * double(side)}};
  const Affine2 turn_back{{cos, -sin, middle - cos * middle + sin * middle,  //
                           sin, cos, middle - sin * middle - cos * middle}};
  return compose(turn_back, shift_back);
}

Image moved(const Image& picture, const Affine2& map) {
  const Affine2 back = invert(map);
  Image out(picture.width, picture.height);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      const Vec2f at = apply(back, {static_cast<float>(x), static_cast<float>(y)});
      const Neighbours h = neighbours_of(at.x, picture.width),
                       v = neighbours_of(at.y, picture.height);
      std::uint8_t* p = out.at(x, y);
      for (int c = 0; c < 4; ++c) {
        const auto row = [&](int from) {
          return static_cast<float>(picture.at(h.first, from)[c]) * (1 - h.weight) +
                 static_cast<float>(picture.at(h.second, from)[c]) * h.weight;
        };
        p[c] = !(h.inside && v.inside)
                   ? kNothing
                   : static_cast<std::uint8_t>(
                         std::lround(row(v.first) * (1 - v.weight) + row(v.second) * v.weight));
      }
    }
  return out;
}

ViewPairs first_pairs(const Settings& settings, int count) {
  PictureFeed feed(settings, Need::pictures);
  const int side = settings.model.input;
  ViewPairs all{{}, feed.pictures()};
  for (int i = 0; i < std::min<std::int64_t>(count, feed.pictures()); ++i) {
    const PictureFeed::Item item = feed.item(0, i);
    ViewPair pair{item.picture->image, {}};
    for (int v = 0; v < 2; ++v) {
      ShownView& shown = pair.views[static_cast<std::size_t>(v)];
      shown.view = contrastive_view(settings, item, 0, i, v);
      shown.picture = view_picture(pair.source, shown.view, side);
      const int large = side * std::max(1, kLeastSide / side);
      const Affine2 undo = undo_map(transform_of(shown.view), inversion_of(settings), large);
      shown.inverted = moved(resized(shown.picture, large, large), undo);
      shown.undo = compose(undo, invert(from_resized_crop(0, 0, side, side, large)));
    }
    all.pairs.push_back(std::move(pair));
  }
  return all;
}

}  // namespace peclr
