// SPDX-License-Identifier: Apache-2.0
// Brings other data sets into the layout that the trainings read.
#include <algorithm>
#include <optional>
#include <vector>

#include "data/prepare/cut_hands.h"
#include "data/prepare/hanco.h"
#include "data/prepare/ho3d.h"
#include "data/prepare/interhand.h"
#include "data/prepare/youtube.h"
#include "engine/error.h"
#include "engine/say.h"
#include "engine/text.h"
#include "tools/commands.h"
#include "tools/run/progress.h"

namespace peclr {
namespace {

struct Layout {
  const char* name;
  FrameHands (*read)(const CommandLine& line);
  bool has_val;
  bool has_meshes = false;  // whose joints --mano-joints gives
};
template <auto read>
FrameHands read_split(const CommandLine& line) {
  return read(line.paths[1], line.split);
}
FrameHands read_meshes(const CommandLine& line) {
  return read_youtube(line.paths[1], line.split, line.mano_joints);
}
constexpr Layout kLayouts[] = {{"youtube", read_meshes, true, true},
                               {"interhand", read_split<read_interhand>, true},
                               {"ho3d", read_split<read_ho3d>, false},
                               {"hanco", read_split<read_hanco>, false}};

FrameHands read_hands(const CommandLine& line) {
  const std::string& name = line.paths[0];
  const auto* layout = std::ranges::find(kLayouts, name, &Layout::name);
  if (layout == std::end(kLayouts))
    fail(ErrorKind::usage,
         "prepare: unknown layout {}; known are youtube, interhand, ho3d and hanco", shown(name));
  if (layout->has_meshes && line.mano_joints.empty())
    fail(ErrorKind::usage,
         "prepare youtube: its meshes need --mano-joints FILE, mano_mesh_to_joints_mat.pth of "
         "PeCLR's repository");
  if (!layout->has_meshes && !line.mano_joints.empty())
    fail(ErrorKind::usage, "prepare {}: --mano-joints is read for youtube alone; leave it out",
         name);
  if (!layout->has_val && line.split == "val")
    fail(ErrorKind::usage, "prepare {}: the set has no val; --split takes train or test", name);
  return layout->read(line);
}

void tell(const std::vector<LeftOut>& left_out) {
  for (const LeftOut& one : left_out)
    say("  left out: {} {}, the first {}\n", one.count, one.why, printable(one.first));
}

void keep_side(FrameHands& listed, const std::string& hands) {
  if (hands == "both") return;
  const Side side = hands == "left" ? Side::left : Side::right;
  std::erase_if(listed.hands, [&](const FrameHand& hand) {
    if (hand.side == side) return false;
    leave_out(listed.left_out, "of the other side", hand.frame);
    return true;
  });
}

}  // namespace

int run_prepare(const CommandLine& line) {
  say("reading the lists of {}\n", printable(line.paths[1]));
  FrameHands listed = read_hands(line);
  keep_side(listed, line.hands);
  tell(listed.left_out);
  if (listed.hands.empty())
    fail(ErrorKind::data, "{}: of {} hands in its lists none is left; look at --hands and --split",
         printable(line.paths[1]), listed.listed);

  const Split part = line.split == "train" ? Split::training : Split::evaluation;
  std::optional<Progress> progress;
  const CutResult result =
      cut_hands(listed.hands,
                {.root = line.paths[1],
                 .out = line.out,
                 .part = part,
                 .progress = [&](std::int64_t done, std::int64_t frames) {
                   if (!progress)
                     progress.emplace(ProgressOptions{
                         .label = "prepare", .steps = frames, .style = progress_style_of_stderr()});
                   progress->update_count(done);
                 }});
  progress.reset();

  fmt::print(
      stderr, "{} of {} hands: {}, in FreiHAND's layout{}\n", result.written, listed.listed,
      printable(line.out),
      result.scaled > 0
          ? fmt::format("; {} of frames of another size than listed, joints scaled", result.scaled)
          : "");
  tell(result.left_out);
  return 0;
}

}  // namespace peclr
