// SPDX-License-Identifier: Apache-2.0
#include "tools/evaluation/submission.h"

#include <array>

#include "data/json_numbers.h"
#include "engine/error.h"
#include "engine/files/file.h"
#include "engine/text.h"

namespace peclr {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;

std::string joints_text(const HandPrediction& p) {
  std::string text;
  for (const Vec3f& q : p.xyz)
    text += fmt::format("{}[{},{},{}]", text.empty() ? "" : ",", q.x, q.y, q.z);
  return "[" + text + "]";
}

constexpr std::string_view kBlank = " \t\r\n";

// How many bytes of text its array takes, with blanks before it; all where it does not end.
std::size_t array_length(std::string_view text) {
  int open = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    open += text[at] == '[' ? 1 : text[at] == ']' ? -1 : 0;
    if (open == 0 && text[at] == ']') return at + 1;
  }
  return text.size();
}

// Whether text is an array of arrays of depth 4: the pair, where joints alone are of depth 3.
bool is_pair(std::string_view text) {
  std::size_t begin = 0;
  for (int depth = 0; depth < 4; ++depth) {
    const std::size_t at = text.find_first_not_of(kBlank, begin);
    if (at == text.npos || text[at] != '[') return false;
    begin = at + 1;
  }
  return true;
}

// The array of meshes in what follows that of the joints: ", meshes]", as far as the file goes; or
// nothing in "]".
std::string_view meshes_in(std::string_view rest, const std::string& name) {
  const std::size_t first = rest.find_first_not_of(kBlank), last = rest.find_last_not_of(kBlank);
  if (first != rest.npos && rest[first] == ']' && first == last) return {};
  std::string_view meshes;
  if (first != rest.npos && rest[first] == ',')  // in a cut file ']' may be another one's
    meshes = rest.substr(first + 1, last - first - (rest[last] == ']' ? 1 : 0));
  if (meshes.find_first_not_of(kBlank, array_length(meshes)) != meshes.npos)
    fail(ErrorKind::data, "{}: holds more than the pair [xyz, verts]; write it again", name);
  if (meshes.find_first_not_of(kBlank) == meshes.npos)
    fail(ErrorKind::data,
         "{}: no meshes after the joints; the file is cut, or no pair [xyz, verts]: write it again",
         name);
  return meshes;
}

// Vertices of the first mesh of an array of them.
std::size_t first_mesh_vertices(std::string_view meshes) {
  std::size_t vertices = 0;
  int depth = 0;
  for (const char c : meshes) {
    if (c == '[' && ++depth == 3) ++vertices;
    if (c == ']' && --depth <= 1) break;
  }
  return vertices;
}

}  // namespace

std::string submission_json(const std::vector<HandPrediction>& predictions) {
  std::string joints;
  for (const HandPrediction& p : predictions) {
    check(p.good, "submission_json: no hand in {}", printable(p.file));
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

Submission read_submission(const std::filesystem::path& path) {
  constexpr std::array<std::size_t, 2> kHand = {kJoints, 3};
  const std::string text = read_text_file(path.string(), ErrorKind::data, kMaxBytes);
  const std::string name = printable(path.string());
  Submission submission;
  if (!is_pair(text)) {
    submission.joints = parse_json_numbers(text, name, kHand);
    return submission;
  }
  const std::string_view inside = std::string_view(text).substr(text.find('[') + 1);
  const std::string_view joints = inside.substr(0, array_length(inside));
  const auto byte_of = [&](std::string_view part) {
    return static_cast<std::size_t>(part.data() - text.data());
  };
  submission.joints = parse_json_numbers(joints, name, kHand, byte_of(joints));
  const std::string_view meshes = meshes_in(inside.substr(joints.size()), name);
  if (meshes.empty()) return submission;
  const std::size_t vertices = first_mesh_vertices(meshes);
  submission.meshes = parse_json_numbers(meshes, name + ", meshes",
                                         std::array<std::size_t, 2>{vertices, 3}, byte_of(meshes));
  if (!submission.meshes.empty()) submission.vertices = vertices;
  return submission;
}

}  // namespace peclr
