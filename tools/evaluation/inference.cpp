// SPDX-License-Identifier: Apache-2.0
#include "tools/evaluation/inference.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "data/exif.h"
#include "data/picture.h"
#include "data/views.h"
#include "engine/error.h"
#include "engine/text.h"
#include "kernels/pose25d.h"
#include "tools/evaluation/picture_pass.h"
#include "tools/settings/engine_options.h"

namespace peclr {
namespace {

constexpr Mat3f kIdentity{};

// What the network's views are of: the picture, reduced, and mirrored where hands are left ones.
struct Input {
  Picture picture;
  int width;  // of the reduced picture
  Mat3f K;    // of what the views are of
};

template <class T>
T mirrored(T x, int width) {
  return static_cast<T>(width - 1) - x;
}

// That of the mirrored picture, in which a point at x is at -x.
Mat3f mirrored(Mat3f K, int width) {
  K.m[1] = -K.m[1];
  K.m[2] = mirrored(K.m[2], width);
  return K;
}

// Of the reduced picture; its width and height decide where none is known.
Mat3f camera_of(const PictureSet& set, std::int64_t i, const Picture& picture) {
  if (has_camera(set.known)) return reduced_camera(set.label(i).K, picture.factor);
  const Image& image = picture.image;
  Mat3f K;
  K.m[0] = K.m[4] = kAssumedFocal * static_cast<float>(std::min(image.width, image.height));
  K.m[2] = 0.5f * static_cast<float>(image.width - 1);
  K.m[5] = 0.5f * static_cast<float>(image.height - 1);
  return K;
}

// A hand by the network's answer: joints of the picture's camera, and where they are in it. The
// wrist has no pixel of its own in the answer (joint 0 is the palm), so all are projected.
struct Hand {
  Vec3f bones[kJoints];
  Point2 px[kJoints];  // of the Input's picture
};

// Pixels of the picture before it was reduced.
Vec2f unreduced(const Point2& p, int factor) {
  const auto original = [&](double x) {
    return static_cast<float>(x * factor + 0.5 * (factor - 1));
  };
  return {original(p.x), original(p.y)};
}

// That of the picture before it was reduced, of one of the reduced picture.
Mat3f unreduced(const Mat3f& K, int factor) {
  const auto f = static_cast<float>(factor);
  Mat3f out = K;
  for (int i = 0; i < 6; ++i) out.m[i] *= f;
  for (const int centre : {2, 5}) out.m[centre] += 0.5f * (f - 1);
  return out;
}

// A batch of pictures in a pass, the network's views of them, and its answers.
class HandBatch {
 public:
  HandBatch(const HandPredictor& by, const PictureSet& set, const PicturePass& pass)
      : by_(by),
        set_(set),
        pass_(pass),
        cameras_(by.backend, {PicturePass::kRows, 9}, DType::f32),
        inputs_(PicturePass::kRows) {
    // Where a picture is bad, the row keeps a camera that can be inverted; its answer is not read.
    for (std::int64_t row = 0; row < PicturePass::kRows; ++row)
      K_.insert(K_.end(), kIdentity.m, kIdentity.m + 9);
  }

  // The first look at a picture.
  void read(std::int64_t picture, std::int64_t row) {
    const Settings& settings = by_.settings;
    const int size = settings.model.input;
    Input& in = inputs_[static_cast<std::size_t>(row)];
    const double share =
        settings.data.crop == Settings::Crop::picture ? 1 : settings.data.first_share();
    in = read_input(picture, static_cast<int>(2 * size / share));
    const Image& image = in.picture.image;
    look(row, image, centre_view(size, image.width, image.height, share));
  }

  void answer() {
    cameras_.copy_from_host(K_);
    Tape tape(Mode::evaluate);
    const HandNetwork::Output hands =
        by_.network.forward(tape, {pass_.images(), -1}, cameras_, compute_type(by_.settings));
    xyz_ = by_.network.recover(tape, hands).value.to_host();
  }

  // Another look, around the answer's hand; the same as before where it shows none. Where the
  // reduced picture has fewer pixels of that hand than the network sees, the picture on disk is
  // read again, whole; it is not kept, for pictures that are so large are not to fill the memory.
  void look_closer(std::int64_t picture, std::int64_t row) {
    const int size = by_.settings.model.input;
    Input& in = inputs_[static_cast<std::size_t>(row)];
    const Hand seen = hand(row);
    std::vector<Vec2f> joints;
    for (const Point2& p : seen.px)
      joints.push_back({static_cast<float>(p.x), static_cast<float>(p.y)});
    std::optional<View> view = view_of(joints, in.picture.image);
    if (!view) return;
    const double side = size / view->to_output.m[0];  // of the crop; it is not turned
    if (in.picture.factor == 1 || side >= size) return look(row, in.picture.image, *view);
    const Input whole = read_input(picture, 0);
    joints = on_disk(seen, in);
    for (Vec2f& p : joints) p.x = facing(p.x, whole.width);
    view = view_of(joints, whole.picture.image);
    if (!view) return;
    in = {{{}, whole.picture.factor}, whole.width, whole.K};
    look(row, whole.picture.image, *view);
  }

  Hand hand(std::int64_t row) const {
    Hand hand;
    freihand_from_network(&xyz_[static_cast<std::size_t>(row * 3 * kJoints)], 1.f, hand.bones);
    for (int j = 0; j < kJoints; ++j)
      hand.px[j] = project_point(input(row).K.m, hand.bones[j].x, hand.bones[j].y, hand.bones[j].z);
    return hand;
  }

  // The answer, in pixels of the picture on disk and in its camera's space; in metres where `scale`
  // is the bone's length in them.
  void place_joints(std::int64_t row, float scale, HandPrediction& out) const {
    const Hand found = hand(row);
    const std::vector<Vec2f> px = on_disk(found, input(row));
    std::copy(px.begin(), px.end(), out.px.begin());
    const Input& in = input(row);
    out.K = unreduced(facing(in.K, in.width), in.picture.factor);
    for (std::size_t j = 0; j < kJoints; ++j) {
      const Vec3f& bone = found.bones[j];
      out.xyz[j] = {(left() ? -bone.x : bone.x) * scale, bone.y * scale, bone.z * scale};
    }
  }

 private:
  bool left() const { return by_.settings.data.side == Settings::Side::left; }

  // From the pixels of what is looked at to the picture's, or back; cameras likewise.
  template <class T>
  T facing(T x, int width) const {
    return left() ? mirrored(x, width) : x;
  }

  Input read_input(std::int64_t picture, int target) const {
    Input in{read_picture(set_, picture, target, Seen::centre), 0, {}};
    in.width = in.picture.image.width;
    in.K = camera_of(set_, picture, in.picture);
    in.K = facing(in.K, in.width);
    constexpr int kMirrored = 2;  // EXIF's number for it
    if (left()) in.picture.image = upright(std::move(in.picture.image), kMirrored);
    return in;
  }

  std::vector<Vec2f> on_disk(const Hand& seen, const Input& in) const {
    std::vector<Vec2f> joints;
    for (const Point2& p : seen.px)
      joints.push_back(unreduced(Point2{facing(p.x, in.width), p.y}, in.picture.factor));
    return joints;
  }

  std::optional<View> view_of(std::span<const Vec2f> joints, const Image& image) const {
    const Settings& settings = by_.settings;
    return predicted_view(settings.model.input, image.width, image.height, joints,
                          around(settings.data.crop));
  }

  const Input& input(std::int64_t row) const { return inputs_[static_cast<std::size_t>(row)]; }

  void look(std::int64_t row, const Image& image, const View& view) {
    std::copy_n(transform_camera(input(row).K, view.to_output).m, 9,
                &K_[static_cast<std::size_t>(9 * row)]);
    AugmentParams pixels = view.pixels;
    pixels.border = by_.settings.augment.border;
    pass_.add_view(image, pixels, row);
  }

  const HandPredictor& by_;
  const PictureSet& set_;
  const PicturePass& pass_;
  Tensor cameras_;
  std::vector<Input> inputs_;
  std::vector<float> K_;    // of the views
  std::vector<float> xyz_;  // the last answer
};

bool is_finite(const HandPrediction& p) {
  return std::all_of(p.px.begin(), p.px.end(),
                     [](const Vec2f& q) { return std::isfinite(q.x) && std::isfinite(q.y); }) &&
         std::all_of(p.xyz.begin(), p.xyz.end(), [](const Vec3f& q) {
           return std::isfinite(q.x) && std::isfinite(q.y) && std::isfinite(q.z);
         });
}

}  // namespace

HandPredictions HandPredictor::predict(const PictureSet& set) const {
  std::vector<HandPrediction> out;
  for (const std::string& file : set.files) out.push_back({.file = file});
  Settings reading = settings;
  if (gaps == Gaps::refused) reading.data.max_bad = 1;  // the first is refused, by name, below
  PicturePass pass(set, reading, backend, "pictures");
  HandBatch batch(*this, set, pass);
  const auto read = [&](std::int64_t picture, std::int64_t row) { batch.read(picture, row); };
  const auto check_gaps = [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count && gaps == Gaps::refused; ++i)
      if (pass.is_bad(i))
        fail(ErrorKind::data,
             "{}: cannot be read, and a submission wants a hand for every picture: mend it ({})",
             printable(set.files[static_cast<std::size_t>(i)]), pass.fault(i));
  };
  pass.run(read, [&](std::int64_t first, std::int64_t count) {
    check_gaps(first, count);
    batch.answer();
    if (settings.data.crop != Settings::Crop::picture) {
      pass.look_again(first, count, [&](std::int64_t row) { batch.look_closer(first + row, row); });
      batch.answer();
    }
    for (std::int64_t row = 0; row < count; ++row) {
      if (pass.is_bad(first + row)) continue;
      HandPrediction& p = out[static_cast<std::size_t>(first + row)];
      p.good = true;
      p.metric = has_camera(set.known) && set.label(first + row).scale > 0;
      batch.place_joints(row, p.metric ? set.label(first + row).scale : 1.f, p);
      if (!is_finite(p))
        fail(ErrorKind::data, "{}: its answer is not finite; check the weights",
             printable(set.path(first + row).string()));
    }
  });
  return {std::move(out), pass.bad_summary()};
}

}  // namespace peclr
