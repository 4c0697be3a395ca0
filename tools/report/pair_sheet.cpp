// SPDX-License-Identifier: Apache-2.0
#include "tools/report/pair_sheet.h"

#include "engine/error.h"
#include "engine/text.h"
#include "tools/report/pairs.h"
#include "tools/report/picture.h"
#include "tools/settings/engine_options.h"

namespace peclr {
namespace {

constexpr int kPairs = 6;

std::string number(double x) { return fmt::format("{:.1f}", x); }

std::string list_of(std::span<const Vec2f> points) {
  std::string text;
  for (const Vec2f& p : points) text += (text.empty() ? "" : " ") + number(p.x) + "," + number(p.y);
  return text;
}

// A light line on a dark one is seen on any picture.
void write_stroke(Html& html, std::string_view tag, Attributes attributes) {
  for (const char* mark : {"mark under", "mark"})
    html.in("g", {{"class", mark}}, [&] { html.single(tag, attributes); });
}

// The corners of a view's square in its source.
std::array<Vec2f, 4> corners(const View& view, int side) {
  const float low = -0.5f, high = static_cast<float>(side) - 0.5f;
  const Affine2& map = view.pixels.to_source;
  return {apply(map, {low, low}), apply(map, {high, low}), apply(map, {high, high}),
          apply(map, {low, high})};
}

// Radius of the subject in the source: the side of the crop is 2.5 radii at scale 1.
double radius_of(const View& view, int side) {
  const double* m = view.pixels.to_source.m;
  return std::hypot(m[0], m[3]) * side * view.scale / 2.5;
}

// An arrow that stands upright in the source, and a circle around the hand, both as `map` moves
// them.
void write_compass(Html& html, const View& view, int side, const Affine2& map) {
  const double radius = radius_of(view, side);
  const double zoom = std::hypot(map.m[0], map.m[3]);
  const auto at = [&](double x, double y) {
    return apply(map, {view.centre.x + static_cast<float>(x * radius),
                       view.centre.y + static_cast<float>(y * radius)});
  };
  const Vec2f centre = at(0, 0);
  write_stroke(html, "circle",
               {{"cx", number(centre.x)}, {"cy", number(centre.y)}, {"r", number(radius * zoom)}});
  const Vec2f arrow[] = {centre, at(0, -0.96), at(-0.12, -0.74), at(0, -0.96), at(0.12, -0.74)};
  write_stroke(html, "polyline", {{"points", list_of(arrow)}});
}

Frame frame_around(const ViewPair& pair, int side) {
  double low = -0.5, right = pair.source.width - 0.5, top = -0.5, bottom = pair.source.height - 0.5;
  for (const ShownView& shown : pair.views)
    for (const Vec2f& p : corners(shown.view, side)) {
      low = std::min<double>(low, p.x), right = std::max<double>(right, p.x);
      top = std::min<double>(top, p.y), bottom = std::max<double>(bottom, p.y);
    }
  const double size = 1.02 * std::max(right - low, bottom - top);
  return {(low + right - size) / 2, (top + bottom - size) / 2, size, size};
}

std::string numbers_of(const View& view) {
  const auto towards = [](double x, const char* positive, const char* negative) {
    return fmt::format("{:.0f}\u00A0%\u00A0{}", std::abs(100 * x), x >= 0 ? positive : negative);
  };
  return fmt::format("{}{:.0f}°, {}, {}, ×\u00A0{:.2f}", view.angle_deg < 0 ? "\u2212" : "+",
                     std::abs(view.angle_deg), towards(view.shift.x, "right", "left"),
                     towards(view.shift.y, "down", "up"), view.scale);
}

void write_pair(Html& html, const ViewPair& pair, int side, bool inverted) {
  html.in("figure", {}, [&] {
    write_picture(html, pair.source, "original with the squares of both views",
                  frame_around(pair, side), [&] {
                    for (int v = 0; v < 2; ++v) {
                      const View& view = pair.views[static_cast<std::size_t>(v)].view;
                      html.single("polygon", {{"class", fmt::format("crop c{}", v ? 1 : 2)},
                                              {"points", list_of(corners(view, side))}});
                    }
                    write_compass(html, pair.views[0].view, side, {});
                  });
  });
  for (const ShownView& shown : pair.views)
    html.in("figure", {}, [&] {
      write_picture(html, shown.picture, "view", frame_of(shown.picture),
                    [&] { write_compass(html, shown.view, side, shown.view.to_output); });
      html.leaf("figcaption", numbers_of(shown.view));
    });
  if (!inverted) return;
  for (const ShownView& shown : pair.views)
    html.in("figure", {}, [&] {
      write_picture(html, shown.inverted, "inverted view", frame_of(shown.inverted), [&] {
        write_compass(html, shown.view, side, compose(shown.undo, shown.view.to_output));
      });
    });
}

std::string undone_words(const Inversion& what) {
  std::vector<const char*> words;
  if (what.translate) words.push_back("the shift");
  if (what.rotate) words.push_back("the rotation");
  if (what.scale) words.push_back("the scale");
  return joined(words, " and ");
}

std::string explanation(const Settings& settings) {
  const Inversion what = inversion_of(settings);
  const std::string undone = undone_words(what);
  if (undone.empty())
    return "This loss undoes nothing: it asks the projections of both views to be the same as they "
           "are, however the hand is turned and moved.";
  const char* outcome = "what is not undone stays as it was";
  if (what.rotate && what.translate)
    outcome = settings.paper_exact
                  ? "in both inverted views it stands upright again, but only about in the middle, "
                    "for paper_exact counts the shift in the picture's pixels over model.input, "
                    "whatever the crop's size"
                  : "in both inverted views it stands upright in the middle again";
  return fmt::format(
      "Left: the picture, with the squares that both views were cut from; then the views as the "
      "network saw them, and the same views with {} undone by exactly the numbers that the loss "
      "undoes in latent space. The arrow is painted upright at the hand in the original: {}{}",
      undone, outcome, what.scale ? "." : "; the size is not undone.");
}

bool same_views(const Settings& a, const Settings& b) {
  return a.seed == b.seed && a.data.train == b.data.train && a.augment == b.augment &&
         a.model.input == b.model.input && a.paper_exact == b.paper_exact;
}

void write_sheet(Html& html, const Run& run, const ViewPairs& all) {
  const bool inverted = !undone_words(inversion_of(run.settings)).empty();
  const auto record = run.records.find("pretrain");
  const std::int64_t before = record == run.records.end() ? 0 : record->second.pictures;
  html.leaf("p", {{"class", "lead"}}, explanation(run.settings));
  html.in("div", {{"class", inverted ? "pairs five" : "pairs three"}}, [&] {
    for (const char* head :
         {"original", "view 1", "view 2", "view 1, inverted", "view 2, inverted"}) {
      if (!inverted && std::string_view(head).ends_with("inverted")) continue;
      html.leaf("div", {{"class", "head"}}, head);
    }
    for (const ViewPair& pair : all.pairs)
      write_pair(html, pair, run.settings.model.input, inverted);
  });
  html.leaf(
      "p", {{"class", "note"}},
      fmt::format("The first {} pictures of epoch 1 of {}, seed {}. Under each view: turned "
                  "by (counter-clockwise positive), moved by (of the view's side), enlarged "
                  "by.{}",
                  all.pairs.size(), run.name, run.settings.seed,
                  before == 0 || before == all.pictures
                      ? ""
                      : " The set has changed since the run: these are not the pairs it saw."));
}

}  // namespace

void write_pair_sheets(Html& html, const std::vector<Group>& pretrained) {
  if (pretrained.empty()) return;
  html.leaf("h2", "Pairs of views, and their inversion");
  std::vector<const Run*> shown;
  // The groups that undo something first.
  std::vector<const Group*> order;
  for (const bool undoes : {true, false})
    for (const Group& group : pretrained)
      if (undone_words(inversion_of(group.runs[0]->settings)).empty() != undoes)
        order.push_back(&group);
  for (const Group* group : order) {
    const Run& run = *group->runs[0];
    html.leaf("h3", group->label());
    const auto same = std::find_if(shown.begin(), shown.end(), [&](const Run* other) {
      return same_views(other->settings, run.settings);
    });
    if (same != shown.end()) {
      html.leaf("p", {{"class", "lead"}},
                fmt::format("The same views as {} above. {}", (*same)->name,
                            undone_words(inversion_of(run.settings)).empty()
                                ? explanation(run.settings)
                                : "It undoes " + undone_words(inversion_of(run.settings)) + "."));
      continue;
    }
    try {
      write_sheet(html, run, first_pairs(run.settings, kPairs));
      shown.push_back(&run);
    } catch (const Error& e) {
      html.leaf("p", {{"class", "gone"}},
                fmt::format("The pictures of this run cannot be shown: {}", e.what()));
    }
  }
}

}  // namespace peclr
