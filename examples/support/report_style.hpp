// The looks of a report: style sheet and the few lines of script that enlarge a picture.
#pragma once

namespace support::detail {

inline constexpr char const* report_style = R"css(
:root { color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d2329; --soft: #5f6b76; --rule: #e4e1db; --accent: #00726b;
  --c0: #00726b; --c1: #c25700; --c2: #3b6fb6; --c3: #8a4f9e; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14181c; --card: #1c2227; --ink: #e8eaec; --soft: #9aa6b1; --rule: #2e363d; --accent: #4fc3b5;
  --c0: #4fc3b5; --c1: #f0a35a; --c2: #8ab4f0; --c3: #c79bd8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.55;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: clamp(1.2rem, 4vw, 3.5rem) clamp(1rem, 4vw, 2.5rem) 4rem; }
header { border-bottom: 1px solid var(--rule); padding-bottom: 1.4rem; margin-bottom: 2rem; }
h1 { font-size: clamp(1.7rem, 4.5vw, 2.6rem); line-height: 1.15; letter-spacing: -.02em; margin: 0;
  text-wrap: balance; }
.subtitle { color: var(--soft); font-size: 1.08rem; margin: .6rem 0 0; max-width: 46rem; }
h2 { font-size: 1.3rem; letter-spacing: -.01em; margin: 2.8rem 0 .6rem; }
p { max-width: 46rem; margin: .6rem 0; }
.note, figcaption, .caption { color: var(--soft); font-size: .9rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.6rem 0; }
.fact { background: var(--card); border: 1px solid var(--rule); border-radius: .7rem; padding: .9rem 1.1rem; }
.fact b { display: block; font-size: 1.6rem; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; }
.fact span { color: var(--soft); font-size: .88rem; }
.row { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(calc(50% - .5rem), 15.5rem), 1fr));
  gap: 1rem; margin: 1rem 0 .4rem; }
figure { margin: 0; }
.row img { display: block; width: 100%; height: auto; border-radius: .5rem; border: 1px solid var(--rule);
  cursor: zoom-in; background: #000; }
figcaption { overflow-wrap: anywhere; margin-top: .45rem; }
figcaption b { color: var(--ink); font-weight: 600; display: block; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; font-size: .9rem; margin: .6rem 0 1.2rem; padding: 0;
  list-style: none; }
.chart .legend { margin: 0 .6rem .6rem; }
.legend i { display: inline-block; width: .85em; height: .85em; border-radius: .2em; margin-right: .45em;
  vertical-align: -.06em; }
.scroll { overflow-x: auto; margin: 1rem 0 .3rem; border: 1px solid var(--rule); border-radius: .7rem;
  background: var(--card); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .55rem 1.1rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; font-size: .88rem; color: var(--soft); }
tbody tr { border-top: 1px solid var(--rule); }
.chart { background: var(--card); border: 1px solid var(--rule); border-radius: .7rem; padding: 1rem .8rem .5rem;
  margin: 1rem 0 .3rem; }
.chart svg { display: block; width: 100%; height: auto; }
.chart .narrow { display: none; }
.chart text { font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.grid { stroke: var(--rule); fill: none; } .axis { stroke: var(--soft); fill: none; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.pale { opacity: .28; stroke-width: 1; }
.c0 { stroke: var(--c0); background: var(--c0); } .c1 { stroke: var(--c1); background: var(--c1); }
.c2 { stroke: var(--c2); background: var(--c2); } .c3 { stroke: var(--c3); background: var(--c3); }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: .7rem; padding: 1rem 1.1rem;
  overflow-x: auto;
  font-size: .84rem; line-height: 1.45; }
.drawing { background: #fff; border: 1px solid var(--rule); border-radius: .7rem; padding: 1rem; margin: 1rem 0 .3rem; }
.drawing img { display: block; width: 100%; height: auto; }
dialog { border: 0; padding: 0; background: transparent; max-width: 100vw; max-height: 100vh; }
dialog::backdrop { background: rgb(8 10 12 / .88); }
dialog img { display: block; width: min(96vw, 96vh); height: min(96vw, 96vh); object-fit: contain;
  image-rendering: pixelated; cursor: zoom-out; }
@media (max-width: 40rem) { .chart .wide { display: none; } .chart .narrow { display: block; }
  .facts { grid-template-columns: 1fr 1fr; } .fact b { font-size: 1.3rem; } th, td { padding: .5rem .8rem; } }
@media print { body { background: #fff; } .row, .facts, .chart, .scroll { break-inside: avoid; } }
)css";

inline constexpr char const* report_script = R"js(
const large = document.querySelector("dialog");
document.querySelectorAll(".row img").forEach(picture => picture.addEventListener("click", () => {
  large.firstElementChild.src = picture.src;
  large.firstElementChild.alt = picture.alt;
  large.showModal();
}));
large.addEventListener("click", () => large.close());
)js";

}  // namespace support::detail
