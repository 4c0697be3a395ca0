// SPDX-License-Identifier: Apache-2.0
#include "data/prepare/cut_hands.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "data/freihand_writer.h"
#include "data/views.h"
#include "engine/error.h"
#include "engine/text.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;

// From a picture to the same one resized: a picture's left edge lies at -0.5.
Affine2 resizing(double x, double y) { return {{x, 0, 0.5 * x - 0.5, 0, y, 0.5 * y - 0.5}}; }

// The label of the picture that `map`, which turns nothing, makes of the label's.
HandLabel mapped(const HandLabel& label, const Affine2& map) {
  HandLabel out = label;
  if (knows_pixels_only(label)) {
    for (Vec3f& p : out.xyz) {
      const Vec2f moved = apply(map, {p.x, p.y});
      p = {moved.x, moved.y, 1};
    }
    return out;
  }
  out.K = transform_camera(label.K, map);
  if (map.m[0] > 0) return out;
  // A mirrored hand is that of a mirrored space: focal lengths stay positive.
  out.K.m[0] = -out.K.m[0];
  for (Vec3f& p : out.xyz) p.x = -p.x;
  return out;
}

Image copied(const Image& from, const PixelBox& box, Side side) {
  Image image(box.width, box.height);
  for (int y = 0; y < box.height; ++y) {
    const std::uint8_t* row = from.at(box.x, box.y + y);
    std::memcpy(image.at(0, y), row, 4 * static_cast<std::size_t>(box.width));
    if (side == Side::right) continue;
    for (int x = 0; x < box.width; ++x)
      std::memcpy(image.at(x, y), row + 4 * (box.width - 1 - x), 4);
  }
  return image;
}

// PeCLR's frames are .jpg where the lists say .png. One that nobody may look at counts as there:
// reading it says why it cannot be.
std::optional<fs::path> find_frame(const fs::path& root, const std::string& name) {
  const auto there = [](const fs::path& path) {
    std::error_code unknown;
    const fs::file_type type = fs::status(path, unknown).type();
    return type != fs::file_type::not_found && type != fs::file_type::directory;
  };
  fs::path path = root / name;
  if (there(path)) return path;
  for (const char* ending : {".jpg", ".png"})
    if (there(path.replace_extension(ending))) return path;
  return std::nullopt;
}

// "00000042_VIDEO_frames_17.jpg": the number keeps the order and is unique, the rest is for people.
std::string picture_name(std::size_t number, const std::string& frame) {
  constexpr std::size_t kMaxFrame = 120;
  std::string text = fs::path(frame).replace_extension().string();
  if (text.size() > kMaxFrame) text.erase(0, text.size() - kMaxFrame);
  for (char& c : text) {
    const bool kept =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    if (!kept) c = '_';
  }
  return fmt::format("{:08}_{}.jpg", number, text);
}

// One hand's end.
struct Fate {
  std::optional<HandLabel> label;  // that was written
  bool scaled = false;
  const char* why = nullptr;  // it was left out
  std::string first;          // what a person should look at, were it the first
};

// Cuts the hands at `indices`, all of one frame, into `folder`, and says what became of each.
void cut_frame(const std::vector<FrameHand>& hands, const std::vector<std::size_t>& indices,
               const fs::path& root, const fs::path& folder, std::vector<Fate>& fates) {
  const std::string& name = hands[indices.front()].frame;
  const auto leave_all = [&](const char* why, const std::string& first) {
    for (const std::size_t i : indices) fates[i].why = why, fates[i].first = first;
  };
  const std::optional<fs::path> path = find_frame(root, name);
  if (!path) return leave_all("of frames that are not there", name);
  Image frame;
  try {
    frame = read_image(*path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    return leave_all("of frames that cannot be read", error.what());
  }
  for (const std::size_t i : indices) {
    const std::optional<CutHand> cut = cut_hand(frame, hands[i]);
    if (!cut) {
      fates[i].why = "whose camera or joints show no hand in the frame";
      fates[i].first = name;
      continue;
    }
    write_freihand_picture(folder / picture_name(i, name), cut->image);
    fates[i].label = cut->label;
    fates[i].scaled = frame.width != hands[i].width || frame.height != hands[i].height;
  }
}

}  // namespace

std::optional<CutHand> cut_hand(const Image& frame, const FrameHand& hand) {
  const Affine2 to_frame = resizing(static_cast<double>(frame.width) / hand.width,
                                    static_cast<double>(frame.height) / hand.height);
  if (!is_camera(hand.label.K) || !(hand.label.scale > 0)) return std::nullopt;
  const HandLabel label = mapped(hand.label, to_frame);
  const auto in_front = [](const Vec3f& p) { return p.z > 0; };
  if (!std::all_of(label.xyz.begin(), label.xyz.end(), in_front)) return std::nullopt;
  const std::optional<PixelBox> box =
      seen_box(frame.width, frame.height, project(label.K, label.xyz));
  if (!box) return std::nullopt;
  const double x = box->x, y = box->y, right = x + box->width - 1;
  const Affine2 to_cut =
      hand.side == Side::right ? Affine2{{1, 0, -x, 0, 1, -y}} : Affine2{{-1, 0, right, 0, 1, -y}};
  return CutHand{copied(frame, *box, hand.side), mapped(label, to_cut)};
}

CutResult cut_hands(const std::vector<FrameHand>& hands, const CutOptions& options) {
  constexpr std::int64_t kBetweenReports = 64;  // frames
  check(!hands.empty(), "cut_hands: no hands");
  const fs::path folder = make_freihand_part(options.out, options.part);
  std::map<std::string, std::vector<std::size_t>> by_frame;
  for (std::size_t i = 0; i < hands.size(); ++i) by_frame[hands[i].frame].push_back(i);
  std::vector<const std::vector<std::size_t>*> frames;
  for (const auto& [frame, indices] : by_frame) frames.push_back(&indices);

  std::vector<Fate> fates(hands.size());
  if (options.progress) options.progress(0, std::ssize(frames));
  in_turns(
      std::ssize(frames), kBetweenReports,
      [&](std::int64_t i) {
        cut_frame(hands, *frames[static_cast<std::size_t>(i)], options.root, folder, fates);
      },
      options.progress);

  CutResult result;
  std::vector<HandLabel> labels;
  for (std::size_t i = 0; i < hands.size(); ++i) {
    if (fates[i].label)
      labels.push_back(*fates[i].label), result.scaled += fates[i].scaled;
    else
      leave_out(result.left_out, fates[i].why, fates[i].first);
  }
  result.written = std::ssize(labels);
  if (labels.empty())
    fail(ErrorKind::data, "{}: not one hand can be cut out; {} are {}, the first {}",
         printable(options.root.string()), result.left_out[0].count, result.left_out[0].why,
         printable(result.left_out[0].first));
  write_freihand_labels(options.out, options.part, labels);
  return result;
}

}  // namespace peclr
