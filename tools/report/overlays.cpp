// SPDX-License-Identifier: Apache-2.0
#include "tools/report/overlays.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/folder.h"
#include "data/image.h"
#include "data/skeleton.h"
#include "engine/error.h"
#include "engine/files/file.h"
#include "engine/text.h"
#include "tools/report/picture.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int kShownSide = 288;    // shorter side of an overlay, pixels
constexpr std::size_t kDrawn = 8;  // of a prediction's pictures

std::array<Vec2f, kJoints> joints_of(const Json& list) {
  std::array<Vec2f, kJoints> joints;
  for (std::size_t j = 0; j < kJoints; ++j)
    joints[j] = {list.at(j).at(0).get<float>(), list.at(j).at(1).get<float>()};
  return joints;
}

// A copy whose shorter side is kShownSide, and how much larger it is.
struct Shown {
  Image image;
  float zoom;
};
Shown sized(const Image& image) {
  const int factor = reduction_for(image.width, image.height, kShownSide);
  const Image reduced = box_reduce(image, factor);
  const float zoom = zoom_to(reduced, kShownSide);
  return {zoomed(reduced, zoom), zoom / static_cast<float>(factor)};
}

Image with_skeleton(const Shown& shown, const std::array<Vec2f, kJoints>& px) {
  Image image = shown.image;
  draw_skeleton(image, px, shown.zoom);
  return image;
}

void write_overlay(Html& html, const PictureErrors& errors, const PictureError& picture) {
  html.in("figure", {{"class", "overlay"}}, [&] {
    try {
      const Shown shown = sized(read_image(fs::path(errors.set) / picture.file));
      html.in("div", {{"class", "two"}}, [&] {
        write_picture(html, with_skeleton(shown, picture.true_px), "truth");
        write_picture(html, with_skeleton(shown, picture.px), "prediction");
      });
    } catch (const Error& e) {
      html.leaf("p", {{"class", "gone"}}, e.what());
    }
    html.in("figcaption", {}, [&] {
      html.leaf("b", fmt::format("{:.1f} mm", picture.pa_epe_mm));
      html.text(fmt::format(" PA-EPE, {:.0f} mm EPE", picture.epe_mm));
    });
  });
}

void write_run(Html& html, const Run& run, const std::string& label, std::size_t each) {
  const PictureErrors errors = read_errors(run.folder + "/errors.json");
  html.leaf("h3", label);
  if (errors.pictures.empty()) return;
  std::error_code ignored;
  if (!fs::exists(fs::path(errors.set) / errors.pictures[0].file, ignored)) {
    html.leaf("p", {{"class", "gone"}},
              fmt::format("The pictures of {} are not there any more.", errors.set));
    return;
  }
  const auto chosen = best_median_worst(errors.pictures, each);
  constexpr const char* kHeads[] = {"best", "median", "worst"};
  html.in("div", {{"class", "ranks"}}, [&] {
    for (std::size_t rank = 0; rank < 3; ++rank) {
      if (chosen[rank].empty()) continue;
      html.in("div", {}, [&] {
        html.leaf("div", {{"class", "head"}}, kHeads[rank]);
        for (const std::size_t i : chosen[rank]) write_overlay(html, errors, errors.pictures[i]);
      });
    }
  });
}

}  // namespace

PictureErrors read_errors(const std::string& path) {
  const Json json =
      Json::parse(read_text_file(path, ErrorKind::data, std::uint64_t{1} << 30), nullptr, false);
  try {
    PictureErrors errors{json.at("set").get<std::string>(), {}};
    for (const Json& entry : json.at("pictures"))
      errors.pictures.push_back({entry.at("file").get<std::string>(),
                                 entry.at("epe_mm").get<double>(),
                                 entry.at("pa_epe_mm").get<double>(), joints_of(entry.at("uv")),
                                 joints_of(entry.at("uv_true"))});
    return errors;
  } catch (const Json::exception&) {
    fail(ErrorKind::data, "{}: not what peclr evaluate writes; run it again", printable(path));
  }
}

std::array<std::vector<std::size_t>, 3> best_median_worst(const std::vector<PictureError>& pictures,
                                                          std::size_t each) {
  std::vector<std::size_t> order(pictures.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return pictures[a].pa_epe_mm < pictures[b].pa_epe_mm;
  });
  const std::size_t n = order.size();
  const std::size_t share = std::min(each, n / 3 + (n < 3 ? 1 : 0));
  const auto part = [&](std::size_t first, std::size_t count) {
    first = std::min(first, n), count = std::min(count, n - first);
    return std::vector<std::size_t>(order.begin() + static_cast<std::ptrdiff_t>(first),
                                    order.begin() + static_cast<std::ptrdiff_t>(first + count));
  };
  if (n < 3) return {part(0, n), {}, {}};
  return {part(0, share), part((n - share) / 2, share), part(n - share, share)};
}

void write_overlays(Html& html, const std::vector<Group>& scored) {
  bool first = true;
  for (const Group& group : scored) {
    std::error_code ignored;
    const Run& run = *group.runs[0];
    if (!fs::exists(run.folder + "/errors.json", ignored)) continue;
    if (first) {
      html.leaf("h2", "Predictions beside the truth");
      html.leaf("p", {{"class", "lead"}},
                "Left: truth; right: prediction. PA-EPE, which ranks the pictures, forgives place "
                "and size; what is drawn is the prediction as it is, wrong depth included.");
    }
    first = false;
    const std::string labels =
        std::isfinite(group.labels) ? ", " + percent(group.labels) + " of the labels" : "";
    write_run(html, run, group.label() + labels + " (" + run.name + ")", scored.size() > 4 ? 1 : 2);
  }
}

void write_predictions(Html& html, const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    if (!run.predicted) continue;
    html.leaf("h2", "Predictions of " + run.name);
    const fs::path folder = run.folder + "/skeletons";
    try {
      const std::vector<std::string> files = list_pictures(folder);
      html.in("div", {{"class", "drawn"}}, [&] {
        for (std::size_t i = 0; i < files.size() && i < kDrawn; ++i)
          html.in("figure", {}, [&] {
            write_picture(html, sized(read_image(folder / files[i])).image, files[i]);
            html.leaf("figcaption", fs::path(files[i]).replace_extension().string());
          });
      });
    } catch (const Error& e) {
      html.leaf("p", {{"class", "gone"}}, e.what());
    }
  }
}

}  // namespace peclr
