// SPDX-License-Identifier: Apache-2.0
#include "models/onnx_pose.h"

#include <functional>

#include "kernels/pose.h"

namespace peclr {
namespace {

using Value = std::string;
using Ints = std::vector<std::int64_t>;

// Nodes over [batch, n].
class Rows {
 public:
  explicit Rows(OnnxGraph& graph) : graph_(graph) {}

  Value add(const Value& a, const Value& b) { return graph_.node("Add", {a, b}); }
  Value sub(const Value& a, const Value& b) { return graph_.node("Sub", {a, b}); }
  Value mul(const Value& a, const Value& b) { return graph_.node("Mul", {a, b}); }
  Value div(const Value& a, const Value& b) { return graph_.node("Div", {a, b}); }
  Value concat(const std::vector<Value>& parts) {
    return graph_.node("Concat", parts, {{"axis", std::int64_t{1}}});
  }
  Value clipped(const Value& x, float low, float high) {
    return graph_.node("Clip", {x}, {{"min", low}, {"max", high}});
  }

  // x [batch, from] -> [batch, to]: element t is the sum of weight(f, t) x[f].
  Value combined(const Value& x, int from, int to, const std::function<float(int, int)>& weight) {
    std::vector<float> matrix;
    for (int f = 0; f < from; ++f)
      for (int t = 0; t < to; ++t) matrix.push_back(weight(f, t));
    return graph_.node("MatMul", {x, graph_.constant({from, to}, matrix)});
  }
  // Element t is x[source(t)].
  Value picked(const Value& x, int from, int to, const std::function<int(int)>& source) {
    return combined(x, from, to, [&](int f, int t) { return f == source(t) ? 1.f : 0.f; });
  }
  // Of each row: [batch, 1].
  Value sum(const Value& x, int from) {
    return combined(x, from, 1, [](int, int) { return 1.f; });
  }
  // [batch, 1] -> [batch, n]
  Value repeated(const Value& x, int n) {
    return combined(x, 1, n, [](int, int) { return 1.f; });
  }

 private:
  OnnxGraph& graph_;
};

// K's parts, each once a joint: [batch, 21].
struct Camera {
  Value a, b, cx, c, d, cy;  // u = a x + b y + cx, v = c x + d y + cy
};

Camera elements_of(Rows& g, const Value& K) {
  const auto element = [&](int i) { return g.picked(K, 9, kJoints, [i](int) { return i; }); };
  return {element(0), element(1), element(2), element(3), element(4), element(5)};
}

// kernels/pose25d.h, back_project.
OnnxRays rays_of(Rows& g, const Camera& k, const OnnxRays& uv) {
  const Value determinant = g.sub(g.mul(k.a, k.d), g.mul(k.b, k.c));
  const Value u = g.sub(uv.x, k.cx), v = g.sub(uv.y, k.cy);
  return {g.div(g.sub(g.mul(k.d, u), g.mul(k.b, v)), determinant),
          g.div(g.sub(g.mul(k.a, v), g.mul(k.c, u)), determinant)};
}

// The larger root of a Z^2 + b Z + c, kernels/pose25d.h, root_depth_of_bone. With rays p, q and
// relative depths s, t of the bone's ends, d = p - q and e = s p - t q: a = d.d, b = 2 d.e,
// c = e.e + (s - t)^2 - 1.
Value root_depth(Rows& g, OnnxGraph& graph, const OnnxRays& rays, const Value& z_rel) {
  const auto at = [&](const Value& x, int joint) {
    return g.picked(x, kJoints, 1, [joint](int) { return joint; });
  };
  const int from = kPalmNetwork.from, to = kPalmNetwork.to;
  const Value p = g.concat({at(rays.x, from), at(rays.y, from)}), s = at(z_rel, from);
  const Value q = g.concat({at(rays.x, to), at(rays.y, to)}), t = at(z_rel, to);
  const Value d = g.sub(p, q), e = g.sub(g.mul(p, g.repeated(s, 2)), g.mul(q, g.repeated(t, 2)));
  const Value st = g.sub(s, t);
  const Value a = g.sum(g.mul(d, d), 2), half_b = g.sum(g.mul(d, e), 2);
  const Value lengths = g.sum(g.concat({g.mul(e, e), g.mul(st, st)}), 3);
  const Value c = g.add(lengths, graph.constant({1, 1}, std::vector{-1.f}));
  // (-b + sqrt(b^2 - 4 a c)) / (2 a), each part halved.
  constexpr float kFloor = 1e-8f, kAny = 3e38f;
  const Value discriminant = g.sub(g.mul(half_b, half_b), g.mul(a, c));
  const Value root = graph.node("Sqrt", {g.clipped(discriminant, kFloor / 4, kAny)});
  const Value depth = g.div(g.sub(root, half_b), g.clipped(a, kFloor, kAny));
  return g.clipped(depth, static_cast<float>(kMinRootDepth), static_cast<float>(kMaxRootDepth));
}

// FreiHAND's joint t of the network's f, the wrist on the line from the knuckle through the palm:
// kernels/pose25d.h, freihand_from_network.
float freihand_share(int f, int t) {
  if (t != kWrist) return f == ait_from_freihand(t) ? 1.f : 0.f;
  return f == kAitPalm ? 2.f : f == ait_from_freihand(kMiddleMcp) ? -1.f : 0.f;
}

// [batch, 21] each -> [batch, 21, n]
Value interleaved(Rows& g, OnnxGraph& graph, const std::vector<Value>& columns) {
  const int n = static_cast<int>(columns.size());
  const Value flat = g.picked(g.concat(columns), n * kJoints, n * kJoints,
                              [n](int t) { return t % n * kJoints + t / n; });
  return graph.node("Reshape", {flat, graph.constant(Ints{-1, kJoints, n})});
}

}  // namespace

OnnxLift onnx_lift(OnnxGraph& graph, const Value& raw, const Value& camera) {
  Rows g(graph);
  const auto column = [&](int which) {
    return g.picked(raw, kHeadWidth, kJoints, [which](int j) { return 3 * j + which; });
  };
  OnnxLift out;
  out.rays = rays_of(g, elements_of(g, camera), {column(0), column(1)});
  out.z_rel = g.picked(raw, kHeadWidth, kJoints, [](int j) {
    return j == kPalmNetwork.root ? -1 : 3 * j + 2;  // nothing: the palm's is 0
  });
  out.root = root_depth(g, graph, out.rays, out.z_rel);
  const Value xy = g.picked(g.concat({out.rays.x, out.rays.y}), kRays, kRays,
                            [](int t) { return t % 2 * kJoints + t / 2; });
  out.refinement_input = g.concat({out.z_rel, xy, out.root});
  return out;
}

OnnxHand onnx_recover(OnnxGraph& graph, const OnnxLift& lift, const Value& refined,
                      const Value& camera) {
  Rows g(graph);
  const Camera k = elements_of(g, camera);
  const Value depth = g.add(lift.z_rel, g.repeated(refined, kJoints));
  const auto joints = [&](const Value& coordinate) {
    return g.combined(coordinate, kJoints, kJoints, freihand_share);
  };
  const Value x = joints(g.mul(lift.rays.x, depth)), y = joints(g.mul(lift.rays.y, depth)),
              z = joints(depth);
  const Value u = g.add(g.div(g.add(g.mul(k.a, x), g.mul(k.b, y)), z), k.cx);
  const Value v = g.add(g.div(g.add(g.mul(k.c, x), g.mul(k.d, y)), z), k.cy);
  return {interleaved(g, graph, {x, y, z}), interleaved(g, graph, {u, v})};
}

}  // namespace peclr
