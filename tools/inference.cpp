// SPDX-License-Identifier: Apache-2.0
#include "tools/inference.h"

#include <algorithm>

#include "data/picture_cache.h"
#include "data/views.h"
#include "kernels/pose25d.h"
#include "tools/picture_pass.h"

namespace peclr {
namespace {

constexpr Mat3f kIdentity{};

// What leads from a picture on disk to the network's input and back.
struct Input {
  Picture picture;
  View view;
  Mat3f K;  // of the reduced picture
};

// Of the reduced picture; its width and height decide where none is known.
Mat3f camera_of(const PictureSet& set, std::int64_t i, const Picture& picture) {
  if (set.known != Known::nothing) return reduced_camera(set.label(i).K, picture.factor);
  const Image& image = picture.image;
  Mat3f K;
  K.m[0] = K.m[4] = kAssumedFocal * static_cast<float>(std::min(image.width, image.height));
  K.m[2] = 0.5f * static_cast<float>(image.width - 1);
  K.m[5] = 0.5f * static_cast<float>(image.height - 1);
  return K;
}

Input read_input(const PictureSet& set, std::int64_t i, int size) {
  Input in{read_picture(set, i, 2 * size), {}, {}};
  in.view = centre_view(size, in.picture.image.width, in.picture.image.height);
  in.K = camera_of(set, i, in.picture);
  return in;
}

// The joints where the network's answer puts them, in pixels of the picture on disk. The wrist has
// no pixel of its own in the answer (joint 0 is the palm), so all are projected from the 3D joints.
void place_joints(const Input& in, const float* xyz, float scale, HandPrediction& out) {
  Vec3f bones[kJoints];
  freihand_from_network(xyz, 1.f, bones);
  for (int j = 0; j < kJoints; ++j) {
    const Point2 p = project_point(in.K.m, bones[j].x, bones[j].y, bones[j].z);
    const auto original = [&](double x) {
      return static_cast<float>(x * in.picture.factor + 0.5 * (in.picture.factor - 1));
    };
    out.px[static_cast<std::size_t>(j)] = {original(p.x), original(p.y)};
    out.xyz[static_cast<std::size_t>(j)] = {bones[j].x * scale, bones[j].y * scale,
                                            bones[j].z * scale};
  }
}

}  // namespace

std::vector<HandPrediction> HandPredictor::predict(const PictureSet& set,
                                                   std::string& bad_summary) const {
  const int size = settings.model.input;
  std::vector<HandPrediction> out;
  for (const std::string& file : set.files) out.push_back({.file = file});
  PicturePass pass(set, settings, backend, "pictures");
  const Tensor cameras(backend, {PicturePass::kRows, 9}, DType::f32);
  std::vector<Input> inputs(PicturePass::kRows);
  // Where a picture is bad, the row keeps a camera that can be inverted; its answer is not read.
  std::vector<float> K;
  for (std::int64_t row = 0; row < PicturePass::kRows; ++row)
    K.insert(K.end(), kIdentity.m, kIdentity.m + 9);

  const auto read = [&](std::int64_t picture, std::int64_t row) {
    Input& in = inputs[static_cast<std::size_t>(row)];
    in = read_input(set, picture, size);
    std::copy_n(transform_camera(in.K, in.view.to_output).m, 9,
                &K[static_cast<std::size_t>(9 * row)]);
    pass.add_view(in.picture.image, in.view.pixels, row);
  };
  pass.run(read, [&](std::int64_t first, std::int64_t count) {
    cameras.copy_from_host(K);
    Tape tape(Mode::evaluate);
    const HandNetwork::Output hands =
        network.forward(tape, {pass.images(), -1}, cameras, compute_type(settings));
    const std::vector<float> xyz = network.recover(tape, hands).value.to_host();
    for (std::int64_t row = 0; row < count; ++row) {
      if (pass.is_bad(first + row)) continue;
      HandPrediction& p = out[static_cast<std::size_t>(first + row)];
      p.good = true;
      p.metric = set.known != Known::nothing && set.label(first + row).scale > 0;
      place_joints(inputs[static_cast<std::size_t>(row)],
                   &xyz[static_cast<std::size_t>(row * 3 * kJoints)],
                   p.metric ? set.label(first + row).scale : 1.f, p);
    }
  });
  bad_summary = pass.bad_summary();
  return out;
}

}  // namespace peclr
