// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/train_loop.h"

#include <chrono>
#include <cmath>
#include <optional>

#include "engine/checkpoint.h"
#include "engine/step_runner.h"
#include "tools/run/json_lines.h"
#include "tools/run/progress.h"
#include "tools/trainer/signals.h"
#include "tools/trainer/step_queue.h"

namespace peclr {
namespace {

// By then steps have all the memory that they will need; pictures may have the rest.
constexpr std::int64_t kStepsBeforeKeeping = 2;

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

// The means of the step's batches. Throws Error(divergence) where the step left no number.
std::vector<double> means_of(const StepResult& result, int accumulate) {
  std::vector<double> means;
  for (const float sum : result.values) means.push_back(double{sum} / accumulate);
  if (!std::isfinite(means[0]))
    fail(ErrorKind::divergence,
         "step {}: the loss is not a number; what was saved before is kept. Lower train.lr, raise "
         "train.warmup_epochs, or use precision=f32",
         result.step.done);
  if (!std::isfinite(result.norm))
    fail(ErrorKind::divergence,
         "step {}: the gradient is not finite; what was saved before is kept. Lower train.lr, or "
         "use precision=f32",
         result.step.done);
  return means;
}

// Of metrics.jsonl.
JsonLine line_of(const TrainTask& task, const StepResult& result, std::span<const double> means,
                 double images_per_s) {
  const StepNumbers& step = result.step;
  JsonLine line;
  line.add("step", step.done).add("epoch", step.epoch).add("loss", means[0]);
  line.add("lr", step.learning_rate).add("grad_norm", result.norm);
  line.add("images_per_s", static_cast<float>(images_per_s));
  for (std::size_t i = 1; i < means.size(); ++i)
    line.add(task.names[i], static_cast<float>(means[i]));
  return line;
}

// Writes what the run can go on from, and the weights of epochs that are kept.
struct Checkpoints {
  const RunFolder& run;
  const TrainPlan& plan;
  const TrainTask& task;
  SaveClock clock{run.settings().train.save_seconds};

  bool due(std::int64_t done) const {
    return done < plan.steps && clock.due(done % plan.steps_per_epoch == 0);
  }
  void save(std::int64_t done) {
    Metadata metadata = run.training_metadata(done, task.data);
    metadata.insert(task.model_metadata.begin(), task.model_metadata.end());
    clock.save(
        [&] { save_training(run.path("last.safetensors"), task.store, task.optimizer, metadata); });
  }
  // The epoch that ends with this step, if its weights are kept.
  std::optional<std::int64_t> kept_epoch(std::int64_t done) const {
    const std::int64_t epoch = done / plan.steps_per_epoch;
    const int every = run.settings().train.keep_epochs;
    if (every == 0 || done % plan.steps_per_epoch != 0 || epoch % every != 0) return std::nullopt;
    return epoch;
  }
  void keep(std::int64_t epoch) const {
    save_weights(run.path(fmt::format("epoch_{:04}.safetensors", epoch).c_str()), task.store,
                 task.model_metadata);
  }
  void finish() {
    save(plan.steps);
    save_weights(run.path("model.safetensors"), task.store, task.model_metadata);
  }
};

// What steps left, to metrics.jsonl and to the progress line.
struct Reports {
  const RunFolder& run;
  const TrainTask& task;
  Progress& progress;
  JsonLines metrics{run.path("metrics.jsonl")};
  double last = now();  // when a report or a save ended

  void add(const StepResult& result) {
    const Settings::Train& train = run.settings().train;
    const StepNumbers& step = result.step;
    const std::vector<double> means = means_of(result, train.accumulate);
    if (step.done == run.first_step() + 1)
      progress.note(fmt::format("memory: {} MiB in use at the peak of a step",
                                task.values.backend().memory().peak_bytes_in_use >> 20));
    const std::int64_t images = std::int64_t{train.accumulate} * train.batch_size * task.views;
    const double before = std::exchange(last, now());
    metrics.write(line_of(task, result, means, static_cast<double>(images) / (last - before)));
    progress.update({.step = step.done, .epoch = step.epoch, .loss = means[0], .images = images});
  }
};

// Before the first step.
void tell_of_start(Progress& progress, const RunFolder& run, const TrainPlan& plan,
                   const TrainTask& task) {
  progress.note(task.memory.summary());
  if (plan.schedule.warmup_steps >= plan.steps)
    progress.note(
        fmt::format("train.warmup_epochs={} is all of the run, so the learning rate only rises; "
                    "lower it, or train longer",
                    run.settings().train.warmup()));
}

int run_steps(const RunFolder& run, const TrainPlan& plan, TrainTask& task) {
  const Settings& settings = run.settings();
  const int accumulate = settings.train.accumulate;
  Backend& backend = task.values.backend();
  install_stop_signals();
  RunRecorder record = run.begin(backend.description(), plan.pictures);
  Progress progress({.label = name_of(run.command()),
                     .steps = plan.steps,
                     .first = run.first_step(),
                     .epochs = settings.train.epochs,
                     .style = progress_style_of_stderr()});
  Checkpoints checkpoints{run, plan, task};
  StepRunner runner(task.store);

  Reports reports{run, task, progress};
  StepQueue queue(backend, task.values.count(), [&](const StepResult& r) { reports.add(r); });

  tell_of_start(progress, run, plan, task);
  for (std::int64_t step = run.first_step(); step < plan.steps; ++step) {
    const double rate = learning_rate(plan.schedule, step);
    task.optimizer.begin(rate, step, accumulate);
    queue_step(task, runner, accumulate);
    if (step == run.first_step() + kStepsBeforeKeeping) backend.keep_pictures(task.keeping);
    const std::int64_t done = step + 1;
    queue.push({done, step / plan.steps_per_epoch + 1, rate}, task.values, task.optimizer.norm());

    // Before the checkpoint: a run that goes on after this step has kept them.
    if (const auto epoch = checkpoints.kept_epoch(done)) {
      queue.finish();
      checkpoints.keep(*epoch);
      reports.last = now();
    }
    const bool stop = stop_requested() && done < plan.steps;
    if (!stop && !checkpoints.due(done)) continue;
    queue.finish();
    checkpoints.save(done);
    reports.last = now();
    if (stop) {
      record.end(RunRecorder::End::saved);
      progress.finish();
      progress.note(
          fmt::format("stopped by a signal after step {}; saved. Go on with --resume", done));
      return kExitSaved;
    }
    record.save();
  }
  queue.finish();
  progress.finish();
  checkpoints.finish();
  record.end();
  return 0;
}

}  // namespace

int train(const RunFolder& run, const TrainPlan& plan, TrainTask& task) {
  try {
    return run_steps(run, plan, task);
  } catch (const OutOfMemory& e) {
    fail(ErrorKind::failure, "{}; use a smaller train.batch_size (and a larger train.accumulate){}",
         e.what(), task.memory.advice());
  }
}

}  // namespace peclr
