// SPDX-License-Identifier: Apache-2.0
#include "tools/report/page.h"

#include "tools/report/curves.h"
#include "tools/report/headline.h"
#include "tools/report/overlays.h"
#include "tools/report/pair_sheet.h"
#include "tools/report/probes.h"
#include "tools/report/provenance.h"
#include "tools/report/score_tables.h"
#include "tools/version.h"

namespace peclr {

std::string report_page(const std::vector<Run>& runs) {
  const std::vector<Group> pretrained = group_runs(runs, is_pretraining);
  const std::vector<Group> finetuned = group_runs(runs, is_finetuning);
  const std::vector<Group> scored = group_runs(runs, is_scored);
  const std::string title = title_of(runs);
  Html html;
  html.markup("<!DOCTYPE html>\n");
  html.in("html", {{"lang", "en"}}, [&] {
    html.in("head", {}, [&] {
      html.single("meta", {{"charset", "utf-8"}});
      html.single("meta", {{"name", "viewport"}, {"content", "width=device-width"}});
      html.single("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
      html.leaf("title", title);
      html.in("style", {}, [&] { html.markup(kReportStyle); });
    });
    html.in("body", {}, [&] {
      html.in("header", {}, [&] {
        html.leaf("h1", title);
        html.leaf("p", {{"class", "summary"}}, summary_of(runs));
        html.leaf("p", {{"class", "headline"}}, headline_of(runs));
      });
      html.in("main", {}, [&] {
        write_results_table(html, scored);
        write_mesh_table(html, scored);
        write_probe_tables(html, runs);
        write_pck_curves(html, scored);
        write_pair_sheets(html, pretrained);
        write_overlays(html, scored);
        write_predictions(html, runs);
        write_pretraining_curves(html, pretrained);
        write_finetuning_curves(html, finetuned);
        write_machines(html, runs);
        write_settings(html, runs);
      });
      html.leaf("footer", fmt::format("Written by peclr {} report.", kVersion));
    });
  });
  html.markup("\n");
  return html.page();
}

}  // namespace peclr
