// SPDX-License-Identifier: Apache-2.0
// Images a second of the whole PeCLR step (peclr_step.h): by default ResNet-50, 2 x 512 views at
// 128 pixels, in bf16, beside the step's floor (gpu/step_work.h). The host's clock, from one step's
// loss on the host to the next's; as in the trainer, the device has the next step by then.
#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "benchmarks/gpu/machine.h"
#include "benchmarks/gpu/step_work.h"
#include "benchmarks/quartiles.h"
#include "engine/devices.h"
#include "engine/files/atomic_file.h"

namespace {

using namespace peclr;
using namespace peclr::bench;

struct Options {
  std::string device = PECLR_GPU_NAME, precision = "bf16", json;
  int gpu = 0, rounds = 20;
  PeclrStep::Options step{.depth = 50, .size = 128, .views = 1024};
  bool quick = false, floors = false;
};

void run(Options options) {
  if (options.quick) {
    options.step = {.depth = 18, .size = 32, .views = 4};
    options.precision = "f32";
    options.rounds = 1;
  }
  options.step.compute = options.precision == "bf16" ? DType::bf16 : DType::f32;
  const std::vector<StepJob> jobs = step_jobs(options.step);
  if (options.floors) {
    fmt::print("{}", step_table(jobs, kAssumed));
    return;
  }
  std::optional<Rates> rates;  // of a CPU none are known
  if (options.device == PECLR_GPU_NAME)
    rates = make_machine(options.device, options.gpu)->measure_rates();

  const std::unique_ptr<Backend> backend =
      make_backend(device_named(options.device, "--device"),
                   {.gpu = options.gpu, .tf32 = options.precision == "tf32"});
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };

  const Clock::time_point begin = Clock::now();
  PeclrStep step(*backend, options.step);
  // The first step chooses convolutions, the second finds its memory, the third is recorded.
  step.run();
  const double first = seconds_since(begin);
  for (int i = 0; i < 3; ++i) step.run();
  std::vector<double> seconds;
  float loss = 0;
  Clock::time_point start = Clock::now();
  HostCopy* ahead = &step.queue();
  for (int round = 0; round < options.rounds; ++round) {
    HostCopy* const next = &step.queue();
    loss = ahead->wait()[0];
    seconds.push_back(seconds_since(start));
    start = Clock::now();
    ahead = next;
  }
  ahead->wait();

  const Quartiles q(seconds);
  const double views = options.step.views;
  const double peak = static_cast<double>(backend->memory().peak_bytes_in_use);
  fmt::print("{}\n", backend->description());
  fmt::print(
      "ResNet-{}, {} views of {} pixels, {}: {:.0f} images/s ({:.0f}..{:.0f}), {:.2f} ms a step "
      "({:.2f}..{:.2f}, {} steps), {:.2f} GB at once, first step after {:.1f} s, loss {:.4f}\n",
      options.step.depth, options.step.views, options.step.size, options.precision,
      views / q.median, views / q.high, views / q.low, 1e3 * q.median, 1e3 * q.low, 1e3 * q.high,
      options.rounds, peak / 1e9, first, loss);
  if (rates)
    fmt::print("{:.0f} % of the step is its floor by this card's rates, {:.2f} ms:\n\n{}",
               100 * floor_seconds(jobs, *rates) / q.median, 1e3 * floor_seconds(jobs, *rates),
               step_table(jobs, *rates));
  if (options.json.empty()) return;
  nlohmann::ordered_json out{{"device", backend->description()},
                             {"depth", options.step.depth},
                             {"views", options.step.views},
                             {"size", options.step.size},
                             {"precision", options.precision},
                             {"quick", options.quick},
                             {"steps", options.rounds},
                             {"images_per_second", views / q.median},
                             {"seconds", q.median},
                             {"quartiles_seconds", {q.low, q.high}},
                             {"first_step_seconds", first},
                             {"peak_bytes", peak},
                             {"loss", loss}};
  if (rates) out["floor_seconds"] = floor_seconds(jobs, *rates);
  write_file_atomically(options.json, out.dump(2) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Images a second of a PeCLR step");
  app.add_option("--device", options.device, "cuda or simt, as this was built; or cpu")
      ->capture_default_str();
  app.add_option("--gpu", options.gpu, "where there are several")->capture_default_str();
  app.add_option("--depth", options.step.depth, "of the ResNet")->capture_default_str();
  app.add_option("--size", options.step.size, "of a view, pixels")->capture_default_str();
  app.add_option("--views", options.step.views, "a step, two of each picture")
      ->capture_default_str();
  app.add_option("--rounds", options.rounds, "steps that are timed")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--precision", options.precision, "f32, tf32 or bf16")
      ->check(CLI::IsMember({"f32", "tf32", "bf16"}))
      ->capture_default_str();
  app.add_flag("--floors", options.floors, "print the floor of an assumed H100, and run nothing");
  app.add_option("--json", options.json, "file for the results");
  app.add_flag("--quick", options.quick, "a tiny step, to see that all works");
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
  } catch (const Error& e) {
    fmt::print(stderr, "gpu_step_bench: {}\n", e.what());
    return static_cast<int>(e.kind());
  } catch (const std::exception& e) {
    fmt::print(stderr, "gpu_step_bench: {}\n", e.what());
    return 1;
  }
}
