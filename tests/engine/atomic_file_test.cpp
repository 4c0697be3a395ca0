// SPDX-License-Identifier: Apache-2.0
// The old file or the new one, never half of one: writers that are killed, disks that refuse,
// folders that are not there.
#include "engine/files/atomic_file.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/support/files.h"

namespace peclr {
namespace {

using test::caught;
using test::read_bytes;
using test::TempFolder;
using test::write_bytes;

// No file may grow beyond `bytes` while this lives: what a full disk looks like to write(2).
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : before_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit lower{bytes, limit_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &lower);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }

 private:
  rlimit limit_{};
  void (*before_)(int);
};

std::size_t entries(const TempFolder& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

TEST_CASE("atomic file: appears only with commit, replaces the old one, leaves nothing beside it") {
  const TempFolder folder;
  write_bytes(folder / "f", "old");
  {
    AtomicFile file(folder / "f");
    file.write("new ", 4);
    file.write("text", 4);
    CHECK(read_bytes(folder / "f") == "old");
    file.commit();
    CHECK(read_bytes(folder / "f") == "new text");
  }
  CHECK(entries(folder) == 1);
  { AtomicFile abandoned(folder / "f"); }
  CHECK(read_bytes(folder / "f") == "new text");
  CHECK(entries(folder) == 1);
  write_file_atomically(folder / "empty", "");
  CHECK(std::filesystem::file_size(folder / "empty") == 0);
}

TEST_CASE("atomic file: killed while writing, the old file stays and the next write succeeds") {
  const TempFolder folder;
  write_file_atomically(folder / "f", "old");
  for (const bool after_write : {false, true}) {
    const pid_t child = fork();
    if (child == 0) {
      AtomicFile file(folder / "f");
      if (after_write) file.write("half of the new text", 20);
      kill(getpid(), SIGKILL);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    CHECK(read_bytes(folder / "f") == "old");
    CHECK(entries(folder) ==
          2);  // what the killed one left; the planted fault that the next write must get over
  }
  write_file_atomically(folder / "f", "new");
  CHECK(read_bytes(folder / "f") == "new");
  CHECK(entries(folder) == 1);
}

TEST_CASE(
    "atomic file: a write that the system refuses keeps the old file and names reason and remedy") {
  const TempFolder folder;
  write_bytes(folder / "f", "old");
  const std::string large(100'000, 'x');
  test::Caught error;
  {
    const FileSizeLimit limit(65'536);
    error = caught([&] { write_file_atomically(folder / "f", large); });
  }
  INFO(error.text);
  CHECK((error.kind == 1 && error.one_line() && error.names(folder / "f")));
  CHECK(error.names("File too large"));
  CHECK(error.names("ulimit"));
  CHECK(read_bytes(folder / "f") == "old");
  CHECK(entries(folder) == 1);
  write_file_atomically(folder / "f", large);
  CHECK(read_bytes(folder / "f") == large);
}

TEST_CASE("atomic file: places where nothing can be written") {
  const TempFolder folder;
  write_bytes(folder / "file", "");
  std::filesystem::create_directory(folder / "taken");
  const auto error = [&](const std::string& path) {
    return caught([&] { write_file_atomically(path, "x"); });
  };
  CHECK(error(folder / "absent/f").names("create the folder"));
  CHECK(error(folder / "file/f").names("Not a directory"));
  CHECK(error(folder / "taken").names("Is a directory"));
  CHECK_FALSE(std::filesystem::exists(folder / "taken.tmp"));
  // A link planted under the temporary name must not lead the write elsewhere.
  std::filesystem::create_symlink(folder / "file", folder / "f.tmp");
  CHECK(error(folder / "f").kind == 1);
  CHECK(read_bytes(folder / "file").empty());

  std::filesystem::create_directory(folder / "closed");
  std::filesystem::permissions(folder / "closed", std::filesystem::perms::owner_read);
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  const bool root = geteuid() == 0;  // root may write everywhere
  if (root) REQUIRE(seteuid(65534) == 0);
  const auto refused = error(folder / "closed/f");
  if (root) REQUIRE(seteuid(0) == 0);
  INFO(refused.text);
  CHECK((refused.kind == 1 && refused.names("Permission denied") &&
         refused.names("make the folder writable")));
}

TEST_CASE("atomic file: two writers of one file do not mix") {
  const TempFolder folder;
  AtomicFile first(folder / "f");
  CHECK(caught([&] { AtomicFile second(folder / "f"); }).names("another process"));
  first.write("1", 1);
  first.commit();
  write_file_atomically(folder / "f", "2");
  CHECK(read_bytes(folder / "f") == "2");
}

}  // namespace
}  // namespace peclr
