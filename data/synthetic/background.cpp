// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/background.h"

#include "data/synthetic/canvas.h"

namespace peclr::synthetic {
namespace {

Thing any_thing(Rng& rng, const Palette& palette, float side, Vec3f skin) {
  Thing t{};
  t.texture = Texture::any(rng, palette, side / 224);
  t.casts_shadow = true;
  t.x = rng.uniform(-0.1f, 1.1f) * side;
  t.y = rng.uniform(-0.1f, 1.1f) * side;
  const float angle = rng.below(2) ? radians(8) * bell(rng) : rng.uniform(0, kPi);
  t.cosine = std::cos(angle);
  t.sine = std::sin(angle);
  t.soft = (1 + 4 * mostly_small(rng)) * side / 224;
  t.shade_x = rng.uniform(-0.35f, 0.35f);
  t.shade_y = rng.uniform(-0.35f, 0.35f);
  const float size = side * (0.05f + 0.22f * mostly_small(rng));
  t.half_width = size * rng.uniform(0.6f, 1.6f);
  t.half_height = size * rng.uniform(0.5f, 1.2f);
  switch (rng.below(8)) {
    case 0:  // disc, ball
      t.half_height = t.half_width = t.corner = size;
      break;
    case 1:
    case 2:  // pole, cable, edge of a frame: across the picture
      t.half_width = side;
      t.half_height = side * rng.uniform(0.006f, 0.035f);
      t.round_bar = true;
      break;
    case 3:  // something with the colour of skin: an arm, a face far away, a wooden thing
      t.texture.pattern = Pattern::clouds;
      t.texture.light = skin * rng.uniform(0.5f, 1.1f);
      t.texture.dark = t.texture.light * Vec3f{0.85f, 0.75f, 0.7f};
      t.texture.scale *= 0.4f;
      t.half_width = size * rng.uniform(0.7f, 3);
      t.half_height = t.corner = std::min(size * 0.7f, t.half_width);
      t.round_bar = true;
      break;
    default:
      t.corner = rng.below(2) ? 0 : 0.3f * std::min(t.half_width, t.half_height);
  }
  return t;
}

// A row of like things: books, cans, keys, leaves of a blind.
void paint_row(Rng& rng, Canvas& canvas, const Palette& palette, float side, Vec3f skin) {
  Thing thing = any_thing(rng, palette, side, skin);
  const float size = side * rng.uniform(0.012f, 0.045f);
  thing.half_width = size;
  thing.half_height = size * rng.uniform(0.5f, 3.5f);
  thing.corner = rng.uniform(0, 0.9f) * std::min(thing.half_width, thing.half_height);
  thing.round_bar = false;
  const float gap = size * rng.uniform(2.1f, 3);
  const int count = 4 + static_cast<int>(rng.below(10));
  const bool alike = rng.below(2) == 0;
  for (int i = 0; i < count; ++i) {
    if (!alike) thing.texture.light = any_colour(rng, palette);
    canvas.paint(thing);
    thing.x += gap * thing.cosine;
    thing.y += gap * thing.sine;
  }
}

// Many small things in one place: leaves, cables, tools, print.
void paint_litter(Rng& rng, Canvas& canvas, const Palette& palette, float side, Vec3f skin) {
  const float x = rng.uniform() * side, y = rng.uniform() * side;
  const float spread = rng.uniform(0.08f, 0.4f) * side, slender = rng.uniform(0.06f, 0.9f);
  for (int count = 20 + static_cast<int>(rng.below(60)); count > 0; --count) {
    Thing thing = any_thing(rng, palette, side, skin);
    thing.casts_shadow = false;
    thing.round_bar = rng.below(2) == 0;
    thing.x = x + spread * bell(rng);
    thing.y = y + spread * bell(rng);
    thing.half_width = side * rng.uniform(0.01f, 0.045f);
    thing.half_height = std::max(0.7f, thing.half_width * slender);
    thing.corner = thing.half_height;
    thing.soft = 0.008f * side;
    canvas.paint(thing);
  }
}

// Wall, floor, table: one plane fills the picture, the later ones cut off a part of it, most often
// along a line that is nearly level.
std::vector<Plane> any_planes(Rng& rng, const Palette& palette, float side) {
  std::vector<Plane> planes(1 + rng.below(4));
  for (Plane& plane : planes) {
    plane.texture = Texture::any(rng, palette, side / 224);
    plane.shade = rng.uniform(-0.5f, 0.5f);
    const bool level = rng.below(3) > 0;
    const float angle = level ? kPi / 2 + radians(8) * bell(rng) : rng.uniform(0, 2 * kPi);
    const float x = rng.uniform(0.1f, 0.9f) * side, y = rng.uniform(0.1f, 0.9f) * side;
    plane.nx = std::cos(angle);
    plane.ny = std::sin(angle);
    plane.offset = plane.nx * x + plane.ny * y;
  }
  return planes;
}

}  // namespace

std::vector<Vec3f> paint_background(Rng& rng, int side, Vec3f skin) {
  const float size = static_cast<float>(side);
  const Palette palette = any_palette(rng);
  Canvas canvas(side);
  canvas.paint_planes(any_planes(rng, palette, size));
  const int things = static_cast<int>(rng.below(14)), rows = static_cast<int>(rng.below(3));
  for (int i = 0; i < things / 2; ++i) canvas.paint(any_thing(rng, palette, size, skin));
  if (rng.below(2)) paint_litter(rng, canvas, palette, size, skin);
  for (int i = 0; i < rows; ++i) paint_row(rng, canvas, palette, size, skin);
  for (int i = things / 2; i < things; ++i) canvas.paint(any_thing(rng, palette, size, skin));
  canvas.blur(static_cast<int>(size / 224 * 4.2f * mostly_small(rng)));
  return canvas.take();
}

}  // namespace peclr::synthetic
