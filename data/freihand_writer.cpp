// SPDX-License-Identifier: Apache-2.0
#include "data/freihand_writer.h"

#include <array>
#include <iterator>
#include <system_error>

#include "engine/error.h"
#include "engine/files/atomic_file.h"
#include "engine/files/file_error.h"
#include "engine/text.h"

namespace peclr {
namespace {

constexpr int kJpegQuality = 95;

// fmt prints the shortest text that reads back to the same float.
void append(std::string& text, float x) { fmt::format_to(std::back_inserter(text), "{}", x); }
void append(std::string& text, const Vec3f& p) {
  fmt::format_to(std::back_inserter(text), "[{}, {}, {}]", p.x, p.y, p.z);
}

template <class List>
void append_list(std::string& text, const List& list) {
  char before = '[';
  for (const auto& item : list) {
    text += before;
    append(text, item);
    before = ',';
  }
  text += ']';
}

void append(std::string& text, const Mat3f& K) {
  const float* m = K.m;
  append_list(text,
              std::array<Vec3f, 3>{{{m[0], m[1], m[2]}, {m[3], m[4], m[5]}, {m[6], m[7], m[8]}}});
}
void append(std::string& text, const std::array<Vec3f, kJoints>& xyz) { append_list(text, xyz); }

// One JSON array with one field of every label, a label a line.
template <class Field>
std::string json_of(const std::vector<HandLabel>& labels, Field HandLabel::*field) {
  std::string text = "[";
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (i > 0) text += ",\n";
    append(text, labels[i].*field);
  }
  return text + "]\n";
}

}  // namespace

std::filesystem::path make_freihand_part(const std::filesystem::path& dir, Split part) {
  std::error_code error;
  const std::filesystem::path labels = dir / fmt::format("{}_K.json", name_of(part)),
                              pictures = dir / name_of(part) / "rgb";
  if (std::filesystem::exists(labels, error))
    fail(ErrorKind::usage, "{} is already there; choose an empty folder",
         printable(labels.string()));
  std::filesystem::create_directories(pictures, error);
  if (error) fail_writing(pictures.string(), "cannot make the folder", error.value());
  // Another run's pictures could fall between ours, and shift the labels after them.
  const bool empty = std::filesystem::is_empty(pictures, error);
  if (error)
    fail_reading(pictures.string(), "cannot list the folder", error.value(), ErrorKind::failure);
  if (!empty)
    fail(ErrorKind::usage,
         "{} already holds files, perhaps of a run that was stopped; remove it, or choose an empty "
         "folder",
         printable(pictures.string()));
  return pictures;
}

void write_freihand_picture(const std::filesystem::path& path, const Image& image) {
  write_jpeg(path, image, kJpegQuality);
}

void write_freihand_labels(const std::filesystem::path& dir, Split part,
                           const std::vector<HandLabel>& labels) {
  const std::string name = name_of(part);
  write_file_atomically(dir / (name + "_scale.json"), json_of(labels, &HandLabel::scale));
  write_file_atomically(dir / (name + "_xyz.json"), json_of(labels, &HandLabel::xyz));
  // Last: a folder with this file is a complete data set.
  write_file_atomically(dir / (name + "_K.json"), json_of(labels, &HandLabel::K));
}

}  // namespace peclr
