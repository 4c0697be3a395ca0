// SPDX-License-Identifier: Apache-2.0
#include "data/prepare/hanco.h"

#include <array>
#include <optional>
#include <utility>

#include "data/json_entries.h"
#include "engine/error.h"
#include "engine/text.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kSide = 224;  // pixels, of every picture
constexpr std::size_t kCameras = 8;
// The first has the pictures as they were taken.
constexpr std::array<const char*, 5> kFolders = {"rgb", "rgb_merged", "rgb_homo", "rgb_color_auto",
                                                 "rgb_color_sample"};

std::vector<std::string> folders_of(const fs::path& root, bool green_screen) {
  std::vector<std::string> folders = {kFolders[0]};
  if (!green_screen) return folders;
  std::error_code unknown;
  for (std::size_t i = 1; i < kFolders.size(); ++i)
    if (fs::is_directory(root / kFolders[i], unknown)) folders.emplace_back(kFolders[i]);
  return folders;
}

struct Moment {
  std::size_t sequence, frame;
  bool validated;
};

// The moments of one split, by root/meta.json: a list of a value a frame for each sequence.
std::vector<Moment> read_moments(const fs::path& path, bool train) {
  std::vector<Moment> moments;
  read_json_document(path, [&](const json& meta) {
    const json &is_train = meta.at("is_train"), &is_valid = meta.at("is_valid");
    for (std::size_t sequence = 0; sequence < is_train.size(); ++sequence)
      for (std::size_t frame = 0; frame < is_train.at(sequence).size(); ++frame)
        if (is_true(is_train.at(sequence).at(frame)) == train)
          moments.push_back({sequence, frame, is_true(is_valid.at(sequence).at(frame))});
  });
  return moments;
}

// The labels that the cameras have of one moment. `file`: "0110/00000024.json".
std::array<HandLabel, kCameras> read_labels(const fs::path& root, const std::string& file) {
  std::array<std::array<double, 3>, kJoints> world{};
  read_json_document(root / "xyz" / file, [&](const json& xyz) {
    for (std::size_t j = 0; j < kJoints; ++j)
      for (std::size_t axis = 0; axis < 3; ++axis)
        world[j][axis] = xyz.at(j).at(axis).get<double>();
  });
  std::array<HandLabel, kCameras> labels;
  read_json_document(root / "calib" / file, [&](const json& calib) {
    for (std::size_t camera = 0; camera < kCameras; ++camera) {
      const json &K = calib.at("K").at(camera), &M = calib.at("M").at(camera);
      Mat3f camera_matrix;
      for (std::size_t i = 0; i < 9; ++i) camera_matrix.m[i] = K.at(i / 3).at(i % 3).get<float>();
      std::array<std::array<double, 3>, kJoints> joints{};
      for (std::size_t j = 0; j < kJoints; ++j) {
        std::array<double, 3>& point = joints[j];
        for (std::size_t row = 0; row < 3; ++row) {
          point[row] = M.at(row).at(3).get<double>();
          for (std::size_t axis = 0; axis < 3; ++axis)
            point[row] += M.at(row).at(axis).get<double>() * world[j][axis];
        }
      }
      labels[camera] = label_of(camera_matrix, joints);
    }
  });
  return labels;
}

}  // namespace

FrameHands read_hanco(const fs::path& root, const std::string& split) {
  const bool train = split == "train";
  const std::vector<std::string> folders = folders_of(root, train);
  FrameHands read;
  std::size_t turn = 0;  // a moment further, so that no camera keeps a background
  for (const Moment& moment : read_moments(root / "meta.json", train)) {
    const std::string sequence = fmt::format("{:04}", moment.sequence);
    const std::string frame = fmt::format("{:08}", moment.frame);
    const std::string file = sequence + "/" + frame + ".json";
    std::error_code unknown;
    const char* why = !moment.validated                             ? "whose fit nobody validated"
                      : !fs::exists(root / "xyz" / file, unknown)   ? "without joints"
                      : !fs::exists(root / "calib" / file, unknown) ? "without a calibration"
                                                                    : nullptr;
    std::array<HandLabel, kCameras> labels;
    if (!why) labels = read_labels(root, file);
    for (std::size_t camera = 0; camera < kCameras; ++camera) {
      std::string picture = fmt::format(
          "{}/{}/cam{}/{}.jpg", folders[(turn + camera) % folders.size()], sequence, camera, frame);
      ++read.listed;
      if (why)
        leave_out(read.left_out, why, picture);
      else
        read.hands.push_back({std::move(picture), kSide, kSide, Side::right, labels[camera]});
    }
    ++turn;
  }
  return read;
}

}  // namespace peclr
