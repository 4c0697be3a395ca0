// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/surface.h"

namespace peclr::synthetic {
namespace {

constexpr float kStep = 2.5f;  // millimetres between grid points at the hand

std::vector<float> even(float low, float high) {
  std::vector<float> line;
  for (float x = low; x <= high; x += kStep) line.push_back(x);
  return line;
}

// From the fingertips down to beyond the wrist in even steps, then ever longer ones to the elbow.
std::vector<float> along_arm(float top) {
  std::vector<float> line;
  float step = kStep;
  for (float y = top; y > -kForearmLength - 40; y -= step) {
    line.insert(line.begin(), y);
    if (y < -60) step = std::min(step * 1.2f, 7.0f);
  }
  return line;
}

struct Grid {
  std::array<std::vector<float>, 3> line;
  std::vector<float> value;

  int size(int axis) const { return static_cast<int>(line[axis].size()); }
  std::int64_t stride(int axis) const {
    return axis == 0 ? 1 : axis == 1 ? size(0) : std::int64_t{size(0)} * size(1);
  }
  std::int64_t index(int x, int y, int z) const { return x + stride(1) * y + stride(2) * z; }
  Vec3f point(int x, int y, int z) const { return {line[0][x], line[1][y], line[2][z]}; }
};

void evaluate(const FleshField& field, Grid& grid) {
  grid.value.resize(static_cast<std::size_t>(grid.stride(2)) * grid.size(2));
  for (int z = 0; z < grid.size(2); ++z)
    for (int y = 0; y < grid.size(1); ++y)
      for (int x = 0; x < grid.size(0);) {
        const float d = field(grid.point(x, y, z));
        // A grid point nearer than |d| lies on the same side; the margin is for the field's
        // inexactness.
        const int sure = std::max(1, static_cast<int>((std::abs(d) * 0.7f - 3) / kStep));
        for (const int end = std::min(x + sure, grid.size(0)); x < end; ++x)
          grid.value[grid.index(x, y, z)] = d;
      }
}

// The mean of the crossings on the edges of the cell at (x, y, z).
Vec3f cell_point(const Grid& grid, int x, int y, int z) {
  Vec3f sum{0, 0, 0};
  int crossings = 0;
  for (int corner = 0; corner < 8; ++corner)
    for (int axis = 0; axis < 3; ++axis) {
      if (corner >> axis & 1) continue;
      const int other = corner | 1 << axis;
      const auto at = [&](int c, Vec3f& p) {
        const int cx = x + (c & 1), cy = y + (c >> 1 & 1), cz = z + (c >> 2 & 1);
        p = grid.point(cx, cy, cz);
        return grid.value[grid.index(cx, cy, cz)];
      };
      Vec3f a, b;
      const float va = at(corner, a), vb = at(other, b);
      if ((va < 0) == (vb < 0)) continue;
      sum = sum + mix(a, b, va / (va - vb));
      ++crossings;
    }
  return sum * (1.0f / static_cast<float>(crossings));
}

}  // namespace

Surface surface_of(const FleshField& field) {
  Grid grid{{even(-66, 78), along_arm(178), even(-46, 62)}, {}};
  evaluate(field, grid);

  Surface surface;
  std::vector<std::int32_t> vertex(grid.value.size(), -1);
  for (int z = 0; z + 1 < grid.size(2); ++z)
    for (int y = 0; y + 1 < grid.size(1); ++y)
      for (int x = 0; x + 1 < grid.size(0); ++x) {
        int inside = 0;
        for (int c = 0; c < 8; ++c)
          inside += grid.value[grid.index(x + (c & 1), y + (c >> 1 & 1), z + (c >> 2 & 1))] < 0;
        if (inside == 0 || inside == 8) continue;
        Vec3f p = cell_point(grid, x, y, z);
        for (int round = 0; round < 2; ++round) {  // Newton, never far
          const Vec3f g = field.gradient(p);
          p = p - g * (std::clamp(field(p), -1.5f, 1.5f) / std::max(dot(g, g), 0.25f));
        }
        vertex[grid.index(x, y, z)] = static_cast<std::int32_t>(surface.points.size());
        surface.points.push_back(p);
      }

  // A quad around each grid edge that crosses the skin.
  for (int z = 1; z + 1 < grid.size(2); ++z)
    for (int y = 1; y + 1 < grid.size(1); ++y)
      for (int x = 1; x + 1 < grid.size(0); ++x)
        for (int axis = 0; axis < 3; ++axis) {
          const std::int64_t here = grid.index(x, y, z);
          const bool in = grid.value[here] < 0;
          if (in == (grid.value[here + grid.stride(axis)] < 0)) continue;
          const std::int64_t u = grid.stride((axis + 1) % 3), v = grid.stride((axis + 2) % 3);
          std::array<std::int32_t, 4> quad{vertex[here - u - v], vertex[here - v], vertex[here],
                                           vertex[here - u]};
          if (!in) std::swap(quad[1], quad[3]);
          surface.triangles.push_back({quad[0], quad[1], quad[2]});
          surface.triangles.push_back({quad[0], quad[2], quad[3]});
        }
  return surface;
}

}  // namespace peclr::synthetic
