/** Style sheet of the report: system fonts, light and dark, one column on a phone, plain on paper. */
export const styleSheet = `
:root{color-scheme:light dark;--paper:#fff;--page:#f5f6f8;--text:#1c2430;--muted:#5a6472;--grid:#dfe3e8;
--forgotten:#c2410c;--retained:#0069a8;--unseen:#00805f;--third:#8a4fa3;--fourth:#806600;
--good:#0b6b3a;--good-bg:#e7f5ec;--mid:#7a5200;--mid-bg:#fdf3dc;--bad:#a3260f;--bad-bg:#fcebe6}
@media(prefers-color-scheme:dark){:root{--paper:#191e26;--page:#10141a;--text:#e8ebf0;--muted:#a3adba;--grid:#333b47;
--forgotten:#ff8f5a;--retained:#62b5f0;--unseen:#45cfa2;--third:#cf9ae6;--fourth:#e0c14d;
--good:#7fdca6;--good-bg:#12301f;--mid:#f2cd7a;--mid-bg:#352a10;--bad:#ff9f8a;--bad-bg:#3a1912}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{max-width:1060px;margin:0 auto;padding:28px 20px 48px}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:40px 0 6px}
h3{font-size:1rem;margin:20px 0 4px}
p{margin:0 0 10px;max-width:74ch}
.when{color:var(--muted);margin-bottom:20px}
.verdict{border-radius:12px;padding:18px 22px;margin:0 0 14px;border-left:7px solid currentColor}
.verdict strong{display:block;font-size:1.32rem;line-height:1.3;margin-bottom:4px}
.verdict p{margin:0;color:var(--text);font-size:1.06rem;overflow-wrap:anywhere}
.good{background:var(--good-bg);color:var(--good)}
.mid{background:var(--mid-bg);color:var(--mid)}
.bad{background:var(--bad-bg);color:var(--bad)}
ul{margin:4px 0 12px;padding-left:22px}li{max-width:74ch;overflow-wrap:anywhere}
.card{background:var(--paper);border:1px solid var(--grid);border-radius:12px;padding:16px 18px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:8px 10px;border-bottom:1px solid var(--grid);vertical-align:top}
tr:last-child>*{border-bottom:0}
th{font-weight:600}thead th{color:var(--muted);font-weight:600}
.num{text-align:right;white-space:nowrap}
.hint{display:block;font-weight:400;color:var(--muted);font-size:.84rem;line-height:1.35}
.mine{background:color-mix(in srgb,var(--forgotten) 9%,transparent)}thead .mine{color:var(--forgotten)}
.figures{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:18px;align-items:start}
figure{margin:0;break-inside:avoid}
figure svg{display:block;width:100%;height:auto;max-width:520px}
figcaption{color:var(--muted);font-size:.92rem;line-height:1.45;margin-top:10px}
.stack{display:grid;gap:18px}
.faces{display:grid;grid-template-columns:repeat(auto-fill,minmax(138px,1fr));gap:16px;margin:14px 0 0;padding:0;list-style:none}
.faces img{width:100%;max-width:160px;aspect-ratio:1;border-radius:10px;image-rendering:pixelated;display:block}
.faces dl{display:block;margin:8px 0 0;font-size:.88rem;line-height:1.4}
.faces dt{color:var(--muted)}.faces dd{margin:0 0 4px;overflow-wrap:anywhere}
.meter{display:block;height:5px;border-radius:3px;background:var(--grid);margin-top:3px;overflow:hidden}
.meter i{display:block;height:100%}
.right{color:var(--retained)}.right~.meter i{background:var(--retained)}
.wrong{color:var(--forgotten)}.wrong~.meter i{background:var(--forgotten)}
.facts td,.facts th{font-size:.94rem}.facts th{width:38%;color:var(--muted);font-weight:500}
.facts td{overflow-wrap:anywhere}
.digests th,.digests td{width:auto}.digests code{white-space:nowrap}
code{font:0.86em/1.4 ui-monospace,"Liberation Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
footer{margin-top:36px;color:var(--muted);font-size:.9rem}
@media(max-width:760px){.models tr{display:grid;grid-template-columns:repeat(var(--models),1fr);border-bottom:1px solid var(--grid);padding:6px 0}
.models tr>*{border:0;padding:3px 6px}.models tbody tr>:first-child{grid-column:1/-1}.models thead tr>:first-child{display:none}.models tr:last-child{border:0}
main{padding:18px 14px 36px}.figures{grid-template-columns:minmax(0,1fr)}.card{padding:13px 12px}
h1{font-size:1.4rem}.verdict{padding:14px 16px}th,td{padding:7px 6px;font-size:.94rem}.hint{font-size:.8rem}
.digests tr{display:block;padding:6px 0;border-bottom:1px solid var(--grid)}.digests th,.digests td{display:block;border:0;padding:1px 6px;width:auto}.digests thead{display:none}.digests code{white-space:normal}}
@media print{:root{--paper:#fff;--page:#fff;--text:#000;--muted:#444;--grid:#ccc;--forgotten:#b63a08;--retained:#005f99;--unseen:#00704f;
--third:#7a3f94;--fourth:#6d5800;--good:#0b6b3a;--good-bg:#fff;--mid:#6b4700;--mid-bg:#fff;--bad:#a3260f;--bad-bg:#fff}
body{font-size:11pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}main{max-width:none;padding:0}.card{border-color:#bbb;padding:10px}h2{break-after:avoid}tr,.faces li{break-inside:avoid}}
`
