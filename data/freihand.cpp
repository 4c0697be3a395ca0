// SPDX-License-Identifier: Apache-2.0
#include "data/freihand.h"

#include <algorithm>
#include <array>
#include <span>

#include "data/json_numbers.h"
#include "engine/error.h"
#include "engine/text.h"
#include "kernels/joints.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;

fs::path file_of(const fs::path& root, Split split, const char* what) {
  return root / fmt::format("{}_{}.json", name_of(split), what);
}

void read_cameras(const fs::path& file, std::vector<HandLabel>& labels) {
  constexpr std::array<std::size_t, 2> kShape = {3, 3};
  const std::vector<float> numbers = read_json_numbers(file, kShape);
  labels.resize(numbers.size() / 9);
  if (labels.empty())
    fail(ErrorKind::data, "{}: holds no entries; fetch or write it again",
         printable(file.string()));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::copy_n(&numbers[9 * i], 9, labels[i].K.m);
    const float* k = labels[i].K.m;
    if (!is_camera(labels[i].K))
      fail(ErrorKind::data,
           "{}: entry {} must be of the form [[fx, s, cx], [0, fy, cy], [0, 0, 1]], with focal "
           "lengths above 0, not [[{}, {}, {}], [{}, {}, {}], [{}, {}, {}]]: mend it",
           printable(file.string()), i, k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8]);
  }
}

void check_length(const fs::path& file, std::size_t entries, const fs::path& cameras,
                  std::size_t wanted) {
  if (entries == wanted) return;
  fail(ErrorKind::data, "{}: holds {} entries, but {} holds {}; take both from the same set",
       printable(file.string()), entries, printable(cameras.filename().string()), wanted);
}

void read_joints(const fs::path& file, const fs::path& cameras, std::vector<HandLabel>& labels) {
  constexpr std::array<std::size_t, 2> kShape = {kJoints, 3};
  const std::vector<float> numbers = read_json_numbers(file, kShape);
  check_length(file, numbers.size() / (3 * kJoints), cameras, labels.size());
  const float* number = numbers.data();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (int j = 0; j < kJoints; ++j, number += 3) {
      labels[i].xyz[j] = {number[0], number[1], number[2]};
      if (number[2] > 0) continue;
      fail(ErrorKind::data,
           "{}: joint {} of entry {} is not in front of the camera (z = {} m); mend the entry",
           printable(file.string()), j, i, number[2]);
    }
  }
}

void read_scales(const fs::path& file, const fs::path& cameras, std::vector<HandLabel>& labels) {
  const std::vector<float> numbers = read_json_numbers(file, {});
  check_length(file, numbers.size(), cameras, labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i].scale = numbers[i];
    if (numbers[i] > 0) continue;
    fail(ErrorKind::data, "{}: entry {} is {}; a bone's length must be positive: mend the entry",
         printable(file.string()), i, numbers[i]);
  }
}

void measure_scales(const fs::path& joints, std::vector<HandLabel>& labels) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i].scale = measured_scale(labels[i].xyz);
    if (labels[i].scale > 0) continue;
    fail(ErrorKind::data, "{}: joints {} and {} of entry {} coincide; mend the entry",
         printable(joints.string()), kMiddleMcp, kMiddlePip, i);
  }
}

}  // namespace

FreihandLabels read_freihand_labels(const fs::path& root, Split split) {
  const fs::path cameras = file_of(root, split, "K"), joints = file_of(root, split, "xyz"),
                 scales = file_of(root, split, "scale");
  std::error_code unknown;
  FreihandLabels read;
  read.has_joints = fs::exists(joints, unknown);
  read_cameras(cameras, read.labels);
  if (read.has_joints) read_joints(joints, cameras, read.labels);
  if (fs::exists(scales, unknown)) {
    read_scales(scales, cameras, read.labels);
  } else if (read.has_joints) {
    measure_scales(joints, read.labels);
  } else {
    fail(ErrorKind::data,
         "{}: no such file, and without {} the scale cannot be computed; add one of them",
         printable(scales.string()), printable(joints.filename().string()));
  }
  return read;
}

std::vector<float> read_freihand_meshes(const fs::path& root, Split split, std::size_t labels) {
  constexpr std::array<std::size_t, 2> kShape = {kVertices, 3};
  const fs::path file = file_of(root, split, "verts");
  std::error_code unknown;
  if (!fs::exists(file, unknown)) return {};
  std::vector<float> numbers = read_json_numbers(file, kShape);
  check_length(file, numbers.size() / (3 * kVertices), file_of(root, split, "K"), labels);
  return numbers;
}

}  // namespace peclr
