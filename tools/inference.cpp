// SPDX-License-Identifier: Apache-2.0
#include "tools/inference.h"

#include <algorithm>

#include "data/bad_pictures.h"
#include "data/picture_cache.h"
#include "data/views.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "kernels/pose25d.h"
#include "tools/model_files.h"
#include "tools/progress.h"

namespace peclr {
namespace {

constexpr std::int64_t kBatch = 32;
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
  std::vector<HandPrediction> out(set.files.size());
  BadPictures bad(set.size(), settings.data.max_bad);
  const Tensor images = backend.pictures(kBatch, size, compute_type(settings)),
               cameras(backend, {kBatch, 9}, DType::f32);
  backend.zero(images);
  // Where a picture is bad, the row keeps a camera that can be inverted; its answer is not read.
  std::vector<float> K;
  for (std::int64_t row = 0; row < kBatch; ++row) K.insert(K.end(), kIdentity.m, kIdentity.m + 9);
  Progress progress(
      {.label = "pictures", .steps = set.size(), .style = progress_style_of_stderr()});
  for (std::int64_t first = 0; first < set.size(); first += kBatch) {
    const std::int64_t count = std::min(kBatch, set.size() - first);
    std::vector<Input> inputs(static_cast<std::size_t>(count));
    parallel_for(count, 1, [&](std::int64_t row, std::int64_t) {
      HandPrediction& p = out[static_cast<std::size_t>(first + row)];
      Input& in = inputs[static_cast<std::size_t>(row)];
      p.file = set.files[static_cast<std::size_t>(first + row)];
      try {
        in = read_input(set, first + row, size);
        p.good = true;
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::data) throw;
        bad.add({0, static_cast<std::int32_t>(first + row)}, e.what());
        return;
      }
      std::copy_n(transform_camera(in.K, in.view.to_output).m, 9,
                  &K[static_cast<std::size_t>(9 * row)]);
      const Image& image = in.picture.image;
      const AugmentRequest request{image.pixels.data(), image.width, image.height, in.view.pixels,
                                   row};
      backend.augment({&request, 1}, images);
    });
    backend.finish_augment(images);
    cameras.copy_from_host(K);
    Tape tape(Mode::evaluate);
    const std::vector<float> xyz =
        network.recover(tape, network.forward(tape, {images, -1}, cameras, compute_type(settings)))
            .value.to_host();
    for (std::int64_t row = 0; row < count; ++row) {
      HandPrediction& p = out[static_cast<std::size_t>(first + row)];
      if (!p.good) continue;
      p.metric = set.known != Known::nothing && set.label(first + row).scale > 0;
      place_joints(inputs[static_cast<std::size_t>(row)],
                   &xyz[static_cast<std::size_t>(row * 3 * kJoints)],
                   p.metric ? set.label(first + row).scale : 1.f, p);
    }
    progress.update_count(first + count, count);
  }
  bad_summary = bad.summary();
  return out;
}

}  // namespace peclr
