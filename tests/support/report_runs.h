// SPDX-License-Identifier: Apache-2.0
// Run folders as the program leaves them, without the hours, and what tests of their pages ask.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/files.h"
#include "tools/report/page.h"
#include "tools/report/runs.h"

namespace peclr::test {

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

inline bool has(const std::vector<std::string>& texts, const std::string& wanted) {
  return std::find(texts.begin(), texts.end(), wanted) != texts.end();
}

inline std::string metrics(bool contrastive, int steps) {
  std::string text;
  for (int step = 1; step <= steps; ++step) {
    const double x = 1.0 / step;
    text += fmt::format("{{\"step\": {}, \"epoch\": 1, \"loss\": {}, \"images_per_s\": 100, {}}}\n",
                        step, 3 + x,
                        contrastive ? fmt::format("\"positive_similarity\": {}, "
                                                  "\"negative_similarity\": {}",
                                                  1 - x, x)
                                    : fmt::format("\"uv_px\": {}", 5 + x));
  }
  return text;
}

inline std::string pretrained(const std::string& folder, Settings::Method method,
                              const std::string& hands) {
  std::filesystem::create_directories(folder);
  Settings settings = default_settings(Command::pretrain);
  settings.out = folder;
  settings.method = method;
  settings.model = {18, 64};
  settings.data.train = {{hands}};
  write_bytes(folder + "/config.yaml", settings_yaml(Command::pretrain, settings));
  write_bytes(folder + "/metrics.jsonl", metrics(true, 30));
  return folder;
}

struct Evaluated {
  const char* weights = "peclr";
  std::int64_t seed = 1;
  double pa_epe_cm = 2, labels = 0.1;
};
inline nlohmann::json scores_of(const Evaluated& run) {
  nlohmann::json pck = nlohmann::json::array();
  for (int i = 0; i < 100; ++i) pck.push_back(i / 100.0);
  return {{"epe_cm", 10 * run.pa_epe_cm},
          {"auc", 0.1},
          {"pa_epe_cm", run.pa_epe_cm},
          {"pa_auc", 0.7 - 0.1 * run.pa_epe_cm},
          {"epe_2d_px", 20 + run.pa_epe_cm},
          {"count", 3},
          {"weights", run.weights},
          {"pck", pck},
          {"pa_pck", pck}};
}

inline std::string finetuned(const std::string& folder, const Evaluated& run) {
  std::filesystem::create_directories(folder);
  Settings settings = default_settings(Command::finetune);
  settings.out = folder;
  settings.seed = run.seed;
  settings.data.labels = run.labels;
  settings.data.train = {{"hands"}};
  if (run.weights != std::string("none")) settings.init_from = "elsewhere/model.safetensors";
  write_bytes(folder + "/config.yaml", settings_yaml(Command::finetune, settings));
  write_bytes(folder + "/metrics.jsonl", metrics(false, 40));
  write_bytes(folder + "/scores.json", scores_of(run).dump());
  return folder;
}

inline std::string page_of(const std::vector<std::string>& folders) {
  return report_page(read_runs(folders));
}

}  // namespace peclr::test
