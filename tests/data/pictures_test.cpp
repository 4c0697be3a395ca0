// SPDX-License-Identifier: Apache-2.0
// Picture sets: FreiHAND's layout with its labels, folders with classes, and what is wrong with
// either.
#include "data/pictures.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>

#include "data/folder.h"
#include "tests/support/files.h"

using namespace peclr;
using test::Caught;
using test::caught;
using test::TempFolder;

namespace {

namespace fs = std::filesystem;

void touch(const TempFolder& folder, const std::string& name) {
  fs::create_directories((folder.path() / name).parent_path());
  test::write_bytes(folder / name, "");
}

std::string json(int entries, const std::string& entry) {
  std::string text = "[";
  for (int i = 0; i < entries; ++i) text += (i > 0 ? "," : "") + entry;
  return text + "]";
}

// 21 joints; joint j of every entry at (j / 100, 0, 0.5).
std::string joints_entry(const std::string& last_z = "0.5") {
  std::string text = "[";
  for (int j = 0; j < kJoints; ++j) {
    text += fmt::format("{}[{},0.0,{}]", j > 0 ? "," : "", 0.01 * j, j == 20 ? last_z : "0.5");
  }
  return text + "]";
}

constexpr const char* kCamera = "[[400.0,0.0,112.0],[0.0,410.0,112.0],[0.0,0.0,1.0]]";

// FreiHAND's layout with `labels` hands in `versions` pictures each.
void write_set(const TempFolder& folder, const std::string& split, int labels, int versions) {
  for (int i = 0; i < labels * versions; ++i) {
    touch(folder, fmt::format("{}/rgb/{:08d}.jpg", split, i));
  }
  test::write_bytes(folder / (split + "_K.json"), json(labels, kCamera));
  test::write_bytes(folder / (split + "_xyz.json"), json(labels, joints_entry()));
  test::write_bytes(folder / (split + "_scale.json"), json(labels, "0.03"));
}

bool refused(const TempFolder& folder, Split split, std::string_view part,
             std::string_view other = "") {
  const Caught error = caught([&] { open_pictures(folder.path(), split); });
  INFO(error.text);
  const bool good = error.kind == static_cast<int>(ErrorKind::data) && error.one_line() &&
                    error.names(part) && error.names(other);
  CHECK(good);
  return good;
}

}  // namespace

TEST_CASE("FreiHAND's layout") {
  const TempFolder folder;
  write_set(folder, "training", 3, 2);
  write_set(folder, "evaluation", 2, 1);
  touch(folder, "training/mask/00000000.jpg");

  PictureSet set = open_pictures(folder.path(), Split::training);
  CHECK(set.size() == 6);
  CHECK(set.files[4] == "training/rgb/00000004.jpg");
  CHECK(set.known == Known::joints);
  REQUIRE(set.labels.size() == 3);
  CHECK(&set.label(4) == &set.labels[1]);
  CHECK(set.labels[2].K.m[4] == 410);
  CHECK(set.labels[2].xyz[7].x == 0.07f);
  CHECK(set.labels[2].scale == 0.03f);
  CHECK(set.class_names.empty());
  CHECK(open_pictures(folder.path(), Split::evaluation).size() == 2);
  // The way round the labels that README.md names: the pictures' own folder is a plain one.
  const PictureSet plain = open_pictures(folder / "training/rgb", Split::training);
  CHECK((plain.known == Known::nothing && plain.size() == 6 && plain.labels.empty()));

  fs::remove(folder / "training_scale.json");  // computed: joints 9 and 10 are 1 cm apart
  CHECK(std::abs(open_pictures(folder.path(), Split::training).labels[0].scale - 0.01f) < 1e-6f);

  fs::remove(folder / "evaluation_xyz.json");
  set = open_pictures(folder.path(), Split::evaluation);
  CHECK(set.known == Known::camera);
  CHECK(set.labels[1].scale == 0.03f);
  fs::remove(folder / "evaluation_scale.json");
  refused(folder, Split::evaluation, "evaluation_scale.json");
}

TEST_CASE("cameras that are the identity: only pixels are known") {
  const TempFolder folder;
  write_set(folder, "training", 2, 1);
  const std::string none = "[[1,0,0],[0,1,0],[0,0,1]]";
  test::write_bytes(folder / "training_K.json", json(2, none));
  const PictureSet set = open_pictures(folder.path(), Split::training);
  CHECK(set.known == Known::pixels);
  CHECK((has_pixels(set.known) && !has_camera(set.known)));
  test::write_bytes(folder / "training_K.json", "[" + none + "," + kCamera + "]");
  refused(folder, Split::training, "training_K.json", "entry 1 has a camera");
}

TEST_CASE("labels that cannot be are refused by file and entry") {
  const TempFolder folder;
  const std::string cameras = folder / "training_K.json", joints = folder / "training_xyz.json",
                    scales = folder / "training_scale.json";
  const std::string camera = kCamera;
  auto fresh = [&] { write_set(folder, "training", 3, 2); };
  auto entry_1 = [](const std::string& good, const std::string& bad) {
    return "[" + good + "," + bad + "," + good + "]";
  };

  fresh();
  test::write_bytes(joints, json(2, joints_entry()));
  refused(folder, Split::training, "training_xyz.json: holds 2 entries", "training_K.json holds 3");
  fresh();
  test::write_bytes(scales, json(4, "0.03"));
  refused(folder, Split::training, "training_scale.json: holds 4 entries");
  fresh();
  test::write_bytes(joints, entry_1(joints_entry(), joints_entry("NaN")));
  refused(folder, Split::training, "training_xyz.json", "entry 1, [20][2]");
  for (const std::string z : {"0", "-0.4"}) {
    test::write_bytes(joints, entry_1(joints_entry(), joints_entry(z)));
    refused(folder, Split::training, "joint 20 of entry 1", "front of the camera");
  }
  fresh();
  test::write_bytes(joints, json(3, joints_entry()).substr(0, 800));
  refused(folder, Split::training, "training_xyz.json", "cut");
  fresh();
  test::write_bytes(cameras, entry_1(camera, "[[0.0,0,112],[0,410,112],[0,0,1]]"));
  refused(folder, Split::training, "training_K.json: entry 1", "focal");
  test::write_bytes(cameras, entry_1(camera, "[[400,0,112],[0,410,112],[0,0,2]]"));
  refused(folder, Split::training, "training_K.json: entry 1", "form");
  test::write_bytes(cameras, "[]");
  refused(folder, Split::training, "training_K.json: holds no entries");
  fresh();
  test::write_bytes(scales, "[0.03,0,0.03]");
  refused(folder, Split::training, "training_scale.json: entry 1");
}

TEST_CASE("pictures that do not fit the labels are refused") {
  const TempFolder folder;
  write_set(folder, "training", 3, 2);
  fs::remove(folder / "training/rgb/00000005.jpg");
  refused(folder, Split::training, "5 pictures are no multiple of the 3 labels");
  touch(folder, "training/rgb/00000005.jpg");
  fs::remove(folder / "training/rgb/00000002.jpg");
  refused(folder, Split::training, "picture 2 is missing", "00000003.jpg");
  fs::remove_all(folder / "training/rgb");
  refused(folder, Split::training, "training/rgb", "no such folder");
}

TEST_CASE("a FreiHAND folder without the split asked for") {
  const TempFolder folder;
  write_set(folder, "training", 2, 1);
  refused(folder, Split::evaluation, "no evaluation_K.json");
  write_set(folder, "evaluation", 2, 1);
  fs::remove(folder / "training_K.json");
  refused(folder, Split::training, "no training_K.json");
  // Only an evaluation part: pictures to learn from without labels.
  fs::remove_all(folder / "training");
  const PictureSet set = open_pictures(folder.path(), Split::training);
  CHECK(set.size() == 2);
  CHECK(set.known == Known::nothing);
}

TEST_CASE("pictures of FreiHAND's layout without any labels: a run that was stopped left them") {
  for (const Split split : {Split::training, Split::evaluation}) {
    const TempFolder folder;
    const std::string name = name_of(split);
    touch(folder, name + "/rgb/00000000.jpg");
    touch(folder, "other.jpg");
    refused(folder, split, fmt::format("holds {0}/rgb but no {0}_K.json", name),
            "give " + (folder / name) + "/rgb itself");
    CHECK(open_pictures(folder / (name + "/rgb"), split).size() == 1);
  }
}

TEST_CASE("a folder of pictures: recursive, sorted, with classes") {
  const TempFolder folder;
  for (const char* name :
       {"in/b/2.JPG", "in/b/10.jpeg", "in/a/deep/x.PNG", "in/a/1.bmp", "in/B/y.tga", "in/top.ppm",
        "in/b/notes.txt", "in/b/._2.jpg", "in/.hidden/z.jpg", "in/b/3.jpe", "in/b/4.PGM",
        "in/b/5.pnm", "in/b/6.heic"}) {
    touch(folder, name);
  }
  const PictureSet set = open_pictures(folder.path(), Split::training);
  CHECK(set.known == Known::nothing);
  CHECK(set.labels.empty());
  CHECK(set.files == std::vector<std::string>{"in/B/y.tga", "in/a/1.bmp", "in/a/deep/x.PNG",
                                              "in/b/10.jpeg", "in/b/2.JPG", "in/b/3.jpe",
                                              "in/b/4.PGM", "in/b/5.pnm", "in/top.ppm"});
  CHECK(list_files(folder.path(), kUnreadEndings) == std::vector<std::string>{"in/b/6.heic"});
  CHECK(set.class_names == std::vector<std::string>{"B", "a", "b"});
  CHECK(set.classes == std::vector<int>{0, 1, 1, 2, 2, 2, 2, 2, -1});
}

TEST_CASE("classes: names that begin alike, and a single folder") {
  const TempFolder alike;
  touch(alike, "hand/1.jpg");
  touch(alike, "hands/1.jpg");
  CHECK(open_pictures(alike.path(), Split::training).class_names ==
        std::vector<std::string>{"hand", "hands"});
  const TempFolder single;
  touch(single, "all/1.jpg");
  touch(single, "all/2.jpg");
  const PictureSet set = open_pictures(single.path(), Split::training);
  CHECK(set.class_names.empty());
  CHECK(set.classes == std::vector<int>{-1, -1});
}

TEST_CASE("links: followed, never round in circles, each folder once") {
  const TempFolder folder, elsewhere;
  touch(folder, "real/a.jpg");
  touch(elsewhere, "b.jpg");
  fs::create_directory_symlink(folder.path(), folder / "real/back");
  fs::create_directory_symlink(folder / "real", folder / "again");
  fs::create_directory_symlink(elsewhere.path(), folder / "outside");
  fs::create_symlink("nowhere", folder / "real/gone.jpg");
  fs::create_symlink("self.jpg", folder / "real/self.jpg");
  // "again" comes before "real" and is the same folder. Broken links are pictures that cannot be
  // read.
  CHECK(list_pictures(folder.path()) == std::vector<std::string>{"again/a.jpg", "again/gone.jpg",
                                                                 "again/self.jpg",
                                                                 "outside/b.jpg"});
}

TEST_CASE("folders without pictures are refused") {
  const TempFolder folder;
  refused(folder, Split::training, folder.path().string(), "no pictures");
  touch(folder, "readme.txt");
  refused(folder, Split::training, ".jpg .jpeg .png");
  CHECK(caught([&] { open_pictures(folder / "none", Split::training); }).names("no such folder"));
  CHECK(
      caught([&] { open_pictures(folder / "readme.txt", Split::training); }).names("not a folder"));
}

TEST_CASE("a fraction of the labels: by label, nested, repeatable") {
  const TempFolder folder;
  write_set(folder, "training", 50, 3);
  for (int i = 0; i < 50; ++i) {  // an entry that tells which it is
    std::string scales = "[0.001";
    for (int k = 1; k < 50; ++k) scales += fmt::format(",{}", 0.001 * (k + 1));
    if (i == 0) test::write_bytes(folder / "training_scale.json", scales + "]");
  }
  const PictureSet all = open_pictures(folder.path(), Split::training);
  auto kept = [&](double fraction, std::uint64_t seed) {
    PictureSet set = all;
    keep_labels(set, fraction, seed);
    std::set<int> ids;
    for (std::int64_t i = 0; i < set.size(); ++i) {
      const int number = std::stoi(fs::path(set.files[std::size_t(i)]).stem().string());
      const int id = number % 50;
      ids.insert(id);
      CHECK(set.label(i).scale == all.labels[std::size_t(id)].scale);  // still its own label
    }
    CHECK(set.files.size() == 3 * ids.size());  // all versions
    CHECK(set.labels.size() == ids.size());
    return ids;
  };
  const std::set<int> tenth = kept(0.1, 5), half = kept(0.5, 5);
  CHECK(tenth.size() == 5);
  CHECK(half.size() == 25);
  CHECK(std::includes(half.begin(), half.end(), tenth.begin(), tenth.end()));
  CHECK(kept(0.1, 5) == tenth);
  CHECK(kept(0.1, 6) != tenth);
  CHECK(kept(0.056, 5).size() == 3);  // 2.8 of 50
  CHECK(kept(0.001, 5).size() == 1);
  CHECK(kept(1, 5).size() == 50);
  for (const double bad : {0.0, -0.1, 1.1, std::nan("")}) {
    PictureSet set = all;
    CHECK(caught([&] { keep_labels(set, bad, 1); }).kind == static_cast<int>(ErrorKind::usage));
  }
  PictureSet unlabelled;
  CHECK(caught([&] { keep_labels(unlabelled, 0.5, 1); }).kind == static_cast<int>(ErrorKind::data));
}

TEST_CASE("a part of the labels is held out, the same for everybody") {
  PictureSet all;
  all.known = Known::joints;
  for (int i = 0; i < 200; ++i) {
    all.files.push_back(std::to_string(i));  // two versions of 100 labels
    if (i >= 100) continue;
    all.labels.emplace_back();
    all.labels.back().scale = static_cast<float>(i);
  }
  const auto ids = [&](double fraction, Part part) {
    PictureSet set = all;
    keep_part(set, fraction, part);
    std::vector<int> found;
    for (std::int64_t i = 0; i < set.size(); ++i) {
      found.push_back(std::stoi(set.files[std::size_t(i)]));
      CHECK(set.label(i).scale == static_cast<float>(found.back() % 100));  // still its own label
    }
    return found;
  };
  const std::vector<int> held = ids(0.1, Part::held_out), learned = ids(0.1, Part::learned);
  CHECK(held.size() == 20);
  CHECK(held.front() < 100);
  CHECK(held[10] == held[0] + 100);  // both versions
  std::set<int> together(held.begin(), held.end());
  together.insert(learned.begin(), learned.end());
  CHECK(together.size() == 200);
  CHECK(learned.size() == 180);
  CHECK(held != ids(0.1, Part::learned));
  const std::vector<int> more = ids(0.2, Part::held_out);
  CHECK(std::includes(more.begin(), more.end(), held.begin(), held.end()));
  CHECK(ids(0.001, Part::held_out).size() == 2);
  for (const double bad : {0.0, 1.0, -0.1, std::nan("")})
    CHECK(caught([&] { ids(bad, Part::learned); }).kind == static_cast<int>(ErrorKind::usage));
  all.labels.resize(1);
  all.files.resize(1);
  CHECK(caught([&] { ids(0.5, Part::learned); }).names("leave none"));
}

TEST_CASE("the camera of a box-reduced picture") {
  const Mat3f K{{480, 1.5f, 120, 0, 470, 103, 0, 0, 1}};
  const Vec3f point = {0.07f, -0.04f, 0.6f};
  for (const int factor : {1, 2, 7}) {
    const Vec2f before = project(K, point), after = project(reduced_camera(K, factor), point);
    // The reduced pixel k has its centre in the middle of pixels factor * k .. factor * k + factor
    // - 1.
    CHECK(std::abs(factor * after.x + 0.5 * (factor - 1) - before.x) < 1e-3);
    CHECK(std::abs(factor * after.y + 0.5 * (factor - 1) - before.y) < 1e-3);
  }
}
