// SPDX-License-Identifier: Apache-2.0
#include "tools/inference.h"

#include <algorithm>

#include "data/bad_pictures.h"
#include "data/image.h"
#include "data/views.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "kernels/pose25d.h"
#include "tools/progress.h"

namespace peclr {
namespace {

constexpr std::int64_t kBatch = 32;

// What leads from a picture on disk to the network's input and back.
struct Input {
  Image image;
  int factor = 1;
  View view;
  Mat3f K_reduced;
};

Mat3f assumed_camera(int width, int height) {
  Mat3f K;
  K.m[0] = K.m[4] = kAssumedFocal * static_cast<float>(std::min(width, height));
  K.m[2] = 0.5f * static_cast<float>(width - 1);
  K.m[5] = 0.5f * static_cast<float>(height - 1);
  return K;
}

Input read_input(const PictureSet& set, std::int64_t i, int size) {
  Input in;
  in.image = read_image(set.path(i));
  const Mat3f K = set.known == Known::nothing ? assumed_camera(in.image.width, in.image.height)
                                              : set.label(i).K;
  in.factor = reduction_for(in.image.width, in.image.height, 2 * size);
  if (in.factor > 1) in.image = box_reduce(in.image, in.factor);
  in.K_reduced = reduced_camera(K, in.factor);
  in.view = centre_view(size, in.image.width, in.image.height);
  return in;
}

// The joints where the network's answer puts them, in pixels of the picture on disk. The wrist has
// no pixel of its own in the answer (joint 0 is the palm), so all are projected from the 3D joints.
void place_joints(const Input& in, const float* xyz, float scale, HandPrediction& out) {
  Vec3f bones[kJoints];
  freihand_from_network(xyz, 1.f, bones);
  for (int j = 0; j < kJoints; ++j) {
    const Point2 p = project_point(in.K_reduced.m, bones[j].x, bones[j].y, bones[j].z);
    const auto original = [&](double x) {
      return static_cast<float>(x * in.factor + 0.5 * (in.factor - 1));
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
  const Tensor images(backend, {kBatch, size, size, 3}, DType::f32),
      cameras(backend, {kBatch, 9}, DType::f32);
  backend.zero(images);
  std::vector<float> K(9 * kBatch);
  for (std::size_t i = 0; i < K.size(); i += 4)
    K[i] = 1;  // identity matrices where a picture is bad
  Progress progress({.label = "predict", .steps = set.size(), .style = progress_style_of_stderr()});
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
      std::copy_n(transform_camera(in.K_reduced, in.view.to_output).m, 9,
                  &K[static_cast<std::size_t>(9 * row)]);
      const AugmentRequest request{in.image.pixels.data(), in.image.width, in.image.height,
                                   in.view.pixels, row};
      backend.augment({&request, 1}, images);
    });
    backend.finish_augment(images);
    cameras.copy_from_host(K);
    Tape tape(Mode::evaluate);
    const DType compute =
        settings.precision == Settings::Precision::bf16 ? DType::bf16 : DType::f32;
    const std::vector<float> xyz =
        network.recover(tape, network.forward(tape, {images, -1}, cameras, compute))
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
