// SPDX-License-Identifier: Apache-2.0
#include "tools/report/score_tables.h"

#include <algorithm>

namespace peclr {
namespace {

struct ScoreColumn {
  const char* head;
  double Scores::*value;
  int digits;
  bool optional = false;
};

constexpr ScoreColumn kJointColumns[] = {{"PA-EPE (cm)", &Scores::pa_epe_cm, 2},
                                         {"PA-AUC", &Scores::pa_auc, 3},
                                         {"EPE (cm)", &Scores::epe_cm, 2},
                                         {"AUC", &Scores::auc, 3},
                                         {"root EPE (cm)", &Scores::root_epe_cm, 2, true},
                                         {"root AUC", &Scores::root_auc, 3, true},
                                         {"2D (px)", &Scores::epe_2d_px, 1}};
constexpr ScoreColumn kMeshColumns[] = {{"PA error (cm)", &Scores::mesh_pa_epe_cm, 2},
                                        {"PA-AUC", &Scores::mesh_pa_auc, 3},
                                        {"PA-F@5 mm", &Scores::pa_f_5mm, 3},
                                        {"PA-F@15 mm", &Scores::pa_f_15mm, 3},
                                        {"error (cm)", &Scores::mesh_epe_cm, 2},
                                        {"AUC", &Scores::mesh_auc, 3},
                                        {"F@5 mm", &Scores::f_5mm, 3},
                                        {"F@15 mm", &Scores::f_15mm, 3}};

bool measured(const Group& group, const ScoreColumn& column) {
  return spread_of(group, column.value).count > 0;
}

Table table_of(const std::vector<Group>& groups, std::span<const ScoreColumn> all) {
  Table table{{{"method"}, {"labels", true}, {"n", true}}, {}};
  std::vector<ScoreColumn> columns;
  for (const ScoreColumn& column : all) {
    const auto has = [&](const Group& group) { return measured(group, column); };
    if (column.optional && std::none_of(groups.begin(), groups.end(), has)) continue;
    columns.push_back(column);
    table.columns.push_back({column.head, true});
  }
  for (const Group& group : groups) {
    Cells& cells =
        table.rows.emplace_back(Cells{group.label(), percent(group.labels),
                                      with_seeds(group.runs.size(), seed_count(group.runs))});
    for (const ScoreColumn& column : columns)
      cells.push_back(text_of(spread_of(group, column.value), column.digits));
  }
  return table;
}

}  // namespace

Table score_table(const std::vector<Group>& scored) { return table_of(scored, kJointColumns); }

Table mesh_table(const std::vector<Group>& scored) {
  std::vector<Group> groups;
  std::copy_if(scored.begin(), scored.end(), std::back_inserter(groups),
               [](const Group& group) { return spread_of(group, &Scores::pa_f_5mm).count > 0; });
  return table_of(groups, kMeshColumns);
}

void write_results_table(Html& html, const std::vector<Group>& scored) {
  if (scored.empty()) return;
  html.leaf("h2", "Results");
  write_table(html, score_table(scored));
  html.leaf(
      "p", {{"class", "note"}},
      "Mean ± standard deviation over n seeds. FreiHAND's rules; PA: after its Procrustes "
      "alignment; root: with the wrists on each other. EPE and 2D: lower is better; AUC of 0 to "
      "5 cm: higher is better. 2D in pixels of the original picture.");
}

void write_mesh_table(Html& html, const std::vector<Group>& scored) {
  const Table table = mesh_table(scored);
  if (table.rows.empty()) return;
  html.leaf("h2", "Meshes");
  write_table(html, table);
  html.leaf(
      "p", {{"class", "note"}},
      "FreiHAND's rules. Error: mean distance of a vertex from the true one, lower is better. "
      "F: harmonic mean of the shares of predicted and of true vertices that have one of the "
      "other mesh nearer than that, higher is better.");
}

}  // namespace peclr
