// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl: numbers that read back, lines that survive a kill, and the cut on resume.
#include "tools/run/json_lines.h"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <csignal>
#include <limits>
#include <nlohmann/json.hpp>

#include "kernels/random.h"
#include "tests/support/files.h"

namespace peclr {
namespace {

using test::caught;
using test::read_bytes;
using test::TempFolder;
using test::write_bytes;

TEST_CASE("json lines: one object a line, in the order given") {
  JsonLine line;
  line.add("step", 3)
      .add("loss", 0.1f)
      .add("lr", 0.1)
      .add("ok", true)
      .add("who", "a\"b\n\xff")
      .add("bad", std::nan(""));
  line.add("inf", std::numeric_limits<float>::infinity())
      .add("big", std::int64_t{1} << 60)
      .add("whole", 2.0);
  CHECK(line.text() ==
        "{\"step\": 3, \"loss\": 0.1, \"lr\": 0.1, \"ok\": true, \"who\": "
        "\"a\\\"b\\n\xEF\xBF\xBD\", \"bad\": null, "
        "\"inf\": null, \"big\": 1152921504606846976, \"whole\": 2}");
  CHECK(JsonLine().text() == "{}");
}

TEST_CASE("json lines: numbers read back to the same bits") {
  Rng rng = Rng::of(11);
  for (int i = 0; i < 20'000; ++i) {
    const auto d = std::bit_cast<double>(rng.next());
    const auto f = std::bit_cast<float>(static_cast<std::uint32_t>(rng.next()));
    const auto json = nlohmann::json::parse(JsonLine().add("d", d).add("f", f).text());
    if (std::isfinite(d))
      REQUIRE(json["d"].get<double>() == d);
    else
      REQUIRE(json["d"].is_null());
    if (std::isfinite(f))
      REQUIRE(static_cast<float>(json["f"].get<double>()) == f);
    else
      REQUIRE(json["f"].is_null());
  }
}

TEST_CASE("json lines: appended, and there at once") {
  const TempFolder folder;
  JsonLines lines(folder / "m.jsonl");
  lines.write(JsonLine().add("step", 1));
  CHECK(read_bytes(folder / "m.jsonl") == "{\"step\": 1}\n");
  JsonLines again(folder / "m.jsonl");
  again.write(JsonLine().add("step", 2));
  CHECK(read_bytes(folder / "m.jsonl") == "{\"step\": 1}\n{\"step\": 2}\n");
  CHECK(caught([&] { JsonLines(folder / "absent/m.jsonl"); }).names("No such file"));
}

TEST_CASE("json lines: a disk that refuses leaves whole lines") {
  const TempFolder folder;
  JsonLines lines(folder / "m.jsonl");
  const std::string long_text(400, 'x');
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit lower{1000, limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &lower);
  test::Caught error;
  for (int step = 0; step < 3 && error.kind == 0; ++step)
    error = caught([&] { lines.write(JsonLine().add("step", step).add("text", long_text)); });
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, before);
  CHECK((error.kind == 1 && error.one_line() && error.names("m.jsonl")));
  const std::string text = read_bytes(folder / "m.jsonl");
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
  CHECK(text.ends_with("}\n"));
}

TEST_CASE("json lines: cut back to a step") {
  const TempFolder folder;
  const std::string path = folder / "m.jsonl";
  cut_json_lines(path, 5);
  CHECK_FALSE(std::filesystem::exists(path));

  const std::string kept = "{\"step\": 1}\n{\"epoch\":1,\"step\":2,\"loss\":null}\n";
  write_bytes(path, kept + "{\"step\": 3}\n{\"step\": 4");
  cut_json_lines(path, 2);
  CHECK(read_bytes(path) == kept);
  cut_json_lines(path, 2);
  CHECK(read_bytes(path) == kept);

  // A last line that is whole but for its end of line may be half of "{...}": not to be trusted.
  // Garbage goes, too.
  const std::string zeros(16, '\0');
  write_bytes(path, kept + zeros + "\n[1]\n{\"step\":\"x\"}\n{\"step\":1.5}\n\n" +
                        std::string(100'000, '[') + "\n{\"step\": 2}");
  cut_json_lines(path, 2);
  CHECK(read_bytes(path) == kept);
  cut_json_lines(path, 0);
  CHECK(read_bytes(path).empty());
}

}  // namespace
}  // namespace peclr
