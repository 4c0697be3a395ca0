// SPDX-License-Identifier: Apache-2.0
#include "data/examine.h"

#include <algorithm>
#include <cmath>

#include "data/picture_cache.h"
#include "engine/error.h"
#include "engine/parallel.h"

namespace peclr {
namespace {

constexpr float kScaleTolerance = 0.01f;

struct Look {
  int width = 0, height = 0;
  std::string fault;
};

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

SetFindings examine(const PictureSet& set,
                    const std::function<void(std::int64_t, std::int64_t)>& progress) {
  SetFindings findings;
  examine_labels(set, findings);
  constexpr std::int64_t kBetweenReports = 256;
  std::vector<Look> seen(kBetweenReports);
  for (std::int64_t start = 0; start < set.size(); start += kBetweenReports) {
    const std::int64_t some = std::min(kBetweenReports, set.size() - start);
    parallel_for(some, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        Look& one = seen[static_cast<std::size_t>(i)] = {};
        try {
          const Picture picture = read_picture(set, start + i, 0, Seen::centre);
          one.width = picture.image.width;
          one.height = picture.image.height;
        } catch (const Error& error) {
          if (error.kind() != ErrorKind::data) throw;
          one.fault = error.what();
        }
      }
    });
    for (std::int64_t i = 0; i < some; ++i) {
      const Look& one = seen[static_cast<std::size_t>(i)];
      if (!one.fault.empty()) {
        findings.faults.push_back(one.fault);
        continue;
      }
      ++findings.sizes[{one.width, one.height}];
      if (has_pixels(set.known) && !middle_is_inside(set.label(start + i), one.width, one.height))
        note(findings.hand_outside, set.files[static_cast<std::size_t>(start + i)]);
    }
    if (progress) progress(start + some, set.size());
  }
  return findings;
}

}  // namespace peclr
