// SPDX-License-Identifier: Apache-2.0
#include "data/prepare/interhand.h"

#include <array>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "data/joint_order.h"
#include "data/json_entries.h"
#include "engine/error.h"
#include "engine/text.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double kMetresPerMillimetre = 1e-3;

struct Camera {
  std::array<double, 9> rotation{};         // world to camera
  std::array<double, 3> position{};         // millimetres, world
  std::array<double, 2> focal{}, centre{};  // pixels
};
using Cameras = std::map<std::pair<std::string, std::string>, Camera>;  // by capture and name

Cameras read_cameras(const fs::path& path) {
  Cameras cameras;
  read_json_document(path, [&](const json& document) {
    for (const auto& [capture, views] : document.items()) {
      for (const auto& [name, position] : views.at("campos").items()) {
        Camera& camera = cameras[{capture, name}];
        for (std::size_t row = 0; row < 3; ++row) {
          camera.position[row] = position.at(row).get<double>();
          for (std::size_t column = 0; column < 3; ++column)
            camera.rotation[3 * row + column] =
                views.at("camrot").at(name).at(row).at(column).get<double>();
        }
        for (std::size_t axis = 0; axis < 2; ++axis) {
          camera.focal[axis] = views.at("focal").at(name).at(axis).get<double>();
          camera.centre[axis] = views.at("princpt").at(name).at(axis).get<double>();
        }
      }
    }
  });
  return cameras;
}

struct Frame {
  std::string file, capture, camera, index;
  int width = 0, height = 0;
};
struct Annotated {
  std::int64_t image = 0;
  std::string hand_type;  // right, left or interacting
  bool sure = true;       // of that
};
struct Listed {
  std::unordered_map<std::int64_t, Frame> frames;  // by id
  std::vector<Annotated> annotations;
};

Listed read_data(const fs::path& path, const std::string& folder) {
  Listed listed;
  const std::array<EntryList, 2> lists = {
      EntryList{"images",
                [&](std::int64_t index, const json& entry) {
                  Frame frame{folder + entry.at("file_name").get<std::string>(),
                              std::to_string(whole<std::int64_t>(entry.at("capture"))),
                              entry.at("camera").get<std::string>(),
                              std::to_string(whole<std::int64_t>(entry.at("frame_idx"))),
                              whole<int>(entry.at("width")),
                              whole<int>(entry.at("height"))};
                  const std::string where =
                      fmt::format("{}: entry {} of \"images\"", printable(path.string()), index);
                  check_frame(frame.file, frame.width, frame.height, where);
                  add_frame(listed.frames, whole<std::int64_t>(entry.at("id")), std::move(frame),
                            where);
                }},
      EntryList{"annotations", [&](std::int64_t, const json& entry) {
                  listed.annotations.push_back({whole<std::int64_t>(entry.at("image_id")),
                                                entry.at("hand_type").get<std::string>(),
                                                is_true(entry.at("hand_type_valid"))});
                }}};
  read_json_entries(path, lists);
  return listed;
}

// Nothing where a joint of the hand is not valid. `joints`: of one frame of joint_3d.json.
std::optional<HandLabel> read_label(const json& joints, Side side, const Camera& camera) {
  std::array<std::array<double, 3>, kJoints> points{};
  for (std::size_t j = 0; j < kJoints; ++j) {
    // The left hand's joints stand behind the right one's.
    const std::size_t at = kFromInterhand[j] + (side == Side::left ? kJoints : 0);
    if (!is_true(joints.at("joint_valid").at(at).at(0))) return std::nullopt;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double from_camera =
          joints.at("world_coord").at(at).at(axis).get<double>() - camera.position[axis];
      for (std::size_t row = 0; row < 3; ++row)
        points[j][row] += kMetresPerMillimetre * camera.rotation[3 * row + axis] * from_camera;
    }
  }
  return label_of(
      {{static_cast<float>(camera.focal[0]), 0, static_cast<float>(camera.centre[0]), 0,
        static_cast<float>(camera.focal[1]), static_cast<float>(camera.centre[1]), 0, 0, 1}},
      points);
}

}  // namespace

FrameHands read_interhand(const fs::path& root, const std::string& split) {
  const std::string start = "annotations/" + split + "/InterHand2.6M_" + split;
  const fs::path data = root / (start + "_data.json");
  const Listed listed = read_data(data, "images/" + split + "/");
  const Cameras cameras = read_cameras(root / (start + "_camera.json"));
  FrameHands read;
  read.listed = std::ssize(listed.annotations);
  const fs::path world = root / (start + "_joint_3d.json");
  read_json_document(world, [&](const json& joints) {
    for (const Annotated& annotated : listed.annotations) {
      const auto at = listed.frames.find(annotated.image);
      if (at == listed.frames.end())
        fail(ErrorKind::data, "{}: an annotation is of image {}, which is not listed; mend it",
             printable(data.string()), annotated.image);
      const Frame& frame = at->second;
      if (annotated.hand_type != "right" && annotated.hand_type != "left") {
        leave_out(read.left_out, "of hands that interact", frame.file);
        continue;
      }
      if (!annotated.sure) {
        leave_out(read.left_out, "of hands whose side is not sure", frame.file);
        continue;
      }
      const auto camera = cameras.find({frame.capture, frame.camera});
      if (camera == cameras.end())
        fail(ErrorKind::data, "{}: capture {} has no camera {}, which took {}; fetch the set again",
             printable((root / (start + "_camera.json")).string()), frame.capture,
             shown(frame.camera), printable(frame.file));
      const Side side = annotated.hand_type == "left" ? Side::left : Side::right;
      if (!joints.contains(frame.capture) || !joints.at(frame.capture).contains(frame.index))
        fail(ErrorKind::data, "{}: capture {} has no frame {}, of which {} is; fetch the set again",
             printable(world.string()), frame.capture, frame.index, printable(frame.file));
      const std::optional<HandLabel> label =
          read_label(joints.at(frame.capture).at(frame.index), side, camera->second);
      if (label)
        read.hands.push_back({frame.file, frame.width, frame.height, side, *label});
      else
        leave_out(read.left_out, "with joints that are not valid", frame.file);
    }
  });
  return read;
}

}  // namespace peclr
