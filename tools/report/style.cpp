// SPDX-License-Identifier: Apache-2.0
#include "tools/report/page.h"

namespace peclr {

// Line colours are Okabe and Ito's, told apart with any colour vision (lighter in the dark).
const char* const kReportStyle = R"(
:root {
  --ground: #ffffff; --ink: #16181d; --soft: #5a6270; --rule: #d8dce2; --panel: #f4f6f8;
  --c0: #00805c; --c1: #c94f00; --c2: #0068a8; --c3: #a6437f; --c4: #8a6d00; --c5: #4b4bb5;
  --c6: #6b6f76; --c7: #0b8793;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --ink: #e9ebee; --soft: #a3abb6; --rule: #363c45; --panel: #1d2127;
    --c0: #3ccf9f; --c1: #ff9a5a; --c2: #5cb8f5; --c3: #e79ac6; --c4: #e3c65b; --c5: #a9a9ff;
    --c6: #b5bac2; --c7: #5fd3dd;
  }
}
@media print {
  :root {
    --ground: #ffffff; --ink: #000000; --soft: #444a55; --rule: #c5cad1; --panel: #ffffff;
    --c0: #00805c; --c1: #c94f00; --c2: #0068a8; --c3: #a6437f; --c4: #8a6d00; --c5: #4b4bb5;
    --c6: #6b6f76; --c7: #0b8793;
  }
  figure, tr, .pairs, .ranks > div { break-inside: avoid; }
  h2, h3, .lead { break-after: avoid; }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 40px 24px 64px; max-width: 1128px; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
}
h1 { margin: 0; font-size: 34px; line-height: 1.15; letter-spacing: -0.015em; }
h2 {
  margin: 48px 0 14px; padding-top: 12px; border-top: 1px solid var(--rule); font-size: 21px;
  line-height: 1.25;
}
h3 { margin: 22px 0 8px; font-size: 16px; line-height: 1.3; }
p { margin: 0; max-width: 78ch; text-wrap: pretty; }
.summary { margin-top: 8px; max-width: none; color: var(--soft); }
.headline {
  margin-top: 22px; padding: 2px 0 2px 18px; border-left: 4px solid var(--c2); font-size: 20px;
  line-height: 1.45;
}
.note, figcaption { color: var(--soft); font-size: 13.5px; line-height: 1.45; }
.note { margin-top: 10px; max-width: 100ch; }
.lead { margin-bottom: 14px; }
.gone { color: var(--soft); font-style: italic; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 15px; }
th {
  padding: 6px 14px 6px 0; border-bottom: 1.5px solid var(--ink); font-size: 13.5px;
  font-weight: 600; vertical-align: bottom;
}
td { padding: 8px 14px 8px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
.word { text-align: left; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.number { white-space: normal; }
th:last-child, td:last-child { padding-right: 0; }
figure { margin: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 28px 40px; }
.chart h3 { margin-top: 0; }
.chart svg:not(.swatch) { display: block; width: 100%; height: auto; overflow: hidden; }
.legend {
  display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 0 0 6px; padding: 0; list-style: none;
  font-size: 13.5px;
}
.swatch { width: 22px; height: 8px; margin-right: 6px; vertical-align: 1px; }
svg text { fill: var(--ink); font-size: 13px; }
svg .tick { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
svg .name { fill: var(--soft); }
.grid { stroke: var(--rule); stroke-width: 1; }
.axis { stroke: var(--soft); stroke-width: 1; }
.level { stroke: var(--soft); stroke-width: 1.25; stroke-dasharray: 2 4; }
.faint, .line { fill: none; stroke: var(--c); stroke-linejoin: round; }
.faint { stroke-width: 1; stroke-opacity: 0.28; }
.line { stroke-width: 2.25; stroke-linecap: round; }
.dashed { stroke-dasharray: 5 5; }
svg text.label { fill: var(--c); font-weight: 600; }
svg text.soft { fill: var(--soft); font-weight: 400; }
.leader { stroke: var(--c); stroke-width: 0.75; stroke-opacity: 0.6; }
.leader.soft { stroke: var(--soft); }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
.c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); }
.pairs { display: grid; gap: 10px; }
.five { grid-template-columns: repeat(5, 1fr); }
.three { grid-template-columns: repeat(3, 1fr); max-width: 660px; }
.head { color: var(--soft); font-size: 13.5px; font-weight: 600; }
.pairs .head { align-self: end; }
.pairs svg { display: block; width: 100%; background: var(--panel); }
.pairs figcaption { margin-top: 3px; font-size: 12px; font-variant-numeric: tabular-nums; }
.crop, .mark * { fill: none; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.crop { stroke: var(--c); stroke-width: 2.5; }
.mark * { stroke: #ffffff; stroke-width: 1.4; }
.under * { stroke: #000000; stroke-opacity: 0.6; stroke-width: 3.4; }
.ranks { display: grid; grid-template-columns: repeat(3, 1fr); gap: 24px; }
.overlay { margin: 4px 0 14px; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 4px; }
img { display: block; width: 100%; height: auto; }
.overlay figcaption { margin-top: 4px; font-variant-numeric: tabular-nums; }
.overlay b { color: var(--ink); }
.drawn { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 16px; }
.drawn figcaption { margin-top: 4px; overflow-wrap: anywhere; }
pre {
  margin: 0; padding: 14px 16px; overflow-wrap: anywhere; white-space: pre-wrap;
  background: var(--panel);
}
.commands { margin: 0; padding-left: 26px; }
.commands li { padding: 5px 0; color: var(--soft); }
code { color: var(--ink); overflow-wrap: anywhere; }
code, pre { font: 13px/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
details { border-bottom: 1px solid var(--rule); }
summary { padding: 9px 0; cursor: pointer; overflow-wrap: anywhere; }
details pre { margin-bottom: 14px; }
footer { margin-top: 48px; color: var(--soft); font-size: 13.5px; }
@media (max-width: 640px) {
  body { padding: 24px 16px 48px; }
  h1 { font-size: 27px; }
  .headline { font-size: 18px; }
  .pairs { gap: 5px; }
  .pairs figcaption, .pairs .head { font-size: 10.5px; line-height: 1.3; }
  .ranks { grid-template-columns: 1fr; gap: 10px; }
}
)";

}  // namespace peclr
