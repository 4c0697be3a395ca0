// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/gpu/machine.h"

#include <chrono>

#include "benchmarks/gpu/counted_backend.h"
#include "engine/gpu/simt_backend.h"

namespace peclr::bench {
namespace {

class SimtMachine final : public Machine {
 public:
  Backend& backend() override { return backend_; }
  Stream stream() override { return backend_.stream(); }
  Libraries* libraries() override { return nullptr; }
  std::vector<std::pair<std::string, std::string>> facts() override {
    return {{"device", backend_.description()},
            {"times", "of the emulator: they say nothing of a card"}};
  }
  Rates measure_rates() override { return kAssumed; }
  double microseconds(Whose, const Job& job) override {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point start = Clock::now();
    job();
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
  }
  void reset_peak() override { backend_.reset_peak(); }
  std::int64_t peak_bytes() const override { return backend_.peak_bytes(); }

 private:
  CountedBackend<SimtBackend> backend_;
};

}  // namespace

std::unique_ptr<Machine> make_machine(const std::string& device, int) {
  if (device != "simt")
    fail(ErrorKind::device, "--device {}: this build has the emulator only (--device simt)",
         device);
  return std::make_unique<SimtMachine>();
}

}  // namespace peclr::bench
