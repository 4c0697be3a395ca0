// SPDX-License-Identifier: Apache-2.0
// Where the parts of a training meet: settings reach what they name, each row of a batch belongs to
// one picture, and the loop's numbers are those of the formulas.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>

#include "data/synthetic.h"
#include "engine/cpu/cpu_backend.h"
#include "tests/support/compare.h"
#include "tests/support/contrastive_reference.h"
#include "tests/support/files.h"
#include "tools/settings/engine_options.h"
#include "tools/trainer/finetuning.h"
#include "tools/trainer/pretraining.h"
#include "tools/trainer/train_loop.h"

namespace peclr {
namespace {

using namespace test;

constexpr int kBatch = 4, kBatches = 2, kSide = 32;

// Two batches of rendered hands an epoch.
struct Hands {
  TempFolder folder;
  CpuBackend backend;
  Hands() { write_synthetic(folder / "hands", kBatch * kBatches, 7); }

  Settings settings(Command command, std::vector<std::string> more = {}) const {
    std::vector<std::string> all{"data.train=" + (folder / "hands"), "model.depth=18",
                                 "model.input=" + std::to_string(kSide),
                                 "train.batch_size=" + std::to_string(kBatch),
                                 "train.accumulate=1"};
    all.insert(all.end(), more.begin(), more.end());
    return load_settings(command, all);
  }
};

template <class T>
std::vector<double> doubles(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}

TEST_CASE("trainer: the loss is told of each picture how its own view was cut", "[trainer]") {
  Hands hands;
  const Settings settings = hands.settings(Command::pretrain);
  PictureFeed feed(settings, Need::pictures);
  ContrastiveBatches batches(settings, TrainPlan::of(settings.train, feed.pictures()), 0, feed,
                             hands.backend);
  for (std::int64_t b = 0; b < kBatches; ++b) {
    const std::vector<float> told = batches.next().views.to_host();
    REQUIRE(told.size() == 2 * kBatch * 4);
    for (int v = 0; v < 2; ++v)
      for (std::int64_t i = 0; i < kBatch; ++i) {
        const std::int64_t position = b * kBatch + i;
        const ViewTransform want =
            transform_of(contrastive_view(settings, feed.item(0, position), 0, position, v));
        const float* row = &told[static_cast<std::size_t>(4 * (v * kBatch + i))];
        CHECK((row[0] == want.angle_deg && row[1] == want.shift_x && row[2] == want.shift_y &&
               row[3] == want.scale));
        CHECK((i == 0 || row[3] != row[-1]));  // no two views are alike
      }
  }
}

TEST_CASE("trainer: pre-training undoes what the views did, SimCLR nothing", "[trainer]") {
  Hands hands;
  constexpr std::int64_t kRows = 2 * kBatch, kDim = 128;
  constexpr double kTemperature = 0.2;
  struct Result {
    Doubles z;
    double loss, logged;
    std::vector<ViewTransform> views;
  };
  const auto result_of = [&](std::vector<std::string> method) {
    method.push_back(fmt::format("temperature={}", kTemperature));
    const Settings settings = hands.settings(Command::pretrain, method);
    PictureFeed feed(settings, Need::pictures);
    ContrastiveBatches batches(settings, TrainPlan::of(settings.train, feed.pictures()), 0, feed,
                               hands.backend);
    const ContrastiveBatches::Batch batch = batches.next();
    Pretraining training(settings, hands.backend);
    training.store.draw(1);
    Tape tape(Mode::train);
    const auto out = training.model.forward(tape, {batch.images, -1}, batch.views);
    hands.backend.zero(training.values);
    training.pass(batch);
    Result result{doubles(out.z.value.to_host()), out.loss.value.to_host()[0],
                  training.values.to_host()[0], std::vector<ViewTransform>(kRows)};
    const std::vector<float> views = batch.views.to_host();
    std::copy(views.begin(), views.end(), &result.views[0].angle_deg);
    return result;
  };
  const Result simclr = result_of({"method=simclr"});
  REQUIRE(simclr.z.size() == kRows * kDim);
  const auto check = [&](const Result& got, const Inversion& undone) {
    const ReferenceViews in{kRows, kDim, got.views, undone};
    const Doubles want = reference_invert(in, reference_frames(in, simclr.z), simclr.z);
    CHECK(relative_l2(got.z.data(), want.data(), want.size()) < 1e-5);
    const double loss =
        reference_ntxent(kRows, kDim, kTemperature, want, standard_partners(kRows)).loss;
    CHECK(got.loss == Approx(loss).epsilon(1e-5));
    CHECK(got.logged == Approx(loss).epsilon(1e-5));
    return want;
  };
  check(simclr, {false, false, false});
  const Result peclr = result_of({"method=peclr"});
  const Doubles undone = check(peclr, {true, true, false});
  CHECK(relative_l2(undone.data(), simclr.z.data(), undone.size()) > 0.1);
  check(result_of({"invert=[scale, rotate]"}), {false, true, true});
}

// Mean difference, in levels, of a row of a batch from `picture` where `K` says that it lies.
double off(const std::vector<float>& images, std::size_t row, const PictureFeed::Item& item,
           const float* K) {
  // K = T item.K, and T takes pixels of the picture to pixels of the view.
  const float* k = item.K.m;
  Affine2 to_view;
  for (int r = 0; r < 2; ++r) {
    to_view.m[3 * r] = K[3 * r] / k[0];
    to_view.m[3 * r + 1] = K[3 * r + 1] / k[4];
    to_view.m[3 * r + 2] = K[3 * r + 2] - to_view.m[3 * r] * k[2] - to_view.m[3 * r + 1] * k[5];
  }
  const Affine2 to_picture = invert(to_view);
  constexpr double kMean[] = {0.485, 0.456, 0.406}, kDeviation[] = {0.229, 0.224, 0.225};
  const Image& image = item.picture->image;
  double sum = 0;
  int count = 0;
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      const Vec2f p = apply(to_picture, {static_cast<float>(x), static_cast<float>(y)});
      const int px = static_cast<int>(std::lround(p.x)), py = static_cast<int>(std::lround(p.y));
      if (px < 0 || py < 0 || px >= image.width || py >= image.height) continue;
      const float* seen = &images[3 * (row * kSide * kSide + std::size_t(y * kSide + x))];
      for (std::size_t c = 0; c < 3; ++c, ++count)
        sum += std::abs(image.at(px, py)[c] - 255 * (seen[c] * kDeviation[c] + kMean[c]));
    }
  REQUIRE(count > kSide * kSide / 2);
  return sum / count;
}

TEST_CASE("trainer: picture, camera and target of a row of a batch are one hand's", "[trainer]") {
  Hands hands;
  for (const char* crop : {"data.crop=hand", "data.crop=picture"}) {
    const Settings settings = hands.settings(Command::finetune, {crop});
    PictureFeed feed(settings, Need::joints);
    PoseBatches batches(settings, TrainPlan::of(settings.train, feed.pictures()), 0, feed,
                        hands.backend);
    for (std::int64_t b = 0; b < kBatches; ++b) {
      const PoseBatches::Batch batch = batches.next();
      const std::vector<float> images = batch.images.to_host(), cameras = batch.cameras.to_host(),
                               uv = batch.target.uv.to_host(), z_rel = batch.target.z_rel.to_host(),
                               root = batch.target.root_depth.to_host();
      const auto item = [&](std::size_t i) {
        return feed.item(0, b * kBatch + static_cast<std::int64_t>(i));
      };
      for (std::size_t i = 0; i < kBatch; ++i) {
        const HandLabel& label = *item(i).label;
        Mat3f K;
        std::copy_n(&cameras[9 * i], 9, K.m);
        const PoseTarget want = pose_target(label.xyz.data(), label.scale, K);
        CHECK(max_abs(&uv[2 * kJoints * i], &want.uv[0].x, 2 * kJoints) < 1e-4);
        CHECK(max_abs(&z_rel[kJoints * i], want.z_rel, kJoints) < 1e-6);
        CHECK(root[i] == Approx(want.root_depth));
        const double own = off(images, i, item(i), K.m),
                     other = off(images, (i + 1) % kBatch, item(i), K.m);
        CAPTURE(own, other);
        CHECK(own < 0.5 * other);
      }
    }
  }
}

TEST_CASE("trainer: fractions of labels and shares of sources reach the epoch", "[trainer]") {
  const TempFolder folder;
  write_synthetic(folder / "a", 20, 1);
  write_synthetic(folder / "b", 20, 2);
  const auto settings = [&](std::vector<std::string> more) {
    more.push_back("model.input=32");
    return load_settings(Command::finetune, more);
  };
  const std::string a = folder / "a", b = folder / "b";
  CHECK(PictureFeed(settings({"data.train=" + a, "data.labels=0.5"}), Need::joints).pictures() ==
        10);
  PictureFeed mixed(settings({fmt::format(
                        "data.train=[{{path: {}, weight: 1}}, {{path: {}, weight: 3}}]", a, b)}),
                    Need::joints);
  REQUIRE(mixed.pictures() == 40);
  int of_b = 0;
  for (std::int64_t i = 0; i < 40; ++i) of_b += mixed.item(0, i).id.source == 1;
  CHECK(of_b == 30);
}

TEST_CASE("trainer: settings reach views, optimiser and arithmetic", "[trainer]") {
  const auto settings = [](std::vector<std::string> args) {
    return load_settings(Command::pretrain, args);
  };
  const AugmentOptions o = augment_options(settings(
      {"model.input=40", "paper_exact=true", "augment.rotate=7", "augment.translate=3",
       "augment.scale=[1.1, 1.2]", "augment.colour_jitter=0.4", "augment.hue=[0.2, 0.3]",
       "augment.saturation=[0.5, 0.6]", "augment.value_gain=[0.7, 0.8]",
       "augment.value_offset=[6, 9]", "augment.colour_drop=0.1", "augment.border=reflect"}));
  const auto is = [](const Range& range, double low, double high) {
    return range.low == static_cast<float>(low) && range.high == static_cast<float>(high);
  };
  CHECK((o.out == 40 && o.paper_exact && o.border == Border::reflect));
  CHECK((is(o.angle_deg, -7, 7) && is(o.jitter, 0, 3) && is(o.margin, 1.1, 1.2)));
  CHECK((is(o.hue, 0.2, 0.3) && is(o.saturation, 0.5, 0.6) && is(o.value_gain, 0.7, 0.8) &&
         is(o.value_offset, 6, 9)));
  CHECK((o.colour_jitter == 0.4f && o.colour_drop == 0.1f));
  CHECK_FALSE(augment_options(settings({})).paper_exact);

  const OptimizerOptions adam =
      optimizer_options(settings({"train.optimizer=adam", "train.weight_decay=0.25"}));
  CHECK((adam.kind == OptimizerKind::adam && adam.weight_decay == 0.25f));
  CHECK(optimizer_options(settings({})).kind == OptimizerKind::lars);
  CHECK(compute_type(settings({"precision=bf16"})) == DType::bf16);
  CHECK(compute_type(settings({"precision=f32"})) == DType::f32);
}

TEST_CASE("trainer: a warm-up of a part of an epoch is rounded to whole steps", "[trainer]") {
  Settings::Train train;
  train.batch_size = 2;
  train.accumulate = 2;
  train.epochs = 4;
  for (const auto& [epochs, steps] : {std::pair{0.5, 3}, {0.7, 4}, {0.6, 3}, {2.0, 10}}) {
    train.warmup_epochs = epochs;
    const TrainPlan plan = TrainPlan::of(train, 23);  // 5 steps an epoch
    CHECK(plan.schedule.warmup_steps == steps);
    CHECK((plan.steps == 20 && plan.schedule.total_steps == 20));
  }
}

TEST_CASE("trainer: a step's gradient and loss are means over its batches, its rate the schedule's",
          "[trainer]") {
  const TempFolder folder;
  constexpr double kPeak = 0.5;
  constexpr int kSteps = 4;
  const auto run_in = [&](const char* out) {
    return RunFolder(Command::pretrain,
                     {.settings = {"out=" + (folder / out), "data.train=nowhere", "device=cpu",
                                   "train.batch_size=2", "train.accumulate=2", "train.epochs=2",
                                   "train.warmup_epochs=0", fmt::format("train.lr={}", kPeak)}});
  };
  const RunFolder run = run_in("run");
  const TrainPlan plan = TrainPlan::of(run.settings().train, 8);
  REQUIRE(plan.steps == kSteps);

  CpuBackend backend;
  ParameterStore store;
  Parameter& weight = store.add("w", {4}, Init::zero);
  store.allocate(backend, 1);
  Optimizer optimizer(store, {OptimizerKind::adam, 0});
  const Tensor values(backend, {2}, DType::f32);
  static constexpr std::array kNames{"loss", "agreement"};
  int passes = 0;
  float factor = 1;
  TrainTask task{
      .store = store,
      .optimizer = optimizer,
      .values = values,
      .names = kNames,
      .views = 2,
      .load = [&] { return values.raw(); },
      .pass =
          [&] {
            // Gradients of 1 and 3, losses of 10 and 20, agreements of 5 and 7.
            const float second = static_cast<float>(passes++ % 2);
            const Tensor g =
                Tensor::from_host(backend, {4}, std::vector<float>(4, factor * (1 + 2 * second)));
            weight.next_write();  // cleared before
            backend.add(g, weight.grad);
            backend.add(Tensor::from_host(backend, {2},
                                          std::vector<float>{10 + 10 * second, 5 + 2 * second}),
                        values);
          },
      .memory = {[](int) { return std::int64_t{1}; }, 2, 1000}};
  REQUIRE(train(run, plan, task) == 0);
  CHECK(read_run_records(folder / "run").contains("pretrain"));
  CHECK(passes == 2 * kSteps);
  std::istringstream lines(read_bytes(folder / "run/metrics.jsonl"));
  double moved = 0;
  int step = 0;
  for (std::string line; std::getline(lines, line); ++step) {
    const auto json = nlohmann::json::parse(line);
    const double rate = kPeak * 0.5 * (1 + std::cos(std::numbers::pi * step / kSteps));
    CHECK(json.at("step") == step + 1);
    CHECK(json.at("epoch") == step / 2 + 1);
    CHECK(json.at("loss").get<double>() == Approx(15));
    CHECK(json.at("agreement").get<double>() == Approx(6));
    CHECK(json.at("grad_norm").get<double>() == Approx(4));  // of four twos
    CHECK(json.at("lr").get<double>() == Approx(rate));
    moved += rate;  // Adam under an unchanging gradient
  }
  CHECK(step == kSteps);
  for (const float w : weight.value.to_host()) CHECK(w == Approx(-moved).epsilon(1e-4));

  // A gradient beyond f32, of a loss that is a number, ends a run, too.
  factor = std::numeric_limits<float>::infinity();
  const RunFolder broken = run_in("broken");
  const Caught error = caught([&] { train(broken, plan, task); });
  CHECK(error.kind == static_cast<int>(ErrorKind::divergence));
  CHECK(error.names("step 1: the gradient is not finite"));
}

TEST_CASE("trainer: a run that goes on gets the batches of the step it goes on at", "[trainer]") {
  const Hands hands;
  const Settings settings = hands.settings(
      Command::pretrain, {"train.batch_size=2", "train.accumulate=2", "train.epochs=2"});
  CpuBackend backend;
  PictureFeed feed(settings, Need::pictures);
  const TrainPlan plan = TrainPlan::of(settings.train, feed.pictures());
  REQUIRE(plan.steps == 4);
  const auto batches_from = [&](std::int64_t step) {
    ContrastiveBatches batches(settings, plan, step, feed, backend);
    std::vector<std::vector<float>> all;
    for (std::int64_t i = step * settings.train.accumulate; i < 8; ++i) {
      const ContrastiveBatches::Batch batch = batches.next();
      all.push_back(batch.views.to_host());
      all.push_back(batch.images.to_host());
    }
    return all;
  };
  const std::vector<std::vector<float>> whole = batches_from(0);
  for (const std::int64_t step : {1, 3}) {
    const bool same = std::equal(whole.begin() + 4 * step, whole.end(),
                                 batches_from(step).begin());  // not for Catch to print
    CHECK(same);
  }
}

}  // namespace
}  // namespace peclr
