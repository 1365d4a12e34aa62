"""The style sheet of the quality report: light and dark by the reader's own setting, legible when printed."""

CSS = """
:root{--bg:#fbfaf8;--card:#fff;--ink:#22252a;--soft:#6b7078;--line:#e4e1db;--rail:#f0ede7;--a:#3b6ea8;--good:#2e8b57;
--bad:#c0392b;--warn:#c98a1b;--none:#9aa0a8}
@media (prefers-color-scheme:dark){:root{--bg:#15171a;--card:#1d2024;--ink:#e8e6e3;--soft:#9aa0a8;--line:#2f343a;
--rail:#282c31;--a:#6f9fd8;--good:#55b581;--bad:#e2685b;--warn:#dba94a;--none:#6b7078}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:860px;margin:0 auto;padding:28px 20px 60px}
section,.banner{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 22px;margin:0 0 16px}
.banner{display:flex;gap:18px;align-items:center;border-left:8px solid var(--good)}
.banner.bad{border-left-color:var(--bad)}
.banner .mark{font-size:34px;line-height:1;color:var(--good)}
.banner.bad .mark{color:var(--bad)}
h1{font-size:22px;margin:0;overflow-wrap:anywhere}
h2{font-size:16px;margin:0 0 10px}
p{margin:0 0 10px;color:var(--soft)}
.banner p{margin:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px}
.tiles div{display:flex;flex-direction:column}
.tiles b{font-size:24px;font-variant-numeric:tabular-nums}
.tiles small{color:var(--soft)}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:600;color:var(--soft);font-size:13px}
td,th{padding:6px 10px 6px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}
td.name{white-space:nowrap;padding-right:18px}
td.good{color:var(--good)}
td.bad{color:var(--bad)}
td.none{color:var(--soft)}
code{font:13px ui-monospace,SFMono-Regular,Menlo,monospace}
ul{margin:6px 0 0;padding-left:18px}
summary{cursor:pointer;color:var(--soft);font-size:13px}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--ink);font-size:13px}
svg .label{text-anchor:end}
svg .note{fill:var(--soft);font-variant-numeric:tabular-nums}
svg .rail{fill:var(--rail)}
svg .a{fill:var(--a)}
svg .good{fill:var(--good)}
svg .bad{fill:var(--bad)}
svg .warn{fill:var(--warn)}
svg .none{fill:var(--none)}
svg .whisker{stroke:var(--ink);stroke-width:1.5;fill:none}
@media print{body{background:#fff}section,.banner{break-inside:avoid}}
"""
