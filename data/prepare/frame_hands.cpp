// SPDX-License-Identifier: Apache-2.0
#include "data/prepare/frame_hands.h"

#include <algorithm>
#include <filesystem>

#include "engine/error.h"
#include "engine/text.h"

namespace peclr {

HandLabel label_of(const Mat3f& K, const std::array<std::array<double, 3>, kJoints>& joints) {
  HandLabel label;
  label.K = K;
  for (std::size_t j = 0; j < kJoints; ++j)
    label.xyz[j] = {static_cast<float>(joints[j][0]), static_cast<float>(joints[j][1]),
                    static_cast<float>(joints[j][2])};
  label.scale = measured_scale(label.xyz);
  return label;
}

void leave_out(std::vector<LeftOut>& all, const std::string& why, const std::string& which) {
  auto at =
      std::find_if(all.begin(), all.end(), [&](const LeftOut& one) { return one.why == why; });
  if (at == all.end()) at = all.insert(all.end(), {why, 0, which});
  ++at->count;
}

void check_frame(const std::string& frame, int width, int height, const std::string& where) {
  const std::filesystem::path path(frame);
  const bool inside = !frame.empty() && is_clean_utf8(frame) && path.is_relative() &&
                      std::find(path.begin(), path.end(), "..") == path.end();
  if (!inside)
    fail(ErrorKind::data, "{}: the frame's name {} does not lie in the set's folder; mend it",
         where, shown(frame));
  if (!(width > 0 && height > 0))
    fail(ErrorKind::data, "{}: a frame of {} x {} pixels; mend it", where, width, height);
}

}  // namespace peclr
