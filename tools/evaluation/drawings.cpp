// SPDX-License-Identifier: Apache-2.0
#include "tools/evaluation/drawings.h"

#include <algorithm>
#include <climits>
#include <filesystem>

#include "data/image.h"
#include "data/skeleton.h"
#include "engine/error.h"
#include "engine/files/file_error.h"
#include "engine/files/folder.h"
#include "engine/say.h"
#include "engine/text.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;

// Smaller pictures are enlarged before the skeleton goes on, so that they can carry its lines.
constexpr int kDrawnSide = 448;

std::string unfinished(const std::string& folder) { return folder + ".part"; }

bool lies_in(const fs::path& path, const fs::path& folder) {
  const fs::path relative =
      fs::weakly_canonical(path).lexically_relative(fs::weakly_canonical(folder));
  return !relative.empty() && *relative.begin() != "..";
}

// The picture's whole name, folders and ending too: a.jpg and a.png are two.
std::string name_of_drawing(const HandPrediction& p) { return p.file + ".png"; }

void require_drawings_alone(const std::string& folder) {
  const auto refuse = [&](const fs::path& found) {
    fail(ErrorKind::usage,
         "{}: no drawing, and {} is replaced by those of predict; move it away, or choose another "
         "out",
         printable(found.string()), printable(folder));
  };
  const fs::file_status status = fs::symlink_status(folder);
  if (!fs::exists(status)) return;
  if (!fs::is_directory(status)) refuse(folder);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    const fs::file_status found = entry.symlink_status();
    const bool drawing = fs::is_regular_file(found) && entry.path().extension() == ".png";
    if (!drawing && !fs::is_directory(found)) refuse(entry.path());
  }
}

void draw(const PictureSet& set, const HandPrediction& p, const std::string& folder) {
  const Image picture = read_image(set.root / p.file);
  const float zoom = std::max(1.f, zoom_to(picture, kDrawnSide));
  Image image = zoomed(picture, zoom);
  draw_skeleton(image, p.px, zoom);
  const fs::path path = fs::path(folder) / name_of_drawing(p);
  make_writable_folder(path.parent_path().string());
  write_png(path, image);
}

bool can_be_named(const HandPrediction& p) {
  if (fs::path(name_of_drawing(p)).filename().string().size() <= NAME_MAX) return true;
  say("{}: not drawn, for with .png its name has more than {} bytes\n", printable(p.file),
      NAME_MAX);
  return false;
}

}  // namespace

void require_for_drawings(const std::string& folder, const PictureSet& set) {
  if (lies_in(set.root, folder))
    fail(ErrorKind::usage, "data.eval={}: lies in {}, which is replaced; choose another out",
         printable(set.root.string()), printable(folder));
  if (set.known == Known::nothing && lies_in(folder, set.root))
    fail(ErrorKind::usage,
         "data.eval={}: {} lies in it, and the next prediction would take its drawings for "
         "pictures; choose another out",
         printable(set.root.string()), printable(folder));
  require_drawings_alone(folder);
  require_drawings_alone(unfinished(folder));
}

int draw_hands(const std::string& folder, const PictureSet& set,
               const std::vector<HandPrediction>& predictions, int wanted) {
  const std::string fresh = unfinished(folder);
  fs::remove_all(fresh);
  make_writable_folder(fresh);
  std::vector<const HandPrediction*> drawable;
  for (const HandPrediction& p : predictions)
    if (p.good && can_be_named(p)) drawable.push_back(&p);
  const std::size_t drawn =
      std::min(drawable.size(), static_cast<std::size_t>(std::max(0, wanted)));
  for (std::size_t i = 0; i < drawn; ++i) draw(set, *drawable[i * drawable.size() / drawn], fresh);
  std::error_code error;
  fs::remove_all(folder, error);
  if (!error) fs::rename(fresh, folder, error);
  if (error) fail_writing(folder, "cannot be replaced", error.value());
  return static_cast<int>(drawn);
}

}  // namespace peclr
