// SPDX-License-Identifier: Apache-2.0
// What a run left in its folder, read once: for `results` and for `report`. A folder may hold any
// part of it (a training that was killed, a probe alone).
#pragma once
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/run/run_record.h"
#include "tools/settings/settings.h"

namespace peclr {

// scores.json. NaN: not measured.
struct Scores {
  double epe_cm = NAN, epe_median_cm = NAN, auc = NAN, pa_epe_cm = NAN, pa_auc = NAN;
  double pa_epe_median_cm = NAN, pa_rigid_epe_cm = NAN, epe_2d_px = NAN;
  double root_epe_cm = NAN, root_auc = NAN, scale_trans_epe_cm = NAN;
  double mesh_epe_cm = NAN, mesh_auc = NAN, mesh_pa_epe_cm = NAN, mesh_pa_auc = NAN;
  double f_5mm = NAN, pa_f_5mm = NAN, f_15mm = NAN, pa_f_15mm = NAN;
  std::int64_t count = 0;        // pictures
  double holdout = 0;            // of the labels: what was scored; 0: the evaluation split
  std::string pretraining, set;  // of the weights; what was scored
  std::string predictions;       // of peclr score: the file of hands
  std::string init_from;         // the network's file; empty where nobody knows
  std::string initial_weights;   // as Run has it
  std::map<std::string, std::string> settings;  // of kAskedWith, those that the file has
  std::vector<double> pck, pa_pck;  // [kPckThresholds], empty in files of older versions
};
struct ScoreField {
  const char* key;
  double Scores::*value;
  bool optional = false;
};
inline constexpr ScoreField kScoreFields[] = {
    {"epe_cm", &Scores::epe_cm},
    {"epe_median_cm", &Scores::epe_median_cm},
    {"auc", &Scores::auc},
    {"pa_epe_cm", &Scores::pa_epe_cm},
    {"pa_epe_median_cm", &Scores::pa_epe_median_cm, true},
    {"pa_auc", &Scores::pa_auc},
    {"pa_rigid_epe_cm", &Scores::pa_rigid_epe_cm},
    {"root_epe_cm", &Scores::root_epe_cm, true},
    {"root_auc", &Scores::root_auc, true},
    {"scale_trans_epe_cm", &Scores::scale_trans_epe_cm, true},
    {"epe_2d_px", &Scores::epe_2d_px, true},
    {"mesh_epe_cm", &Scores::mesh_epe_cm, true},
    {"mesh_auc", &Scores::mesh_auc, true},
    {"mesh_pa_epe_cm", &Scores::mesh_pa_epe_cm, true},
    {"mesh_pa_auc", &Scores::mesh_pa_auc, true},
    {"f_5mm", &Scores::f_5mm, true},
    {"pa_f_5mm", &Scores::pa_f_5mm, true},
    {"f_15mm", &Scores::f_15mm, true},
    {"pa_f_15mm", &Scores::pa_f_15mm, true}};

// The training that left the weights which another run started from.
struct Origin {
  Command command;  // pretrain or finetune
  Settings settings;
};

// The fine-tuning that left the network which was scored, and where that started.
struct Network {
  Settings settings;
  std::optional<Origin> origin;
};

// probe.json.
struct Probe {
  std::string kind, pretraining;  // classes or joints; of the weights
  // Under the file's keys.
  std::map<std::string, double> numbers;
  std::map<std::string, std::string> words;
  std::optional<Origin> origin;  // of the weights, if that run is still there

  double at(const char* key) const {
    const auto it = numbers.find(key);
    return it == numbers.end() ? NAN : it->second;
  }
};

struct Point {
  double x, y;
};
// metrics.jsonl by key: (step, value), without what was not finite.
using Metrics = std::map<std::string, std::vector<Point>>;

struct Run {
  std::string folder;
  std::string name;                 // the folder's last part, or all of it if another run has that
  std::optional<Command> training;  // pretrain or finetune, where there is a config.yaml
  Settings settings;                // of the training
  std::string config;               // config.yaml as it stands
  std::string method;  // peclr, simclr, scratch (no pre-training), other; "" where nobody knows
  // The file of another program that its weights began from: name and 8 digits of its checksum, of
  // runs of older versions the name alone. Empty: there is none, or nobody knows.
  std::string initial_weights;
  std::optional<Origin> origin;    // of the weights it started from, if that run is still there
  std::optional<Network> network;  // of an evaluation into a folder of its own, if that is there
  Metrics metrics;
  std::optional<Scores> scores;
  std::optional<Probe> probe;
  bool predicted = false;  // holds predictions.json
  RunRecords records;
  std::string date;  // of its start, or of its youngest file: "2021-06-10 12:00 UTC"
};

// Throws Error(data), one line that names the file: a folder that holds no run, a file that is not
// what it should be. Of metrics.jsonl the last line may be cut, as a killed run leaves it.
Run read_run(const std::string& folder);
// The same folder given twice is read once, with a note on stderr.
std::vector<Run> read_runs(const std::vector<std::string>& folders);

}  // namespace peclr
