// SPDX-License-Identifier: Apache-2.0
// Says whether sets of pictures are whole and are what their labels say, before a training needs
// them.
#include <algorithm>
#include <filesystem>

#include "data/examine.h"
#include "data/folder.h"
#include "engine/error.h"
#include "engine/text.h"
#include "tools/commands.h"
#include "tools/run/progress.h"

namespace peclr {
namespace {

constexpr std::size_t kNamed = 20;  // pictures that cannot be read
// Middle fingers' bone 9-10 in metres, from small hands to large, and as sets measure it.
constexpr float kShortest = 0.01f, kLongest = 0.07f;

std::string known_text(const PictureSet& set) {
  const auto each = set.labels.empty() ? 1 : set.files.size() / set.labels.size();
  const std::string versions = each == 1 ? "" : fmt::format(", {} pictures each", each);
  switch (set.known) {
    case Known::nothing:
      return set.class_names.empty()
                 ? "no labels"
                 : fmt::format("no labels, {} sub-folders", set.class_names.size());
    case Known::pixels:
      return fmt::format("{} labels{}: joints in pixels", set.labels.size(), versions);
    case Known::camera:
      return fmt::format("{} labels{}: camera and scale, no joints", set.labels.size(), versions);
    case Known::joints:
      return fmt::format("{} labels{}: camera, joints and scale", set.labels.size(), versions);
  }
  return "";
}

std::string sizes_text(const SetFindings& findings) {
  if (findings.sizes.empty()) return "none can be read";
  const auto by_count = [](auto& a, auto& b) { return a.second < b.second; };
  const auto& [most, count] =
      *std::max_element(findings.sizes.begin(), findings.sizes.end(), by_count);
  const std::string common = fmt::format("{} x {} pixels", most.first, most.second);
  if (findings.sizes.size() == 1) return common;
  return fmt::format("{} sizes, {} of {}", findings.sizes.size(), count, common);
}

// Whether anything of this part of FreiHAND's layout is there.
bool has_part(const std::filesystem::path& root, Split split) {
  const auto there = [&](const char* file) {
    std::error_code unknown;
    return std::filesystem::exists(root / (std::string(name_of(split)) + file), unknown);
  };
  return there("_K.json") || there("_xyz.json") || there("_scale.json") || there("/rgb");
}

// Prints what the labels look like, where that is not what they should; returns how often.
std::int64_t looks_wrong(const LabelLook& look) {
  std::int64_t wrong = 0;
  if (look.order) fmt::print("  labels look like {} order, not FreiHAND's\n", look.order), ++wrong;
  if (look.unit) fmt::print("  labels look like {}, not metres\n", look.unit), ++wrong;
  if (look.left_hands())
    fmt::print(
        "  labels look like left hands ({} of the {} that are bent); mirror them, pictures "
        "and joints\n",
        look.left, look.sided),
        ++wrong;
  return wrong;
}

// Prints what was found; returns how many pictures or labels are not as they should be.
std::int64_t examined(const PictureSet& set, const std::string& part) {
  Progress progress({.label = "verify", .steps = set.size(), .style = progress_style_of_stderr()});
  const SetFindings findings =
      examine(set, [&](std::int64_t done, std::int64_t) { progress.update_count(done); });
  progress.finish();

  fmt::print("{}{}: {} pictures ({}), {}\n", printable(set.root.string()), part, set.size(),
             sizes_text(findings), known_text(set));
  for (std::size_t i = 0; i < std::min(kNamed, findings.faults.size()); ++i)
    fmt::print("  {}\n", findings.faults[i]);
  if (findings.faults.size() > kNamed)
    fmt::print("  and {} more that cannot be read\n", findings.faults.size() - kNamed);
  std::int64_t wrong = std::ssize(findings.faults);
  const auto say = [&](const SetFindings::Noted& noted, const char* what) {
    if (noted.count == 0) return;
    fmt::print("  {} {}, the first {}\n", noted.count, what, printable(noted.first));
    wrong += noted.count;
  };
  say(findings.hand_outside, "pictures whose hand has its middle outside: are these their labels?");
  say(findings.scale_differs,
      "labels whose scale is not the length of bone 9-10: another order of joints?");
  if (!findings.bones.empty()) {
    const float least = findings.bones.front(), most = findings.bones.back(),
                median = findings.bones[findings.bones.size() / 2];
    fmt::print("  bone 9-10: {:.1f} to {:.1f} cm, median {:.1f}\n", 100 * least, 100 * most,
               100 * median);
    const std::int64_t looks = looks_wrong(findings.look);
    wrong += looks;
    if (looks == 0 && !(median >= kShortest && median <= kLongest)) {
      fmt::print("  which is no hand's: joints must be in metres, in FreiHAND's order\n");
      ++wrong;
    }
  }
  return wrong;
}

// Pictures that the set leaves out, as nothing here reads them; returns how many.
std::int64_t left_out(const std::filesystem::path& folder) {
  const std::vector<std::string> files = list_files(folder, kUnreadEndings);
  if (!files.empty())
    fmt::print("  {} files are not read (the first {}); convert them to JPEG or PNG\n",
               files.size(), printable((folder / files.front()).string()));
  return std::ssize(files);
}

// The same of a set that may not even open: whatever is wrong with it, the next one is read, too.
std::int64_t verify(const std::filesystem::path& root, Split split, bool labelled) {
  const std::string part = name_of(split);
  try {
    std::error_code unknown;
    if (labelled && !std::filesystem::exists(root / (part + "_K.json"), unknown))
      fail(ErrorKind::data, "{}_K.json is not there, so its {} part has no labels; fetch it again",
           printable((root / part).string()), part);
    const std::int64_t wrong = examined(open_pictures(root, split), labelled ? ", " + part : "");
    return wrong + left_out(labelled ? root / part / "rgb" : root);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    fmt::print("{}\n", error.what());
    return 1;
  }
}

}  // namespace

int run_verify(const CommandLine& line) {
  std::int64_t wrong = 0;
  for (const std::string& path : line.paths) {
    const bool training = has_part(path, Split::training),
               evaluation = has_part(path, Split::evaluation);
    if (training || !evaluation) wrong += verify(path, Split::training, training);
    if (evaluation) wrong += verify(path, Split::evaluation, true);
  }
  if (wrong > 0)
    fail(ErrorKind::data, "{} pictures or labels are not as they should be; mend or remove them",
         wrong);
  return 0;
}

}  // namespace peclr
