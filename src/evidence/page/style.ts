// The style of the page: light and dark, for wide screens, phones and paper.

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --ink: #16202c; --soft: #5b6776; --line: #dde2e9; --grid: #e8ecf1;
  --good: #0a7a4b; --good-ground: #e2f4ea; --bad: #b3261e; --bad-ground: #fbe9e7; --note: #8a5a00; --note-ground: #fdf1d8;
  --c0: #2f6fdb; --c1: #12917f; --c2: #d07c15; --c3: #8554d1; --c4: #c2417c; --c5: #5f7f1f; --c6: #3f8fb5; --c7: #9a6b4b;
  --rest: #b9c2cd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10151c; --card: #182029; --ink: #e6ebf1; --soft: #9aa7b5; --line: #2b3642; --grid: #25303b;
    --good: #5fd19a; --good-ground: #12331f; --bad: #ff8f86; --bad-ground: #3c1815; --note: #f2c15b; --note-ground: #382a0d;
    --c0: #6da2ff; --c1: #3fc4b0; --c2: #f0a850; --c3: #b592f5; --c4: #f07fb0; --c5: #a5cc5c; --c6: #6cc3ea; --c7: #cf9f7c;
    --rest: #4a5866;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 48px; }
header { margin-bottom: 20px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 18px; margin: 36px 0 12px; letter-spacing: -0.005em; }
h3 { font-size: 14px; margin: 0 0 8px; font-weight: 600; }
p { margin: 0 0 10px; }
.soft, .empty { color: var(--soft); }
.way { font-size: 16px; overflow-wrap: anywhere; }
.badge {
  display: inline-block; padding: 2px 10px; border-radius: 999px; font-size: 13px; font-weight: 600; white-space: nowrap;
  background: var(--note-ground); color: var(--note);
}
.badge.good { background: var(--good-ground); color: var(--good); }
.badge.bad { background: var(--bad-ground); color: var(--bad); }
.facts { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 12px; margin: 20px 0 0; padding: 0; }
.fact, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.fact { padding: 12px 14px; }
.fact dt { font-size: 12px; color: var(--soft); }
.fact dd { margin: 2px 0 0; font-size: 20px; font-weight: 600; line-height: 1.3; overflow-wrap: anywhere; }
.fact dd small { display: block; font-size: 12px; font-weight: 400; color: var(--soft); }
.card { padding: 16px; min-width: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 12px; }
.cards.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); }
data, time, .number { font-variant-numeric: tabular-nums; }
time { white-space: nowrap; }
code { font: 13px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
ul { margin: 0; padding-left: 18px; }
li { overflow-wrap: anywhere; }
.lines { list-style: none; padding: 0; color: var(--soft); font-size: 13px; }
.lines li { white-space: pre-wrap; }
svg { display: block; width: 100%; height: auto; max-width: 520px; }
svg text { fill: var(--soft); font: 10.5px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
.grid { stroke: var(--grid); stroke-width: 1; }
.axis { stroke: var(--line); stroke-width: 1; }
.goal { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 4 3; }
.trace { fill: none; stroke: var(--c0); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.under { fill: var(--c0); opacity: 0.12; }
.dot { fill: var(--card); stroke: var(--c0); stroke-width: 2; }
.bar { width: 100%; max-width: none; height: 22px; border-radius: 6px; margin-bottom: 10px; }
.f0 { fill: var(--c0); } .f1 { fill: var(--c1); } .f2 { fill: var(--c2); } .f3 { fill: var(--c3); } .f4 { fill: var(--c4); }
.f5 { fill: var(--c5); } .f6 { fill: var(--c6); } .f7 { fill: var(--c7); } .rest { fill: var(--rest); } .wrong { fill: var(--bad); }
.key { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 2px 28px; list-style: none; padding: 0; margin-bottom: 12px; font-size: 14px; }
.card > :last-child { margin-bottom: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); column-gap: 20px; align-items: start; }
.pair section { min-width: 0; }
.key li { display: flex; align-items: center; gap: 8px; }
.key svg { flex: none; width: 10px; height: 10px; }
.key data { margin-left: auto; white-space: nowrap; }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th { text-align: left; font-weight: 600; font-size: 12px; color: var(--soft); vertical-align: bottom; }
th, td { padding: 7px 10px 7px 0; border-bottom: 1px solid var(--line); }
td { vertical-align: top; overflow-wrap: anywhere; }
tbody tr:last-child td { border-bottom: 0; }
th.number, td.number { text-align: right; overflow-wrap: normal; }
td.number { white-space: nowrap; }
.state { display: block; font-size: 12px; color: var(--soft); white-space: nowrap; }
td > time, td > span > time { white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
details summary { cursor: pointer; color: var(--soft); }
details[open] summary { margin-bottom: 8px; }
footer { margin-top: 36px; font-size: 13px; color: var(--soft); overflow-wrap: anywhere; }
@media (max-width: 720px) {
  main { padding: 18px 12px 32px; }
  h1 { font-size: 22px; }
  .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px; }
  .fact { padding: 10px 12px; }
  .fact dd { font-size: 17px; }
  .card { padding: 12px; }
  table, tbody, tr, td { display: block; width: 100%; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { padding: 8px 0; border-bottom: 1px solid var(--line); }
  tbody tr:last-child { border-bottom: 0; }
  td, th, td.number { display: flex; gap: 12px; padding: 2px 0; border: 0; text-align: left; white-space: normal; }
  td::before { content: attr(data-label); flex: 0 0 38%; color: var(--soft); font-size: 13px; }
  td > span { flex: 1; min-width: 0; overflow-wrap: anywhere; }
}
@media (max-width: 980px) {
  .compact, .compact tbody, .compact tr, .compact td { display: block; width: 100%; }
  .compact thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .compact tr {
    display: grid; grid-template-columns: repeat(auto-fill, minmax(min(46%, 200px), 1fr)); column-gap: 20px;
    padding: 8px 0; border-bottom: 1px solid var(--line);
  }
  .compact tbody tr:last-child { border-bottom: 0; }
  .compact td, .compact td.number { display: flex; gap: 12px; justify-content: space-between; padding: 2px 0; border: 0; }
  .compact td:first-child { grid-column: 1 / -1; justify-content: flex-start; font-weight: 600; }
  .compact td::before { content: attr(data-label); flex: 0 1 auto; color: var(--soft); font-size: 13px; }
  .compact td:first-child::before { content: none; }
  .compact td > span { flex: none; }
  .compact td:first-child .state { display: inline; margin-left: 6px; }
}
@media print {
  :root {
    color-scheme: light;
    --ground: #ffffff; --card: #ffffff; --ink: #000000; --soft: #444444; --line: #bbbbbb; --grid: #dddddd;
    --good: #0a7a4b; --good-ground: #ffffff; --bad: #b3261e; --bad-ground: #ffffff; --note: #7a5000; --note-ground: #ffffff;
    --c0: #2f6fdb; --c1: #12917f; --c2: #d07c15; --c3: #8554d1; --c4: #c2417c; --c5: #5f7f1f; --c6: #3f8fb5; --c7: #9a6b4b;
    --rest: #b9c2cd;
  }
  body { font-size: 10.5pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  .badge { border: 1px solid currentColor; }
  .card, .fact, tr, svg { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  @page { margin: 14mm; }
}
`;
