// SPDX-License-Identifier: Apache-2.0
// What labels look like: other orders of the joints, left hands and other units are named, and sets
// that are as they should be never are.
#include "data/label_look.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "data/freihand.h"
#include "data/synthetic/scene.h"
#include "tests/support/places.h"

using namespace peclr;

namespace {

using Labels = std::vector<HandLabel>;
using Order = std::vector<int>;  // which of FreiHAND's joints stands in each place

// As the sets' own papers and readers count, not by the program's tables. Thumb to little finger,
// a finger's joints from base to tip, as FreiHAND counts: 1, 5, 9, 13 and 17 are bases.
std::map<std::string, Order> other_orders() {
  const Order mano = {0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20};
  Order rings = {0}, tips_first, wrist_first = {0};
  for (int k = 0; k < 4; ++k)
    for (int finger = 0; finger < 5; ++finger) rings.push_back(1 + 4 * finger + k);
  for (int finger = 0; finger < 5; ++finger)
    for (int k = 3; k >= 0; --k) tips_first.push_back(1 + 4 * finger + k);
  wrist_first.insert(wrist_first.end(), tips_first.begin(), tips_first.end());
  tips_first.push_back(0);
  return {
      {"AIT's", rings}, {"MANO's", mano}, {"InterHand2.6M's", tips_first}, {"RHD's", wrist_first}};
}

Labels synthetic_labels(int count) {
  Labels labels;
  for (int i = 0; i < count; ++i)
    labels.push_back(
        synthetic::label_of(synthetic::sample_scene(17, static_cast<unsigned>(i), 224)));
  return labels;
}

Labels permuted(Labels labels, const Order& order) {
  for (HandLabel& label : labels) {
    const auto before = label.xyz;
    for (std::size_t j = 0; j < kJoints; ++j)
      label.xyz[j] = before[static_cast<std::size_t>(order[j])];
  }
  return labels;
}

Labels mirrored(Labels labels) {
  for (HandLabel& label : labels)
    for (Vec3f& p : label.xyz) p.x = -p.x;
  return labels;
}

Labels scaled(Labels labels, float by) {
  for (HandLabel& label : labels)
    for (Vec3f& p : label.xyz) p = {p.x * by, p.y * by, p.z * by};
  return labels;
}

std::string text(const char* name) { return name ? name : ""; }
std::string told(const Labels& labels) {
  const LabelLook look = look_of(labels);
  return text(look.order) + "/" + text(look.unit) + (look.left_hands() ? "/left" : "/");
}

// Everything that may be wrong with a set that is right.
void named_where_wrong(const Labels& good) {
  CHECK(told(good) == "//");
  CHECK(told(mirrored(good)) == "//left");
  CHECK(told(scaled(good, 100)) == "/centimetres/");
  CHECK(told(scaled(good, 1000)) == "/millimetres/");
  for (const auto& [name, order] : other_orders()) {
    INFO(name);
    const Labels other = permuted(good, order);
    CHECK(told(other) == name + "//");
    CHECK(told(mirrored(scaled(other, 1000))) == name + "/millimetres/left");
  }
}

// The bones' lengths together, as this order would have them.
float total(const HandLabel& label, const Order& order) {
  std::array<Vec3f, kJoints> p;
  for (std::size_t j = 0; j < kJoints; ++j) p[static_cast<std::size_t>(order[j])] = label.xyz[j];
  float sum = 0;
  for (int j = 1; j < kJoints; ++j) {
    const Vec3f a = p[std::size_t(j)], b = p[std::size_t(freihand_parent(j))];
    sum += std::hypot(a.x - b.x, a.y - b.y, a.z - b.z);
  }
  return sum;
}

Order freihand() {
  Order order;
  for (int j = 0; j < kJoints; ++j) order.push_back(j);
  return order;
}

}  // namespace

TEST_CASE("labels: another order, the other hand, another unit are named", "[labels]") {
  const Labels good = synthetic_labels(300);
  named_where_wrong(good);
  const LabelLook look = look_of(good), left = look_of(mirrored(good));
  CHECK((look.sided > 150 && look.left == 0));
  CHECK((left.sided == look.sided && left.left == look.sided));
}

TEST_CASE("labels: nothing is said of what is not clear", "[labels]") {
  const Labels good = synthetic_labels(1500);
  // Fists, whose bones together are shorter in another order than in their own.
  const Order own = freihand(), tips_first = other_orders().at("InterHand2.6M's");
  Labels fists;
  for (const HandLabel& label : good)
    if (total(label, tips_first) < total(label, own)) fists.push_back(label);
  CHECK(fists.size() > 50);
  CHECK(told(fists) == "//");
  // No order that is known: the little finger first, which makes a palm that is a left one's.
  Order little_first = {0};
  for (const int base : {17, 13, 9, 5, 1})
    for (int k = 0; k < 4; ++k) little_first.push_back(base + k);
  CHECK(told(permuted(good, little_first)) == "//");
  // Mixed from three orders, none of which most labels are in.
  Labels third(good.begin(), good.begin() + 200), mixture = third;
  for (const char* name : {"AIT's", "RHD's"}) {
    const Labels other = permuted(third, other_orders().at(name));
    mixture.insert(mixture.end(), other.begin(), other.end());
  }
  CHECK(told(mirrored(scaled(mixture, 1000))) == "//");
  // Lengths of the bone 9-10.
  Labels in_bones;
  for (const HandLabel& label : good) in_bones.push_back(scaled({label}, 1 / label.scale)[0]);
  CHECK(told(in_bones) == "//");
  // Some left hands among many: a few may be a fault of their labels.
  const Labels left = mirrored(good);
  const auto mixed = [&](std::ptrdiff_t count) {
    Labels labels(left.begin(), left.begin() + count);
    labels.insert(labels.end(), good.begin() + count, good.end());
    return told(labels);
  };
  CHECK((mixed(225) == "//" && mixed(600) == "//left"));
  // Too few to tell: of four hands nothing, of four left ones not that.
  const auto bent = std::find_if(good.begin(), good.end(), [](const HandLabel& label) {
    return look_of(Labels(5, label)).sided == 5;
  });
  REQUIRE(bent != good.end());
  Labels few(4, *bent);
  CHECK((told(scaled(few, 1000)) == "//" && told({}) == "//"));
  for (const HandLabel& label : mirrored(few)) few.push_back(label);
  CHECK((look_of(few).left == 4 && told(scaled(few, 1000)) == "/millimetres/"));
  CHECK(told(Labels(20)) == "//");  // all joints at one place
}

TEST_CASE("labels: real hands", "[labels]") {
  const std::filesystem::path set = test::in_shared("data/real_hands");
  if (set.empty()) return;
  for (const Split split : {Split::training, Split::evaluation})
    named_where_wrong(read_freihand_labels(set, split).labels);
}
