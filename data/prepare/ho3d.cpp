// SPDX-License-Identifier: Apache-2.0
#include "data/prepare/ho3d.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "data/joint_order.h"
#include "data/json_entries.h"
#include "data/prepare/numpy_array.h"
#include "engine/error.h"
#include "engine/files/file.h"
#include "engine/text.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kWidth = 640, kHeight = 480;  // of every frame
constexpr std::uint64_t kMaxListBytes = 1 << 24, kMaxMetaBytes = 1 << 24;

using Triple = std::array<double, 3>;
using Joints = std::array<Triple, kJoints>;  // MANO's order, OpenGL's axes, metres

struct Frame {
  std::string sequence, number;  // "ABF10", "0042"
};

// A line "ABF10/0042" a frame.
std::vector<Frame> read_list(const fs::path& path) {
  const std::string text = read_text_file(path.string(), ErrorKind::data, kMaxListBytes);
  std::vector<Frame> frames;
  std::int64_t line_number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    ++line_number;
    line.erase(line.find_last_not_of(" \r\t") + 1);
    if (line.empty()) continue;
    const std::string where = fmt::format("{}: line {}", printable(path.string()), line_number);
    check_frame(line, kWidth, kHeight, where);
    const std::size_t slash = line.find('/');
    if (slash == std::string::npos || slash == 0 ||
        line.find('/', slash + 1) != std::string::npos || slash + 1 == line.size())
      fail(ErrorKind::data, "{}: {} is no SEQUENCE/NUMBER; give the set's own list", where,
           shown(line));
    frames.push_back({line.substr(0, slash), line.substr(slash + 1)});
  }
  return frames;
}

// The values of an array [rows, 3]; nothing where there is None: nobody annotated the frame.
std::optional<std::vector<double>> values_of(const Pickle& pickle, const char* key,
                                             std::int64_t rows, const std::string& file) {
  const PickleValue* value = pickle.root->at(key);
  if (value && value->kind == PickleValue::Kind::other) return std::nullopt;
  std::optional<NumpyArray> array = value ? numpy_array(*value) : std::nullopt;
  if (!array || array->shape != std::vector<std::int64_t>{rows, 3})
    fail(ErrorKind::data, "{}: its {} is no array [{}, 3]; fetch the file again", file, key, rows);
  return std::move(array->values);
}

Triple triple_of(const std::vector<double>& values, std::size_t row) {
  return {values[3 * row], values[3 * row + 1], values[3 * row + 2]};
}

struct Meta {
  std::optional<Mat3f> camera;
  std::optional<Joints> joints;  // not read for evaluation, where the file has the wrist alone
};

Meta read_meta(const fs::path& path, bool train) {
  const std::string bytes = read_text_file(path.string(), ErrorKind::data, kMaxMetaBytes);
  const std::string file = printable(path.string());
  const Pickle pickle = read_pickle(std::as_bytes(std::span(bytes)), file, makes_numpy_array);
  Meta meta;
  if (const auto values = values_of(pickle, "camMat", 3, file)) {
    meta.camera.emplace();
    std::copy(values->begin(), values->end(), meta.camera->m);
  }
  if (!train) return meta;
  if (const auto values = values_of(pickle, "handJoints3D", kJoints, file)) {
    meta.joints.emplace();
    for (std::size_t j = 0; j < kJoints; ++j) (*meta.joints)[j] = triple_of(*values, j);
  }
  return meta;
}

std::vector<Joints> read_evaluation_joints(const fs::path& path, std::size_t frames) {
  std::vector<Joints> all;
  read_json_document(path, [&](const json& hands) {
    if (hands.size() != frames)
      fail(ErrorKind::data,
           "{}: has {} hands for {} frames of evaluation.txt; they are of two versions of the set",
           printable(path.string()), hands.size(), frames);
    all.resize(frames);
    for (std::size_t i = 0; i < frames; ++i)
      for (std::size_t j = 0; j < kJoints; ++j) all[i][j] = hands.at(i).at(j).get<Triple>();
  });
  return all;
}

// In FreiHAND's order and axes: OpenGL's y points up, and its z to behind the camera.
std::array<Triple, kJoints> as_freihand(const Joints& joints) {
  std::array<Triple, kJoints> out;
  for (std::size_t j = 0; j < kJoints; ++j) {
    const Triple& joint = joints[kFromMano[j]];
    out[j] = {joint[0], -joint[1], -joint[2]};
  }
  return out;
}

}  // namespace

FrameHands read_ho3d(const fs::path& root, const std::string& split) {
  const bool train = split == "train";
  const fs::path part = train ? "train" : "evaluation";
  const std::vector<Frame> frames = read_list(root / (part.string() + ".txt"));
  std::vector<Joints> evaluation;
  if (!train) evaluation = read_evaluation_joints(root / "evaluation_xyz.json", frames.size());
  FrameHands read;
  read.listed = std::ssize(frames);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Frame& frame = frames[i];
    const fs::path sequence = part / frame.sequence;
    // Version 3 has .jpg, which cut_hands looks for, too.
    std::string picture = (sequence / "rgb" / (frame.number + ".png")).string();
    const fs::path file = sequence / "meta" / (frame.number + ".pkl");
    std::error_code unknown;
    if (!fs::exists(root / file, unknown)) {
      leave_out(read.left_out, "without an annotation", file.string());
      continue;
    }
    const Meta meta = read_meta(root / file, train);
    const std::optional<Joints> joints = train ? meta.joints : evaluation[i];
    if (meta.camera && joints)
      read.hands.push_back({std::move(picture), kWidth, kHeight, Side::right,
                            label_of(*meta.camera, as_freihand(*joints))});
    else
      leave_out(read.left_out, "that nobody annotated", picture);
  }
  return read;
}

}  // namespace peclr
