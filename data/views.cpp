// SPDX-License-Identifier: Apache-2.0
#include "data/views.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "data/image.h"
#include "engine/error.h"
#include "kernels/joints.h"

namespace peclr {
namespace {

constexpr double kPlainMargin = 1.25;  // of a crop that is not scaled
constexpr double kJitterUnits = 128;   // jitter is counted in 128ths of the plain crop
constexpr double kLeastRadius = 2;     // pixels, of a hand that a network sees
constexpr double kBoxShare = 0.7;      // of a plain crop's side, by the longer side of a box

// What a crop is drawn around.
struct Subject {
  double x = 0, y = 0, radius = 0;  // pixels of the picture
};

// All the random numbers of a view.
struct Draws {
  float angle_deg, margin, jitter_x, jitter_y, drop, jitter;
  ColourJitter colour;
};

float draw(Rng& rng, Range range) { return rng.uniform(range.low, range.high); }

Draws draw_all(const AugmentOptions& options, Rng& rng) {
  Draws d;
  d.angle_deg = std::floor(draw(rng, options.angle_deg));
  d.margin = draw(rng, options.margin);
  d.jitter_x = draw(rng, options.jitter);
  d.jitter_y = draw(rng, options.jitter);
  d.colour.hue = draw(rng, options.hue);
  d.colour.saturation = draw(rng, options.saturation);
  d.colour.value_gain = draw(rng, options.value_gain);
  d.colour.value_offset = draw(rng, options.value_offset);
  d.drop = rng.uniform();
  d.jitter = rng.uniform();
  return d;
}

void require_pixels(int width, int height) {
  if (width < kMinSide || height < kMinSide)
    fail(ErrorKind::data, "a picture of {} x {} pixels is too small, give at least {} x {}", width,
         height, kMinSide, kMinSide);
}

double largest_distance(std::span<const Vec2f> joints, double x, double y) {
  double radius = 0;
  for (const Vec2f& p : joints) radius = std::max(radius, std::hypot(p.x - x, p.y - y));
  return radius;
}

Subject middle_of(int width, int height) {
  return {0.5 * (width - 1), 0.5 * (height - 1), 0.5 * std::min(width, height) / kPlainMargin};
}

Subject mean_of(std::span<const Vec2f> joints) {
  Subject subject;
  for (const Vec2f& p : joints) subject.x += p.x, subject.y += p.y;
  subject.x /= static_cast<double>(joints.size());
  subject.y /= static_cast<double>(joints.size());
  subject.radius = largest_distance(joints, subject.x, subject.y);
  return subject;
}

Subject box_of(std::span<const Vec2f> joints) {
  // A mean hands on what is not a number; the least and the largest may lose it.
  const auto is_point = [](const Vec2f& p) { return std::isfinite(p.x) && std::isfinite(p.y); };
  if (!std::all_of(joints.begin(), joints.end(), is_point)) return {NAN, NAN, NAN};
  check(joints.size() == kJoints, "a box of {} joints, not of {}", joints.size(), kJoints);
  const Vec2f &wrist = joints[kWrist], &base = joints[kMiddleMcp];
  const Vec2f palm{(wrist.x + base.x) / 2, (wrist.y + base.y) / 2};
  double left = palm.x, right = palm.x, top = palm.y, bottom = palm.y;
  for (const Vec2f& p : joints.subspan(1)) {
    left = std::min<double>(left, p.x), right = std::max<double>(right, p.x);
    top = std::min<double>(top, p.y), bottom = std::max<double>(bottom, p.y);
  }
  const double side = std::max(right - left, bottom - top) / kBoxShare;
  return {(left + right) / 2, (top + bottom) / 2, side / (2 * kPlainMargin)};
}

Subject joints_subject(std::span<const Vec2f> joints, Around around) {
  return around == Around::box ? box_of(joints) : mean_of(joints);
}

Subject subject_of(int width, int height, std::span<const Vec2f> joints, Around around) {
  if (joints.empty()) return middle_of(width, height);
  const Subject subject = joints_subject(joints, around);
  if (!std::isfinite(subject.x + subject.y + subject.radius))
    fail(ErrorKind::data, "the 2D joints of a picture are not finite, check its labels");
  if (!(subject.radius > 0))
    fail(ErrorKind::data, "the 2D joints of a picture all lie on one point, check its labels");
  return subject;
}

bool could_be_hand(const Subject& s, int width, int height) {
  // A comparison with what is not a number is false.
  const bool inside = s.x >= 0 && s.x <= width - 1 && s.y >= 0 && s.y <= height - 1;
  return inside && s.radius >= kLeastRadius && s.radius <= std::max(width, height);
}

View view_of(const ViewGeometry& geometry) {
  View view;
  view.pixels = view_pixels(geometry);
  if (!positions_fit(view.pixels.to_source, geometry.out))
    fail(ErrorKind::data,
         "a view of {:.0f} x {:.0f} pixels around ({:.0f}, {:.0f}) is too far from its picture, "
         "check the labels",
         geometry.crop_width, geometry.crop_height, geometry.centre.x, geometry.centre.y);
  view.to_output = invert(view.pixels.to_source);
  view.angle_deg = static_cast<float>(geometry.angle_deg);
  view.centre = geometry.centre;
  return view;
}

Vec2f middle(const Subject& s) { return {static_cast<float>(s.x), static_cast<float>(s.y)}; }

std::vector<Vec2f> turned(std::span<const Vec2f> joints, double angle_deg, const Subject& about) {
  const Affine2 turn = rotate_about(angle_deg, middle(about));
  std::vector<Vec2f> out;
  for (const Vec2f& p : joints) out.push_back(apply(turn, p));
  return out;
}

// What a picture is turned about, and what of the turned one is cropped.
struct Subjects {
  Subject turned_about, cropped;
};
// A mean and its radius stay in a turn, a box does not.
Subjects subjects_of(int width, int height, std::span<const Vec2f> joints, Around around,
                     double angle_deg) {
  const Subject subject = subject_of(width, height, joints, around);
  if (around == Around::mean || joints.empty()) return {subject, subject};
  return {subject, box_of(turned(joints, angle_deg, subject))};
}

// The square of side 2 margin radius around the subject, then moved right and down by (move_x,
// move_y) pixels of the picture, so that the subject appears moved the other way.
View square_view(const Subjects& subjects, double angle_deg, double margin, double move_x,
                 double move_y, int out) {
  const Subject& subject = subjects.cropped;
  const double side = 2 * margin * subject.radius;
  // A crop starts at a pixel's edge, half a pixel before its centre.
  const double x = subject.x + 0.5 - side / 2 + move_x, y = subject.y + 0.5 - side / 2 + move_y;
  View view = view_of({angle_deg, middle(subjects.turned_about), x, y, side, side, out});
  view.shift = {static_cast<float>(-move_x / side), static_cast<float>(-move_y / side)};
  view.scale = static_cast<float>(kPlainMargin / margin);
  return view;
}

// Neither turned nor moved.
View plain_view(const Subject& subject, int out) {
  return square_view({subject, subject}, 0, kPlainMargin, 0, 0, out);
}

// The joints' middle in whole pixels; the radius of a mean is that from there.
Subject whole_subject(std::span<const Vec2f> joints, Around around) {
  Subject subject = joints_subject(joints, around);
  subject.x = std::trunc(subject.x);
  subject.y = std::trunc(subject.y);
  if (around == Around::mean) subject.radius = largest_distance(joints, subject.x, subject.y);
  return subject;
}

// Where the official code turns and crops: it turns about the joints' middle in whole pixels, then
// crops around that of the turned joints, which may be its neighbour.
Subjects paper_subjects(int width, int height, std::span<const Vec2f> joints, Around around,
                        double angle_deg) {
  Subject subject = subject_of(width, height, joints, around);
  if (joints.empty()) {  // the edge between the middle pixels: a plain crop then just fits
    subject.x = std::floor(0.5 * width);
    subject.y = std::floor(0.5 * height);
    return {subject, subject};
  }
  subject = whole_subject(joints, around);
  return {subject, whole_subject(turned(joints, angle_deg, subject), around)};
}

// The official code's crop: whole pixels; an origin left of or above the picture is moved to its
// border, and what is right of or below it is cut off, so that the resize stretches the rest. That
// code stops where nothing is left, as jitter beside the border may have it; here a pixel is.
View paper_view(const AugmentOptions& options, const Draws& d, int width, int height,
                std::span<const Vec2f> joints) {
  const int out = options.out;
  const auto& [turned_about, subject] =
      paper_subjects(width, height, joints, options.around, d.angle_deg);
  const double half = std::trunc(subject.radius * d.margin);
  // A turn may take the middle of less than a pixel to a neighbour, which is no radius.
  if (half < 1 || turned_about.radius * d.margin < 1)
    fail(ErrorKind::data, "the 2D joints of a picture lie within a pixel, check its labels");
  const double left = subject.x - half, top = subject.y - half;
  if (!(left <= width - 1 && top <= height - 1))
    fail(ErrorKind::data,
         "the crop around ({:.0f}, {:.0f}) lies outside its picture of {} x {} pixels, check the "
         "labels",
         subject.x, subject.y, width, height);
  const double x = std::clamp(left + std::trunc(d.jitter_x), 0.0, width - 1.0);
  const double y = std::clamp(top + std::trunc(d.jitter_y), 0.0, height - 1.0);
  View view = view_of({d.angle_deg, middle(turned_about), x, y, std::min(2 * half, width - x),
                       std::min(2 * half, height - y), out});
  view.shift = {static_cast<float>((left - x) / out), static_cast<float>((top - y) / out)};
  view.scale = static_cast<float>(kPlainMargin / d.margin);
  return view;
}

}  // namespace

View sample_view(const AugmentOptions& options, int width, int height,
                 std::span<const Vec2f> joints, Rng rng) {
  require_pixels(width, height);
  const Draws d = draw_all(options, rng);
  View view;
  if (options.paper_exact) {
    view = paper_view(options, d, width, height, joints);
  } else {
    const Subjects subjects = subjects_of(width, height, joints, options.around, d.angle_deg);
    const double unit = 2 * kPlainMargin * subjects.cropped.radius / kJitterUnits;
    view = square_view(subjects, d.angle_deg, d.margin, d.jitter_x * unit, d.jitter_y * unit,
                       options.out);
    view.pixels.border = options.border;
  }
  view.pixels.jitter_colour = d.jitter < options.colour_jitter;
  view.pixels.jitter = d.colour;
  view.pixels.drop_colour = d.drop < options.colour_drop;
  view.pixels.swap_red_blue = options.paper_exact;
  return view;
}

View probe_view(int out, int width, int height, std::span<const Vec2f> joints, Rng rng) {
  require_pixels(width, height);
  const Subject subject = subject_of(width, height, joints, Around::mean);
  const float angle_deg = rng.uniform(-45, 45);
  const float margin = rng.uniform(1, 1.5f);
  const double move_x = rng.uniform(-0.25f, 0.25f) * subject.radius;
  const double move_y = rng.uniform(-0.25f, 0.25f) * subject.radius;
  return square_view({subject, subject}, angle_deg, margin, move_x, move_y, out);
}

double plain_side(std::span<const Vec2f> joints, Around around) {
  return 2 * kPlainMargin * joints_subject(joints, around).radius;
}

View centre_view(int out, int width, int height, double share) {
  require_pixels(width, height);
  Subject subject = middle_of(width, height);
  subject.radius *= share;
  return plain_view(subject, out);
}

View joint_view(int out, int width, int height, std::span<const Vec2f> joints, Around around) {
  require_pixels(width, height);
  return plain_view(subject_of(width, height, joints, around), out);
}

std::optional<View> predicted_view(int out, int width, int height, std::span<const Vec2f> joints,
                                   Around around) {
  const Subject s = joints_subject(joints, around);
  if (!could_be_hand(s, width, height)) return std::nullopt;
  return plain_view(s, out);
}

std::optional<PixelBox> seen_box(int width, int height, std::span<const Vec2f> joints) {
  const Subject s = mean_of(joints);
  if (!could_be_hand(s, width, height)) return std::nullopt;
  const AugmentOptions recipe;
  const double jitter =
      recipe.jitter.high * std::max(1.0, 2 * kPlainMargin * s.radius / kJitterUnits);
  // paper_exact takes whole pixels for the middle, and so a radius that may be longer by a
  // diagonal.
  const double half = recipe.margin.high * (s.radius + std::numbers::sqrt2);
  // A pixel of a view is an area of the picture, of which half may lie beyond the crop.
  constexpr double kLeastOut = 64;
  const double reach = std::numbers::sqrt2 * (half + jitter) * (1 + 1 / kLeastOut) + 2;
  const auto inside = [](double at, int size) {
    return static_cast<int>(std::clamp(at, 0.0, static_cast<double>(size)));
  };
  const int left = inside(std::floor(s.x - reach), width);
  const int top = inside(std::floor(s.y - reach), height);
  return PixelBox{left, top, inside(std::ceil(s.x + reach) + 1, width) - left,
                  inside(std::ceil(s.y + reach) + 1, height) - top};
}

Mat3f transform_camera(const Mat3f& K, const Affine2& to_output) {
  const double* t = to_output.m;
  Mat3f product;
  for (int c = 0; c < 3; ++c) {
    for (int r = 0; r < 2; ++r)
      product.m[3 * r + c] = static_cast<float>(t[3 * r] * K.m[c] + t[3 * r + 1] * K.m[3 + c] +
                                                t[3 * r + 2] * K.m[6 + c]);
    product.m[6 + c] = K.m[6 + c];
  }
  return product;
}

}  // namespace peclr
