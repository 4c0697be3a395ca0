// SPDX-License-Identifier: Apache-2.0
// Pictures that are bad in rarer ways than tests/tools/bad_input_test.cpp has: damaged PNGs, things
// that are no files, odd names, no right to read; and a machine that is at its limits, which must
// not pass for a bad picture.
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/support/refusals.h"

namespace peclr {
namespace {

namespace fs = std::filesystem;
using namespace test;

// Eight good pictures and, in turn, a bad one.
struct NinePictures {
  TempFolder folder;
  std::string set = pictures(folder, "set", 8);

  // Stops the run, as one of nine is more than data.max_bad = 0.01 allows; its one line names the
  // picture as `shown`. Where that is allowed, the picture is skipped, counted and named.
  void bad(const std::string& name, const std::string& shown, const std::string& fault,
           const ProgramOptions& options = {}) const {
    const Args args = pretrain(set, folder / "out");
    refused(args, kData, {"1 of 9 pictures", "data.max_bad = 0.01", shown, fault}, options);
    CHECK_FALSE(fs::exists(folder / "out/last.safetensors"));
    const ProgramResult skipped = run_peclr(args + Args{"data.max_bad=0.2"}, options);
    INFO(described(skipped));
    CHECK(skipped.exit_code == 0);
    CHECK(skipped.says("1 of 9 pictures could not be read and were skipped:\n  "));
    CHECK(skipped.last_line().starts_with("  " + set + "/" + shown + ": " + fault));
    fs::remove(set + "/" + name);
    fs::remove_all(folder / "out");
  }
  void bad(const std::string& name, const std::string& fault) const { bad(name, name, fault); }
  std::string path(const std::string& name) const { return set + "/" + name; }
};

TEST_CASE("bad input: PNGs that are cut or damaged") {
  const NinePictures nine;
  const std::string good = png();
  write_bytes(nine.path("cut.png"), good.substr(0, good.size() / 2));
  nine.bad("cut.png", "truncated PNG");
  write_bytes(nine.path("cut.png"), good.substr(0, good.size() - 12));  // only its end is missing
  nine.bad("cut.png", "truncated PNG");
  std::string damaged = good;
  const std::size_t data = good.find("IDAT");
  REQUIRE(data != std::string::npos);
  damaged[data + 40] ^= 4;
  write_bytes(nine.path("damaged.png"), damaged);
  nine.bad("damaged.png", "damaged PNG (a checksum at byte " + std::to_string(data - 4));
}

TEST_CASE("bad input: a picture of one pixel, and things that are no pictures") {
  const NinePictures nine;
  write_bytes(nine.path("dot.ppm"), "P6 1 1 255\nrgb");
  nine.bad("dot.ppm", "a picture of 1 x 1 pixels is too small");
  REQUIRE(::mkfifo(nine.path("pipe.jpg").c_str(), 0600) == 0);
  nine.bad("pipe.jpg", "this is a pipe or a device");  // and nobody waits for a writer
  fs::create_symlink("/dev/zero", nine.path("zero.jpg"));
  nine.bad("zero.jpg", "this is a pipe or a device");
  fs::create_symlink("circle.jpg", nine.path("circle.jpg"));
  nine.bad("circle.jpg", "cannot open: Too many levels of symbolic links; its links lead in");
  if (fs::exists("/proc/cpuinfo")) {
    fs::create_symlink("/proc/cpuinfo", nine.path("proc.jpg"));
    nine.bad("proc.jpg", "the file is empty");
  }
}

TEST_CASE("bad input: folders whose links lead in circles hold each picture once") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 3);
  fs::create_symlink("../set", set + "/again");
  fs::create_symlink("nowhere", set + "/nothing");
  fs::create_symlink("self", set + "/self");
  const ProgramResult result = run_peclr(pretrain(set, folder / "out"));
  INFO(described(result));
  CHECK(result.exit_code == 0);
  CHECK(result.says("on 3 pictures"));
}

TEST_CASE("bad input: a picture's name with a line break breaks no line") {
  const NinePictures nine;
  write_bytes(nine.path("a\nb\x1b[31m.jpg"), "no picture");
  nine.bad("a\nb\x1b[31m.jpg", "a\\x0Ab\\x1B[31m.jpg", "not a picture");
}

TEST_CASE("bad input: pictures and folders that may not be read") {
  const NinePictures nine;
  const ProgramOptions no_root{.obeys_modes = true};
  if (run_peclr({"info"}, no_root).exit_code == 126) {
    WARN("skipped: root cannot drop its rights here");
    return;
  }
  write_bytes(nine.path("mine.jpg"), jpeg());
  fs::permissions(nine.path("mine.jpg"), fs::perms::none);
  nine.bad("mine.jpg", "mine.jpg",
           "cannot open: Permission denied; give yourself the right to read it", no_root);
  // A folder that is closed may hold any number of pictures: never passed over.
  fs::create_directory(nine.path("closed"));
  fs::permissions(nine.path("closed"), fs::perms::none);
  const Args args = pretrain(nine.set, nine.folder / "out") + Args{"data.max_bad=0.9"};
  refused(args, kData, {nine.path("closed"), "cannot list the folder", "Permission denied"},
          no_root);
  refused(pretrain(nine.path("closed/inside"), nine.folder / "out"), kData,
          {nine.path("closed/inside"), "Permission denied"}, no_root);
  fs::permissions(nine.path("closed"), fs::perms::owner_all);
}

TEST_CASE("bad input: pictures in formats that are not read are told of, and only those") {
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 6), note = " files are not read (the first ";
  const Args train = pretrain(set, folder / "run") + Args{"--dry-run"};
  const Args predict{"predict", "init_from=" + hand_network(folder), "out=" + (folder / "out"),
                     "threads=1", "data.eval=" + set};
  for (const Args& args : {train, predict}) CHECK_FALSE(run_peclr(args).says(note));
  fs::create_directory(set + "/phone");
  for (const char* name : {"b.HEIC", "a.heic", "notes.txt"})
    write_bytes(set + "/phone/" + name, "x");
  for (const Args& args : {train, predict}) {
    const ProgramResult result = run_peclr(args);
    INFO(described(result));
    CHECK(result.exit_code == 0);
    CHECK(result.says(set + ": 2" + note + "phone/a.heic); convert them to JPEG or PNG\n"));
  }
}

// Three standard descriptors, and no more than the lock and the metrics need.
TEST_CASE("bad input: too many open files are the machine's fault, not a picture's") {
#if defined(__SANITIZE_ADDRESS__)
  WARN("skipped: the sanitizer itself opens files when it checks a type");
  return;
#endif
  const TempFolder folder;
  const std::string set = pictures(folder, "set", 40);
  for (const int files : {4, 5})
    refused(pretrain(set, folder / "out") + Args{"data.max_bad=1"}, kFailure,
            {"Too many open files", "raise the limit on open files (ulimit -n)"},
            {.open_files = files});
}

}  // namespace
}  // namespace peclr
