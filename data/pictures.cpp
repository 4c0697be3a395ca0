// SPDX-License-Identifier: Apache-2.0
#include "data/pictures.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "data/folder.h"
#include "data/freihand.h"
#include "data/shuffle.h"
#include "engine/error.h"
#include "engine/files/checksum.h"
#include "engine/text.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;

// The number in a name like rgb/00000042.jpg; -1 if the stem is not all digits.
std::int64_t number_of(const std::string& file) {
  const std::string stem = fs::path(file).stem().string();
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  return error == std::errc() && end == stem.data() + stem.size() ? number : -1;
}

// Labels belong to pictures by number, so a hole would shift every label after it.
void check_numbers(const PictureSet& set) {
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const std::int64_t number = number_of(set.files[std::size_t(i)]);
    if (number >= 0 && number != i) {
      fail(ErrorKind::data,
           "{}: picture {} is missing, {} stands in its place; fetch the set again",
           printable(set.root.string()), i, printable(set.files[std::size_t(i)]));
    }
  }
}

PictureSet open_freihand(const fs::path& root, Split split) {
  const std::string name = name_of(split);
  PictureSet set;
  set.root = root;
  FreihandLabels read = read_freihand_labels(root, split);
  set.labels = std::move(read.labels);
  set.known = read.has_joints ? Known::joints : Known::camera;
  if (read.has_joints && std::any_of(set.labels.begin(), set.labels.end(), knows_pixels_only)) {
    const auto metric = std::find_if_not(set.labels.begin(), set.labels.end(), knows_pixels_only);
    if (metric != set.labels.end())
      fail(ErrorKind::data,
           "{}: entry {} has a camera, others have none (the identity): part the set in two",
           printable((root / (name + "_K.json")).string()), metric - set.labels.begin());
    set.known = Known::pixels;
  }
  const std::string pictures = name + "/rgb";
  for (const std::string& file : list_pictures(root / pictures)) {
    set.files.push_back(pictures + "/" + file);
  }
  check_numbers(set);
  if (set.files.size() % set.labels.size() != 0) {
    fail(ErrorKind::data,
         "{}: {} pictures are no multiple of the {} labels in {}_K.json; fetch the set again",
         printable((root / pictures).string()), set.files.size(), set.labels.size(), name);
  }
  return set;
}

// Length of the folders that all files share, e.g. 8 for Dataset/3/a.jpg and Dataset/4/b.jpg.
std::size_t shared_folders(const std::vector<std::string>& files) {
  const std::string &first = files.front(), &last = files.back();  // sorted: these two differ most
  const auto differ = std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first;
  return std::string(first.begin(), differ).rfind('/') + 1;  // npos + 1 is 0
}

PictureSet open_folder(const fs::path& root) {
  PictureSet set;
  set.root = root;
  set.files = list_pictures(root);
  const std::size_t shared = shared_folders(set.files);
  auto class_of = [&](const std::string& file) {
    const std::size_t slash = file.find('/', shared);
    return slash == std::string::npos ? std::string() : file.substr(shared, slash - shared);
  };
  for (const std::string& file : set.files) {
    if (const std::string name = class_of(file); !name.empty()) set.class_names.push_back(name);
  }
  std::sort(set.class_names.begin(), set.class_names.end());
  set.class_names.erase(std::unique(set.class_names.begin(), set.class_names.end()),
                        set.class_names.end());
  for (const std::string& file : set.files) {
    const std::string name = class_of(file);
    const auto at = std::lower_bound(set.class_names.begin(), set.class_names.end(), name);
    set.classes.push_back(name.empty() ? -1 : static_cast<int>(at - set.class_names.begin()));
  }
  return set;
}

void require_joints(const PictureSet& set, const char* what) {
  if (!has_pixels(set.known))
    fail(ErrorKind::data, "{}: its joints are not known, so no fraction of labels can be {}",
         printable(set.root.string()), what);
}

std::size_t share_of(std::size_t labels, double fraction) {
  return std::clamp<std::size_t>(
      static_cast<std::size_t>(std::lround(fraction * static_cast<double>(labels))), 1, labels);
}

// Keeps these labels, in their order, with all versions of their pictures.
void keep_these(PictureSet& set, std::vector<std::uint32_t> kept) {
  std::sort(kept.begin(), kept.end());
  const std::size_t labels = set.labels.size();
  PictureSet smaller;
  for (const std::uint32_t label : kept) smaller.labels.push_back(set.labels[label]);
  for (std::size_t version = 0; version < set.files.size() / labels; ++version) {
    for (const std::uint32_t label : kept) {
      smaller.files.push_back(std::move(set.files[version * labels + label]));
    }
  }
  set.labels = std::move(smaller.labels);
  set.files = std::move(smaller.files);
}

}  // namespace

const char* name_of(Split split) { return split == Split::training ? "training" : "evaluation"; }

PictureSet open_pictures(const fs::path& path, Split split) {
  const bool training = split == Split::training;
  const std::string wanted = name_of(split);
  const std::string other = name_of(training ? Split::evaluation : Split::training);
  std::error_code unknown;
  if (fs::exists(path / (wanted + "_K.json"), unknown)) return open_freihand(path, split);
  // A broken FreiHAND folder must not pass for a folder of pictures: it would mix the splits,
  // unlabelled.
  const bool broken = fs::exists(path / (other + "_K.json"), unknown) &&
                      (!training || fs::exists(path / wanted, unknown));
  if (broken) {
    fail(ErrorKind::data,
         "{}: holds {}_K.json but no {}_K.json, so there is no {} split; add the file, or choose "
         "another folder",
         printable(path.string()), other, wanted, wanted);
  }
  if (fs::exists(path / wanted / "rgb", unknown)) {
    fail(
        ErrorKind::data,
        "{}: holds {}/rgb but no {}_K.json, as a synth or prepare that was stopped leaves it; make "
        "it again, or give {}/rgb itself",
        printable(path.string()), wanted, wanted, printable((path / wanted).string()));
  }
  return open_folder(path);
}

void keep_labels(PictureSet& set, double fraction, std::uint64_t seed) {
  if (!(fraction > 0 && fraction <= 1)) {
    fail(ErrorKind::usage, "the fraction of labels is {}; it must be above 0 and at most 1",
         fraction);
  }
  require_joints(set, "kept");
  std::vector<std::uint32_t> kept = shuffled(set.labels.size(), seed, Shuffle::labels);
  kept.resize(share_of(kept.size(), fraction));
  keep_these(set, std::move(kept));
}

void keep_part(PictureSet& set, double fraction, Part part) {
  if (!(fraction > 0 && fraction < 1))
    fail(ErrorKind::usage, "the fraction held out is {}; it must be above 0 and below 1", fraction);
  require_joints(set, "held out");
  std::vector<std::uint32_t> order = shuffled(set.labels.size(), 0, Shuffle::held_out);
  const auto held = static_cast<std::ptrdiff_t>(share_of(order.size(), fraction));
  if (held == std::ssize(order))
    fail(ErrorKind::data, "{}: {} labels leave none to learn from when {} of them are held out",
         printable(set.root.string()), order.size(), fraction);
  if (part == Part::held_out)
    order.resize(static_cast<std::size_t>(held));
  else
    order.erase(order.begin(), order.begin() + held);
  keep_these(set, std::move(order));
}

std::string mark_of(std::span<const PictureSet> sets) {
  std::uint64_t mark = 0;
  for (const PictureSet& set : sets) {
    for (const std::string& file : set.files) mark = checksum64(file.data(), file.size(), mark);
    for (const HandLabel& label : set.labels) {
      mark = checksum64(&label.K, sizeof label.K, mark);
      mark = checksum64(label.xyz.data(), sizeof label.xyz, mark);
      mark = checksum64(&label.scale, sizeof label.scale, mark);
    }
  }
  return fmt::format("{:016x}", mark);
}

Mat3f reduced_camera(const Mat3f& K, int factor) {
  const float f = static_cast<float>(factor);
  Mat3f out = K;
  for (int i = 0; i < 6; ++i) out.m[i] /= f;
  for (const int centre : {2, 5}) out.m[centre] -= (f - 1) / (2 * f);
  return out;
}

}  // namespace peclr
