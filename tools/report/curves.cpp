// SPDX-License-Identifier: Apache-2.0
#include "tools/report/curves.h"

#include <algorithm>

#include "models/metrics.h"
#include "tools/report/chart.h"
#include "tools/report/series.h"

namespace peclr {
namespace {

constexpr std::size_t kRawPoints = 500, kLinePoints = 250;

// The strong line is the mean over seeds of the smoothed values; the faint ones are what each run
// logged.
ChartLine metric_line(const Group& group, const char* key, std::string label) {
  ChartLine line{std::move(label), group.colour};
  std::vector<std::vector<Point>> curves;
  for (const Run* run : group.runs) {
    const auto it = run->metrics.find(key);
    if (it == run->metrics.end()) continue;
    const std::vector<Point>& raw = it->second;
    line.faint.push_back(thinned(raw, kRawPoints));
    curves.push_back(smoothed(raw, std::max<std::size_t>(3, raw.size() / 10)));
  }
  line.line = thinned(mean_of(curves), kLinePoints);
  return line;
}

// What a title adds where there are several label fractions.
std::string of_labels(const std::vector<Group>& part, const std::vector<Group>& all) {
  return part.size() == all.size() ? "" : ", " + percent(part[0].labels) + " of the labels";
}

bool has(const std::vector<Group>& groups, const char* key) {
  return std::any_of(groups.begin(), groups.end(), [&](const Group& g) {
    return std::any_of(g.runs.begin(), g.runs.end(),
                       [&](const Run* run) { return run->metrics.contains(key); });
  });
}

std::string several_runs(const std::vector<Group>& groups) {
  const bool several =
      std::any_of(groups.begin(), groups.end(), [](const Group& g) { return g.runs.size() > 1; });
  return several
             ? "Strong: mean over seeds of a moving mean. Faint: every logged step of every run."
             : "Strong: moving mean over a tenth of the steps. Faint: every logged step.";
}

Chart metric_chart(const std::vector<Group>& groups, const char* key, std::string title,
                   std::string y_label) {
  Chart chart{std::move(title), "optimiser step", std::move(y_label)};
  for (const Group& group : groups) chart.lines.push_back(metric_line(group, key, group.label()));
  return chart;
}

// The loss of a network that cannot tell the 2N - 1 other views of a batch apart.
void add_chance(Chart& chart, const std::vector<Group>& groups) {
  const int batch = groups[0].runs[0]->settings.train.batch_size;
  for (const Group& group : groups)
    if (group.runs[0]->settings.train.batch_size != batch) return;
  chart.levels.push_back({std::log(2.0 * batch - 1), fmt::format("chance, ln {}", 2 * batch - 1)});
}

ChartLine pck_line(const Group& group, std::vector<double> Scores::*pck, double Scores::*auc) {
  ChartLine line{fmt::format("{} {:.3f}", group.label(), spread_of(group, auc).mean), group.colour};
  for (const Run* run : group.runs) {
    const std::vector<double>& values = (*run->scores).*pck;
    std::vector<Point> curve;
    for (std::size_t i = 0; i < values.size(); ++i)
      curve.push_back({100 * pck_threshold(static_cast<int>(i)), 100 * values[i]});
    if (!curve.empty()) line.faint.push_back(std::move(curve));
  }
  line.line = mean_of(line.faint);
  if (line.faint.size() == 1) line.faint.clear();
  return line;
}

}  // namespace

void write_pretraining_curves(Html& html, const std::vector<Group>& pretrained) {
  if (!has(pretrained, "loss")) return;
  html.leaf("h2", "Pre-training");
  html.in("div", {{"class", "charts"}}, [&] {
    Chart loss = metric_chart(pretrained, "loss", "Contrastive loss", "NT-Xent loss (nats)");
    add_chance(loss, pretrained);
    write_chart(html, loss);
    Chart similarity{"Do two views of one picture agree?", "optimiser step",
                     "cosine similarity of projections"};
    for (const Group& group : pretrained) {
      similarity.lines.push_back(
          metric_line(group, "positive_similarity", group.label() + ", positives"));
      ChartLine negatives =
          metric_line(group, "negative_similarity", group.label() + ", negatives");
      negatives.stroke = Stroke::dashed;
      similarity.lines.push_back(std::move(negatives));
    }
    write_chart(html, similarity);
  });
  html.leaf("p", {{"class", "note"}},
            several_runs(pretrained) +
                " Positives: two views of one picture; negatives: views of different ones.");
}

void write_finetuning_curves(Html& html, const std::vector<Group>& finetuned) {
  if (!has(finetuned, "loss")) return;
  html.leaf("h2", "Fine-tuning");
  html.in("div", {{"class", "charts"}}, [&] {
    for (const std::vector<Group>& part : by_labels(finetuned)) {
      const std::string labels = of_labels(part, finetuned);
      write_chart(html, metric_chart(part, "loss", "Fine-tuning loss" + labels,
                                     "L1(px) + 5 L1(depth) + L1(root)"));
      write_chart(html, metric_chart(part, "uv_px", "2D error on training batches" + labels,
                                     "mean |error| (px of the input)"));
    }
  });
  html.leaf("p", {{"class", "note"}}, several_runs(finetuned));
}

void write_pck_curves(Html& html, const std::vector<Group>& scored) {
  if (std::none_of(scored.begin(), scored.end(), [](const Group& g) {
        return std::any_of(g.runs.begin(), g.runs.end(),
                           [](const Run* run) { return !run->scores->pck.empty(); });
      }))
    return;
  html.leaf("h2", "How many joints are within a given error?");
  html.in("div", {{"class", "charts"}}, [&] {
    for (const std::vector<Group>& part : by_labels(scored)) {
      const std::string labels = of_labels(part, scored);
      Chart aligned{"PCK after alignment" + labels, "error threshold (cm)", "joints within (%)"};
      Chart plain{"PCK in camera space" + labels, aligned.x_label, aligned.y_label};
      aligned.x = plain.x = ChartRange{0, 100 * kPckLimit};
      aligned.y = plain.y = ChartRange{0, 100};
      for (const Group& group : part) {
        aligned.lines.push_back(pck_line(group, &Scores::pa_pck, &Scores::pa_auc));
        plain.lines.push_back(pck_line(group, &Scores::pck, &Scores::auc));
      }
      write_chart(html, aligned);
      write_chart(html, plain);
    }
  });
  html.leaf("p", {{"class", "note"}},
            "Numbers at the lines: area under the curve, PA-AUC after FreiHAND's Procrustes "
            "alignment, AUC in camera space.");
}

}  // namespace peclr
