#include "Sections.h"

const char *raddle::report::styleSheet() {
  return R"css(
:root { color-scheme: light dark; --back: #ffffff; --text: #1c2733; --faint: #6b7885; --line: #d5dce2;
  --kernel: #2f7dc4; --library: #c8692b; --collective: #7d4fb5; --copy: #b9a31f; --check: #8a949e; --event: #b4bcc4;
  --tint0: #9cc4e8; --tint1: #f0c49b; --tint2: #b9ddb0; --tint3: #d3bdec; --tint4: #f2b8bd; --tint5: #bfe3e2; }
@media (prefers-color-scheme: dark) { :root { --back: #14191f; --text: #dbe3ea; --faint: #8d9aa6; --line: #37424d;
  --kernel: #58a3e6; --library: #e0894d; --collective: #a67fdb; --copy: #d1bd4b; --check: #6f7a85; --event: #55606b;
  --tint0: #2d5c86; --tint1: #8a5a2b; --tint2: #3f6e38; --tint3: #5d4487; --tint4: #87414a; --tint5: #2f6d6c; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; max-width: 1140px;
  margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin-bottom: 0; } h2 { margin-top: 40px; border-bottom: 1px solid var(--line); }
h3 { margin-top: 28px; } h4 { margin-bottom: 0; } h4 + p { margin-top: 0; } p { max-width: 80ch; }
header p, .legend { color: var(--faint); }
.scroll { overflow-x: auto; max-height: 520px; overflow-y: auto; } .chart svg { width: 100%; height: auto; display: block; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 14px 3px 0; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
th { position: sticky; top: 0; background: var(--back); color: var(--faint); font-weight: 600; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--faint); }
.legend span { margin-right: 16px; white-space: nowrap; }
.legend i { display: inline-block; width: 12px; height: 12px; margin-right: 6px; border-radius: 2px; }
i.kernel { background: var(--kernel); } i.library { background: var(--library); } i.copy { background: var(--copy); }
i.collective { background: var(--collective); } i.check { background: var(--check); } i.event { background: var(--event); }
svg text { font: 11px system-ui, sans-serif; fill: var(--text); pointer-events: none; }
svg .area { fill: var(--kernel); fill-opacity: 0.45; stroke: var(--kernel); }
svg .limit { stroke: var(--faint); stroke-dasharray: 5 4; } svg .axis { stroke: var(--faint); }
svg .peak { fill: var(--library); } svg .frame { fill: none; stroke: var(--line); pointer-events: none; }
svg .kernel { fill: var(--kernel); } svg .library { fill: var(--library); } svg .collective { fill: var(--collective); }
svg .copy { fill: var(--copy); } svg .check { fill: var(--check); } svg .event { fill: var(--event); }
svg .block { stroke: var(--back); stroke-width: 0.25; } svg rect:hover { fill-opacity: 0.6; }
svg .tint0 { fill: var(--tint0); } svg .tint1 { fill: var(--tint1); } svg .tint2 { fill: var(--tint2); }
svg .tint3 { fill: var(--tint3); } svg .tint4 { fill: var(--tint4); } svg .tint5 { fill: var(--tint5); }
svg .padding { fill: url(#hatch); stroke: var(--line); } svg .boundary { stroke: var(--text); stroke-width: 1.2; }
)css";
}
