// SPDX-License-Identifier: Apache-2.0
#include "tools/train_loop.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/checkpoint.h"
#include "engine/step_runner.h"
#include "tools/json_lines.h"
#include "tools/progress.h"
#include "tools/signals.h"

namespace peclr {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// When to save: at every epoch's end and every train.save_seconds. Tiny epochs would save all the
// time: an epoch's end is passed over while saving would take more than a tenth of the run.
class SaveClock {
 public:
  explicit SaveClock(double seconds) : seconds_(seconds), last_(now()) {}
  bool due(bool epoch_ends) const {
    const double since = now() - last_;
    return since >= seconds_ || (epoch_ends && since >= 9 * cost_);
  }
  template <class F>
  void save(F write) {
    const double start = now();
    write();
    last_ = now();
    cost_ = last_ - start;
  }

 private:
  double seconds_, last_, cost_ = 0;
};

// Queues a step: the parts of all batches, the optimiser with the last. Nothing waits for them.
void queue_step(TrainTask& task, StepRunner& runner, int accumulate) {
  for (int i = 0; i < accumulate; ++i) {
    const StepPart part{task.load(), i == 0, i + 1 == accumulate};
    runner.run(part, [&] {
      if (part.first) {
        task.store.zero_grads();
        task.values.backend().zero(task.values);
      }
      task.pass();
      if (part.last) task.optimizer.apply();
    });
  }
}

// The means of the step's batches.
std::vector<double> values_of(const TrainTask& task, int accumulate, std::int64_t step) {
  std::vector<double> means;
  for (const float sum : task.values.to_host()) means.push_back(double{sum} / accumulate);
  if (!std::isfinite(means[0]))
    fail(ErrorKind::divergence,
         "step {}: the loss is not a number; what was saved before is kept. Lower train.lr, raise "
         "train.warmup_epochs, or use precision=f32",
         step);
  return means;
}

}  // namespace

TrainPlan TrainPlan::of(const Settings::Train& train, std::int64_t pictures) {
  const std::int64_t a_step = std::int64_t{train.batch_size} * train.accumulate;
  TrainPlan plan{pictures, pictures / a_step, 0, {}};
  if (plan.steps_per_epoch == 0)
    fail(ErrorKind::data,
         "data.train has {} pictures, fewer than train.batch_size x train.accumulate = {} x {}; "
         "lower them, e.g. train.batch_size={} train.accumulate=1",
         pictures, train.batch_size, train.accumulate, std::clamp<std::int64_t>(pictures, 2, 64));
  plan.steps = plan.steps_per_epoch * train.epochs;
  plan.schedule = {train.peak_lr(),
                   std::llround(train.warmup() * static_cast<double>(plan.steps_per_epoch)),
                   plan.steps};
  return plan;
}

int train(const RunFolder& run, const TrainPlan& plan, TrainTask& task) {
  const Settings& settings = run.settings();
  const int accumulate = settings.train.accumulate;
  install_stop_signals();
  RunRecorder record = run.begin(task.device, plan.pictures);
  JsonLines metrics(run.path("metrics.jsonl"));
  Progress progress({.label = name_of(run.command()),
                     .steps = plan.steps,
                     .first = run.first_step(),
                     .epochs = settings.train.epochs,
                     .style = progress_style_of_stderr()});
  SaveClock clock(settings.train.save_seconds);
  StepRunner runner(task.store);
  const auto save = [&](std::int64_t step) {
    Metadata metadata = run.training_metadata(step, plan.pictures);
    metadata.insert(task.model_metadata.begin(), task.model_metadata.end());
    clock.save(
        [&] { save_training(run.path("last.safetensors"), task.store, task.optimizer, metadata); });
  };

  for (std::int64_t step = run.first_step(); step < plan.steps; ++step) {
    const double start = now();
    const double rate = learning_rate(plan.schedule, step);
    task.optimizer.begin(rate, step, accumulate);
    queue_step(task, runner, accumulate);
    const std::int64_t done = step + 1, epoch = step / plan.steps_per_epoch + 1;
    const std::vector<double> values = values_of(task, accumulate, done);
    const double norm = task.optimizer.end();
    if (step == run.first_step())
      progress.note(fmt::format("memory: {} MiB at the peak of a step",
                                task.values.backend().memory().peak_bytes_in_use >> 20));

    const std::int64_t images = accumulate * task.images;
    JsonLine line;
    line.add("step", done).add("epoch", epoch).add("loss", values[0]).add("lr", rate);
    line.add("grad_norm", norm)
        .add("images_per_s", static_cast<float>(static_cast<double>(images) / (now() - start)));
    for (std::size_t i = 1; i < values.size(); ++i)
      line.add(task.names[i], static_cast<float>(values[i]));
    metrics.write(line);
    progress.update({.step = done, .epoch = epoch, .loss = values[0], .images = images});

    if (stop_requested() && done < plan.steps) {
      save(done);
      record.end(RunRecorder::End::saved);
      progress.finish();
      progress.note(
          fmt::format("stopped by a signal after step {}; saved. Go on with --resume", done));
      return kExitSaved;
    }
    if (done < plan.steps && clock.due(done % plan.steps_per_epoch == 0)) save(done);
  }
  progress.finish();
  save(plan.steps);
  save_weights(run.path("model.safetensors"), task.store, task.model_metadata);
  record.end();
  return 0;
}

}  // namespace peclr
