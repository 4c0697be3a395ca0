// SPDX-License-Identifier: Apache-2.0
#include "data/prepare/youtube.h"

#include <array>
#include <unordered_map>
#include <utility>

#include "data/joint_order.h"
#include "data/json_entries.h"
#include "engine/error.h"
#include "engine/files/safetensors.h"
#include "engine/text.h"

namespace peclr {
namespace {

using nlohmann::json;

constexpr int kManoJoints = 16;
// Thumb to little finger.
constexpr std::array<int, 5> kTips = {744, 320, 443, 555, 672};

std::vector<double> read_mano_joints(const std::string& path) {
  const TensorFile file(path);
  const std::span<const StoredTensor> tensors = file.tensors();
  if (tensors.size() != 1 || tensors[0].shape != std::vector<std::int64_t>{kManoJoints, kVertices})
    fail(ErrorKind::data,
         "{}: is no matrix [{}, {}] of MANO's joints; take mano_mesh_to_joints_mat.pth of PeCLR's "
         "repository",
         printable(path), kManoJoints, kVertices);
  return file.values<double>(tensors[0].name);
}

using Pixels = std::array<std::array<double, 2>, kVertices>;

Pixels vertices_of(const json& entry, const std::string& file, std::int64_t index) {
  const json& vertices = entry.at("vertices");
  if (vertices.size() != kVertices)
    fail(ErrorKind::data, "{}: entry {} of \"annotations\" has {} vertices instead of {}; mend it",
         file, index, vertices.size(), kVertices);
  Pixels pixels;
  for (std::size_t v = 0; v < kVertices; ++v)
    for (std::size_t axis = 0; axis < 2; ++axis)
      pixels[v][axis] = vertices[v].at(axis).get<double>();
  return pixels;
}

HandLabel label_of(const Pixels& vertices, const std::vector<double>& mano_joints) {
  std::array<std::array<double, 2>, kJoints> mano{};
  for (std::size_t j = 0; j < kManoJoints; ++j)
    for (std::size_t v = 0; v < kVertices; ++v)
      for (std::size_t axis = 0; axis < 2; ++axis)
        mano[j][axis] += mano_joints[j * kVertices + v] * vertices[v][axis];
  for (std::size_t tip = 0; tip < kTips.size(); ++tip)
    mano[kManoJoints + tip] = vertices[static_cast<std::size_t>(kTips[tip])];
  HandLabel label;  // K is the identity
  label.scale = 1;  // no length is known
  for (std::size_t j = 0; j < kJoints; ++j) {
    const auto& joint = mano[kFromMano[j]];
    label.xyz[j] = {static_cast<float>(joint[0]), static_cast<float>(joint[1]), 1};
  }
  return label;
}

struct Frame {
  std::string name;
  int width, height;
};

}  // namespace

FrameHands read_youtube(const std::filesystem::path& root, const std::string& split,
                        const std::string& mano_joints) {
  const std::vector<double> joints = read_mano_joints(mano_joints);
  const std::filesystem::path path = root / ("youtube_" + split + ".json");
  const std::string name = printable(path.string());
  std::unordered_map<std::int64_t, Frame> frames;         // by id
  std::vector<std::pair<std::int64_t, FrameHand>> hands;  // the frame's id beside each
  const std::array<EntryList, 2> lists = {
      EntryList{"images",
                [&](std::int64_t index, const json& entry) {
                  Frame frame{entry.at("name").get<std::string>(), whole<int>(entry.at("width")),
                              whole<int>(entry.at("height"))};
                  const std::string where = fmt::format("{}: entry {} of \"images\"", name, index);
                  check_frame(frame.name, frame.width, frame.height, where);
                  add_frame(frames, whole<std::int64_t>(entry.at("id")), std::move(frame), where);
                }},
      EntryList{"annotations", [&](std::int64_t index, const json& entry) {
                  FrameHand hand;
                  hand.side = is_true(entry.at("is_left")) ? Side::left : Side::right;
                  hand.label = label_of(vertices_of(entry, name, index), joints);
                  hands.emplace_back(whole<std::int64_t>(entry.at("image_id")), std::move(hand));
                }}};
  read_json_entries(path, lists);

  FrameHands read;
  read.listed = std::ssize(hands);
  for (std::size_t i = 0; i < hands.size(); ++i) {
    auto& [id, hand] = hands[i];
    const auto frame = frames.find(id);
    if (frame == frames.end())
      fail(ErrorKind::data,
           "{}: entry {} of \"annotations\" is of image {}, which is not listed; mend it", name, i,
           id);
    hand.frame = frame->second.name;
    hand.width = frame->second.width;
    hand.height = frame->second.height;
    read.hands.push_back(std::move(hand));
  }
  return read;
}

}  // namespace peclr
