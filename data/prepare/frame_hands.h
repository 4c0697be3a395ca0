// SPDX-License-Identifier: Apache-2.0
// The hands that a data set lists in its frames, which may hold several, left ones among them. What
// each layout's reader gives, and what is cut out (data/prepare/cut_hands.h).
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/label.h"
#include "engine/error.h"

namespace peclr {

struct FrameHand {
  std::string frame;          // relative to the set's folder
  int width = 0, height = 0;  // pixels, of the frame that the label is for
  Side side = Side::right;
  HandLabel label;  // of the frame; where only pixels are known: K the identity, joints (u, v, 1)
};

// A label whose scale is measured. `joints`: as HandLabel has them.
HandLabel label_of(const Mat3f& K, const std::array<std::array<double, 3>, kJoints>& joints);

// Hands of which nothing is written.
struct LeftOut {
  std::string why;  // "of frames that are not there"
  std::int64_t count = 0;
  std::string first;  // the first of them, for a person to look at
};
void leave_out(std::vector<LeftOut>& all, const std::string& why, const std::string& which);

struct FrameHands {
  std::int64_t listed = 0;  // hands in the set's lists
  std::vector<FrameHand> hands;
  std::vector<LeftOut> left_out;
};

// Throws Error(data) that begins with `where` if a frame's name, which may come from anywhere,
// leads out of the set's folder or is no text, or if the frame has no pixels.
void check_frame(const std::string& frame, int width, int height, const std::string& where);

// Throws Error(data) that begins with `where` if there is a frame of this id already.
template <class Frame>
void add_frame(std::unordered_map<std::int64_t, Frame>& frames, std::int64_t id, Frame frame,
               const std::string& where) {
  if (!frames.try_emplace(id, std::move(frame)).second)
    fail(ErrorKind::data, "{}: image {} was listed before; mend it", where, id);
}

}  // namespace peclr
