// SPDX-License-Identifier: Apache-2.0
#include "models/onnx_pose.h"

#include "kernels/pose.h"

namespace peclr {
namespace {

using Value = std::string;
using Values = std::vector<Value>;
using Ints = std::vector<std::int64_t>;

// Nodes over [batch, n].
class Rows {
 public:
  explicit Rows(OnnxGraph& graph) : graph_(graph) {}

  Value add(const Value& a, const Value& b) { return graph_.node("Add", {a, b}); }
  Value sub(const Value& a, const Value& b) { return graph_.node("Sub", {a, b}); }
  Value mul(const Value& a, const Value& b) { return graph_.node("Mul", {a, b}); }
  Value div(const Value& a, const Value& b) { return graph_.node("Div", {a, b}); }
  Value clipped(const Value& x, float low, float high) {
    return graph_.node("Clip", {x}, {{"min", low}, {"max", high}});
  }
  Value concat(const Values& parts, std::int64_t axis = 1) {
    return graph_.node("Concat", parts, {{"axis", axis}});
  }
  // Columns begin..end of x.
  Value columns(const Value& x, std::int64_t begin, std::int64_t end) {
    return graph_.node("Slice", {x, graph_.constant(Ints{begin}), graph_.constant(Ints{end}),
                                 graph_.constant(Ints{1})});
  }
  Value column(const Value& x, int i) { return columns(x, i, i + 1); }
  // [batch, 1] -> [batch, 21]
  Value once_a_joint(const Value& x) { return concat(Values(kJoints, x)); }
  // [batch, 21] each -> [batch, 21, n]
  Value interleaved(const Values& columns) {
    Values parts;
    for (const Value& x : columns)
      parts.push_back(graph_.node("Reshape", {x, graph_.constant(Ints{-1, kJoints, 1})}));
    return concat(parts, 2);
  }
  Value square_root(const Value& x) { return graph_.node("Sqrt", {x}); }
  Value minus_one(const Value& x) { return add(x, graph_.constant({1, 1}, std::vector{-1.f})); }

 private:
  OnnxGraph& graph_;
};

// kernels/pose25d.h, back_project.
OnnxRays rays_of(Rows& g, const OnnxCamera& k, const OnnxPixels& pixels) {
  const Value determinant = g.sub(g.mul(k.a, k.d), g.mul(k.b, k.c));
  const Value u = g.sub(pixels.u, k.cx), v = g.sub(pixels.v, k.cy);
  return {g.div(g.sub(g.mul(k.d, u), g.mul(k.b, v)), determinant),
          g.div(g.sub(g.mul(k.a, v), g.mul(k.c, u)), determinant)};
}

// The larger root of a Z^2 + b Z + c, kernels/pose25d.h, root_depth_of_bone. With rays p, q and
// relative depths s, t of the bone's ends, d = p - q and e = s p - t q: a = d.d, b = 2 d.e,
// c = e.e + (s - t)^2 - 1.
Value root_depth(Rows& g, const OnnxRays& rays, const Value& z_rel) {
  constexpr int from = freihand_from_ait(kPalmNetwork.from),
                to = freihand_from_ait(kPalmNetwork.to);
  const Value s = g.column(z_rel, from), t = g.column(z_rel, to), st = g.sub(s, t);
  struct Ends {
    Value d, e;  // of one coordinate
  };
  const auto ends = [&](const Value& x) -> Ends {
    const Value p = g.column(x, from), q = g.column(x, to);
    return {g.sub(p, q), g.sub(g.mul(s, p), g.mul(t, q))};
  };
  const Ends x = ends(rays.x), y = ends(rays.y);
  const Value a = g.add(g.mul(x.d, x.d), g.mul(y.d, y.d));
  const Value half_b = g.add(g.mul(x.d, x.e), g.mul(y.d, y.e));
  const Value c = g.minus_one(g.add(g.add(g.mul(x.e, x.e), g.mul(y.e, y.e)), g.mul(st, st)));
  // (-b + sqrt(b^2 - 4 a c)) / (2 a), each part halved.
  constexpr float kFloor = static_cast<float>(kRootFloor), kAny = 3e38f;
  const Value discriminant = g.sub(g.mul(half_b, half_b), g.mul(a, c));
  const Value root = g.square_root(g.clipped(discriminant, kFloor / 4, kAny));
  const Value depth = g.div(g.sub(root, half_b), g.clipped(a, kFloor, kAny));
  return g.clipped(depth, static_cast<float>(kMinRootDepth), static_cast<float>(kMaxRootDepth));
}

// The wrist, on the line from the middle knuckle through the palm, in the palm's place:
// kernels/pose25d.h, freihand_from_network.
Value with_wrist(Rows& g, const Value& x) {
  const Value palm = g.column(x, kWrist), knuckle = g.column(x, kMiddleMcp);
  return g.concat({g.sub(g.add(palm, palm), knuckle), g.columns(x, kWrist + 1, kJoints)});
}

}  // namespace

OnnxCamera onnx_camera(OnnxGraph& graph, const Value& camera) {
  Rows g(graph);
  const Value rows = graph.node("Flatten", {camera}, {{"axis", std::int64_t{1}}});
  const auto element = [&](int i) { return g.once_a_joint(g.column(rows, i)); };
  return {element(0), element(1), element(2), element(3), element(4), element(5)};
}

int refinement_column(int i) {
  const int joint = ait_from_freihand(i % kJoints);
  switch (i / kJoints) {
    case 0:
      return joint;
    case 1:
      return kJoints + 2 * joint;
    case 2:
      return kJoints + 2 * joint + 1;
    default:
      return kHeadWidth - 1;
  }
}

OnnxLift onnx_lift(OnnxGraph& graph, const OnnxCamera& camera, const OnnxPixels& pixels) {
  Rows g(graph);
  OnnxLift out{rays_of(g, camera, pixels), pixels.z_rel, {}, {}};
  out.root = root_depth(g, out.rays, out.z_rel);
  out.refinement_input = g.concat({out.z_rel, out.rays.x, out.rays.y, out.root});
  return out;
}

OnnxHand onnx_recover(OnnxGraph& graph, const OnnxCamera& camera, const OnnxLift& lift,
                      const Value& refined) {
  Rows g(graph);
  const Value depth = g.add(lift.z_rel, g.once_a_joint(refined));
  const Value x = with_wrist(g, g.mul(lift.rays.x, depth)),
              y = with_wrist(g, g.mul(lift.rays.y, depth)), z = with_wrist(g, depth);
  const auto pixel = [&](const Value& along_x, const Value& along_y, const Value& centre) {
    return g.add(g.div(g.add(g.mul(along_x, x), g.mul(along_y, y)), z), centre);
  };
  return {g.interleaved({x, y, z}), g.interleaved({pixel(camera.a, camera.b, camera.cx),
                                                   pixel(camera.c, camera.d, camera.cy)})};
}

}  // namespace peclr
