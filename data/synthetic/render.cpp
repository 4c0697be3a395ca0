// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/render.h"

#include "data/synthetic/background.h"
#include "data/synthetic/develop.h"
#include "data/synthetic/raster.h"

namespace peclr::synthetic {
namespace {

// The colour that a sample of the hand sends to the camera.
class Shader {
 public:
  Shader(const Scene& scene, const HandTemplate& hand, const PosedSkin& skin,
         const std::vector<std::int32_t>& seen, const LitSkin& lit,
         const std::vector<ScreenPoint>& points)
      : scene_(scene), hand_(hand), skin_(skin), lit_(lit), points_(points) {
    diffuse_.resize(points.size());
    half_way_.resize(points.size());
    for (const std::int32_t i : seen) {
      diffuse_[i] = albedo(scene.look, hand.vertices[i]) * lit.irradiance[i];
      half_way_[i] = normalized(scene.lighting.towards_lamp - normalized(skin.position[i]));
    }
  }

  Vec3f operator()(std::int32_t triangle, float x, float y) const {
    const auto& [corner, finger] = hand_.triangles[triangle];
    const auto& [a, b, c] = corner;
    const Vec3f w = barycentric(points_[a], points_[b], points_[c], x, y);
    const auto blend = [&](const std::vector<Vec3f>& v) {
      return v[a] * w.x + v[b] * w.y + v[c] * w.z;
    };
    const Vec3f colour = blend(diffuse_);
    SkinMark mark;
    float gloss = scene_.look.gloss;
    const SkinVertex &va = hand_.vertices[a], &vb = hand_.vertices[b], &vc = hand_.vertices[c];
    if (va.rest.y < -25) {
      if (scene_.look.sleeve && va.rest.y <= scene_.look.cuff) gloss *= 0.2f;
    } else {
      const auto place = finger >= 0 ? &SkinVertex::on_finger : &SkinVertex::on_palm;
      const SkinPlace &pa = va.*place, &pb = vb.*place, &pc = vc.*place;
      mark = skin_mark(scene_.look, finger,
                       {pa.along * w.x + pb.along * w.y + pc.along * w.z,
                        pa.across * w.x + pb.across * w.y + pc.across * w.z,
                        pa.palmar * w.x + pb.palmar * w.y + pc.palmar * w.z});
    }
    const float lamp =
        lit_.lamp_share[a] * w.x + lit_.lamp_share[b] * w.y + lit_.lamp_share[c] * w.z;
    return colour * mark.factor + highlight(dot(blend(skin_.normal), half_way_[a]),
                                            gloss * mark.shine * lamp, mark.shine > 2);
  }

 private:
  Vec3f highlight(float cosine, float gloss, bool hard) const {
    if (cosine <= 0.7f) return {0, 0, 0};
    float power = cosine * cosine;
    for (int i = 0; i < (hard ? 5 : 3); ++i) power *= power;  // 64th or 16th
    return scene_.lighting.lamp * (gloss * power);
  }

  const Scene& scene_;
  const HandTemplate& hand_;
  const PosedSkin& skin_;
  const LitSkin& lit_;
  const std::vector<ScreenPoint>& points_;
  std::vector<Vec3f> diffuse_, half_way_;
};

// The vertices that a triangle in sight may have: those on the far side of the hand need no light.
std::vector<std::int32_t> facing_vertices(const PosedSkin& skin,
                                          const std::vector<ScreenPoint>& points) {
  std::vector<std::int32_t> facing;
  for (std::size_t i = 0; i < points.size(); ++i)
    if (points[i].nearness > 0 &&
        dot(skin.normal[i], skin.position[i]) < 0.45f * skin.position[i].z)
      facing.push_back(static_cast<std::int32_t>(i));
  return facing;
}

// Puts what the samples of pixel (x, y) see of the hand before the background. Returns how many see
// it.
int resolve(const HandTemplate& hand, const Visibility& seen, const Shader& shade, int x, int y,
            Vec3f& pixel) {
  static_assert(kSamples == 2);
  const std::size_t first = static_cast<std::size_t>(2 * y) * seen.side + 2 * x,
                    second = first + seen.side;
  const std::array<std::int32_t, 4> triangle{seen.triangle[first], seen.triangle[first + 1],
                                             seen.triangle[second], seen.triangle[second + 1]};
  const auto sample = [&](int s) {
    return shade(triangle[s], static_cast<float>(2 * x + (s & 1)),
                 static_cast<float>(2 * y + (s >> 1)));
  };
  const auto part = [&](int s) {
    return triangle[s] < 0 ? -2 : hand.triangles[triangle[s]].finger;
  };
  const int whole = part(0);
  if (part(1) == whole && part(2) == whole && part(3) == whole) {
    if (whole == -2) return 0;
    pixel = (sample(0) + sample(3)) * 0.5f;  // nothing but smooth skin: two samples do
    return 4;
  }
  Vec3f sum{0, 0, 0};
  int hits = 0;
  for (int s = 0; s < 4; ++s)
    if (triangle[s] >= 0) {
      sum = sum + sample(s);
      ++hits;
    }
  pixel = pixel * (1 - static_cast<float>(hits) / 4) + sum * 0.25f;
  return hits;
}

}  // namespace

Photograph take_photograph(const Scene& scene, Rng& rng, int side) {
  const HandTemplate& hand = hand_template();
  const Articulation pose = articulate(scene.shape, scene.pose);
  const PosedSkin skin = pose_skin(hand, scene.shape, pose, scene.look, scene.view);
  const std::vector<ScreenPoint> points = project_skin(skin, scene.view, side);
  const std::vector<std::int32_t> facing = facing_vertices(skin, points);
  const Vec3f centre = to_camera(scene.view, pose.rest.joints[9] * (0.7f * scene.shape.metres));
  const LitSkin lit = light_skin(skin, facing, scene.lighting, centre);
  const Visibility seen = rasterize(hand, points, side * kSamples);
  const Shader shade(scene, hand, skin, facing, lit, points);

  std::vector<Vec3f> pixels = paint_background(rng, side, scene.look.back);
  std::vector<std::uint8_t> cover(pixels.size(), 0);
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const std::size_t at = static_cast<std::size_t>(y) * side + x;
      cover[at] = static_cast<std::uint8_t>(resolve(hand, seen, shade, x, y, pixels[at]));
    }
  return {develop(std::move(pixels), side, rng), std::move(cover)};
}

}  // namespace peclr::synthetic
