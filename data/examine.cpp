// SPDX-License-Identifier: Apache-2.0
#include "data/examine.h"

#include <algorithm>
#include <cmath>

#include "data/picture.h"
#include "engine/error.h"

namespace peclr {
namespace {

constexpr float kScaleTolerance = 0.01f;

struct Look {
  int width = 0, height = 0;
  std::string fault;
};

Look look_at(const PictureSet& set, std::int64_t index) {
  try {
    const Picture picture = read_picture(set, index, 0, Seen::centre);
    return {picture.image.width, picture.image.height, {}};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    return {0, 0, error.what()};
  }
}

void note(SetFindings::Noted& noted, const std::string& picture) {
  if (noted.count++ == 0) noted.first = picture;
}

bool middle_is_inside(const HandLabel& label, int width, int height) {
  float x = 0, y = 0;
  for (const Vec2f& px : project(label.K, label.xyz)) {
    x += px.x / kJoints;
    y += px.y / kJoints;
  }
  return x >= -.5f && y >= -.5f && x <= static_cast<float>(width) - .5f &&
         y <= static_cast<float>(height) - .5f;
}

void examine_labels(const PictureSet& set, SetFindings& findings) {
  if (set.known != Known::joints) return;
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    const HandLabel& label = set.labels[i];
    const float bone = measured_scale(label.xyz);
    findings.bones.push_back(bone);
    if (!(std::abs(label.scale - bone) <= kScaleTolerance * bone))
      note(findings.scale_differs, set.files[i]);
  }
  std::sort(findings.bones.begin(), findings.bones.end());
  findings.look = look_of(set.labels);
}

}  // namespace

SetFindings examine(const PictureSet& set, const CountProgress& progress) {
  constexpr std::int64_t kBetweenReports = 256;
  SetFindings findings;
  examine_labels(set, findings);
  std::vector<Look> looks(static_cast<std::size_t>(set.size()));
  in_turns(
      set.size(), kBetweenReports,
      [&](std::int64_t i) { looks[static_cast<std::size_t>(i)] = look_at(set, i); }, progress);
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const Look& one = looks[static_cast<std::size_t>(i)];
    if (!one.fault.empty()) {
      findings.faults.push_back(one.fault);
      continue;
    }
    ++findings.sizes[{one.width, one.height}];
    if (has_pixels(set.known) && !middle_is_inside(set.label(i), one.width, one.height))
      note(findings.hand_outside, set.files[static_cast<std::size_t>(i)]);
  }
  return findings;
}

}  // namespace peclr
