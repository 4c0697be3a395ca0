// SPDX-License-Identifier: Apache-2.0
#include "tools/submission.h"

#include <array>

#include "data/json.h"
#include "engine/error.h"
#include "engine/file.h"
#include "engine/text.h"

namespace peclr {
namespace {

constexpr int kVertices = 778;  // of the mesh of a hand (MANO)
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;

std::string joints_text(const HandPrediction& p) {
  std::string text;
  for (const Vec3f& q : p.xyz)
    text += fmt::format("{}[{},{},{}]", text.empty() ? "" : ",", q.x, q.y, q.z);
  return "[" + text + "]";
}

// The first value within the outer array of `text`, where that is an array of arrays [..] of depth
// 4: the joints, before the vertices. All of `text` where they stand alone.
std::string_view joints_of(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  std::size_t begin = 0;
  for (int depth = 0; depth < 4; ++depth) {
    const std::size_t at = text.find_first_not_of(kBlank, begin);
    if (at == text.npos || text[at] != '[') return text;
    begin = at + 1;
  }
  const std::size_t first = text.find('[', text.find('[') + 1);
  int open = 0;
  for (std::size_t at = first; at < text.size(); ++at) {
    open += text[at] == '[' ? 1 : text[at] == ']' ? -1 : 0;
    if (open == 0) return text.substr(first, at + 1 - first);
  }
  return text.substr(first);
}

}  // namespace

std::string submission_json(const std::vector<HandPrediction>& predictions) {
  std::string joints;
  for (const HandPrediction& p : predictions) {
    if (!p.good)
      fail(ErrorKind::data,
           "{}: cannot be read, and a submission wants a hand for every picture: mend it",
           printable(p.file));
    joints += (joints.empty() ? "" : ",\n") + joints_text(p);
  }
  std::string mesh = "[";
  for (int v = 0; v < kVertices; ++v) mesh += v ? ",[0,0,0]" : "[0,0,0]";
  mesh += "]";
  std::string meshes;
  meshes.reserve(predictions.size() * (mesh.size() + 1));
  for (std::size_t i = 0; i < predictions.size(); ++i) meshes += (i ? "," : "") + mesh;
  return "[[" + joints + "],\n[" + meshes + "]]\n";
}

std::vector<float> read_submission(const std::filesystem::path& path) {
  constexpr std::array<std::size_t, 2> kShape = {kJoints, 3};
  const std::string text = read_text_file(path.string(), ErrorKind::data, kMaxBytes);
  return parse_json_numbers(joints_of(text), printable(path.string()), kShape);
}

}  // namespace peclr
