// SPDX-License-Identifier: Apache-2.0
// FreiHAND's scores of meshes by its exact rules (lmb-freiburg/freihand: eval.py), in double.
#pragma once
#include <array>
#include <optional>
#include <span>

#include "models/metrics.h"

namespace peclr {

// A vertex is matched where the other mesh has one nearer than this, metres. F is the harmonic mean
// of the matched shares of both meshes, 0 where nothing is; then the mean over meshes.
inline constexpr std::array kMatchLimits = {0.005, 0.015};
struct MatchScore {
  double plain = 0, aligned = 0;
};

struct MeshScores {
  // Vertex by vertex; nothing where predicted meshes have another number of them.
  std::optional<DistanceScores> plain, aligned;
  std::array<MatchScore, kMatchLimits.size()> f{};
};

// Metres in camera space: meshes [N, V, 3], of one V, and [N, 778, 3], joints [N, 21, 3].
struct MeshPairs {
  std::span<const float> predicted, truth, predicted_joints, true_joints;
};

// Meshes of 778 vertices are aligned by them, others by their joints as the official code does it:
// turned about their own middle, which is moved as the joints' is, and scaled without dividing by
// the size of the predicted joints. The same bits for any number of threads. Throws Error(failure)
// if sizes do not fit, Error(data) if there is no mesh or a vertex is not finite.
MeshScores score_meshes(const MeshPairs& pairs);

}  // namespace peclr
