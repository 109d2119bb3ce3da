// The table that a person reads: one line a figure, times as minimum / median.

const COLUMNS = [
  ["work", 47],
  ["asked", 10],
  ["octavo min / median", 20],
  ["rival min / median", 20],
  ["ratio", 7],
  ["", 14],
];

/** Seconds with three digits. */
function time(seconds) {
  if (Math.abs(seconds) >= 1e-3) return `${(seconds * 1e3).toPrecision(3)} ms`;
  return `${(seconds * 1e6).toPrecision(3)} us`;
}

const pair = (figure) => (figure ? `${time(figure.min)} / ${time(figure.median)}` : "");

function line(cells) {
  return cells
    .map((cell, i) => cell.padEnd(COLUMNS[i][1]))
    .join("  ")
    .trimEnd();
}

export function printTitle(machine) {
  const { cpu, cores, node, tier, rival, date } = machine;
  console.log(`${cpu}, ${cores} cores, Node ${node}, tier ${tier}, ${rival}, ${date}\n`);
  console.log(line(COLUMNS.map(([title]) => title)));
}

export function printRow({ work, asked = "", octavo, rival, ratio, figure = "", ok }) {
  const verdict = ok === undefined ? "" : ok ? "ok" : "MISS";
  const times = ratio === undefined ? "" : `${ratio.toFixed(2)}x`;
  console.log(line([work, asked, pair(octavo), pair(rival), times, [figure, verdict].filter(Boolean).join(" ")]));
}
