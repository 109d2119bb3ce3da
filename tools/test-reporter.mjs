// What node:test tells, as one line of JSON for each finished test and for each thing a test says: tools/test.mjs reads it.

const WORDS = { "test:pass": "passed", "test:fail": "failed" };

/** What node:test itself says at the end of a file. */
const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/** The error that a test threw, without the stack of the test runner. */
function textOf({ cause, message }) {
  if (!(cause instanceof Error)) return String(cause ?? message);
  const lines = (cause.stack ?? cause.message).split("\n");
  return lines.filter((line) => !/^ +at .*\(?node:/.test(line)).join("\n");
}

/** The outcome of one test; none for groups, nor for a test that failed only because its inner ones did. */
function outcomeOf(type, { name, skip, todo, details }, path) {
  const group = details.type === "suite";
  if (type === "test:pass") {
    if (group) return undefined;
    const skipped = skip ?? todo;
    return skipped === undefined ? { is: "passed" } : { is: "skipped", path, reason: skipped === true ? "" : skipped };
  }
  if (details.error.failureType === "subtestsFailed") return undefined;
  return { is: WORDS[type], path, name, text: textOf(details.error) };
}

export default async function* report(events) {
  const names = [];
  for await (const { type, data } of events) {
    // starts are told in the order of the source, each before what is inside it
    if (type === "test:start") names.splice(data.nesting, Number.POSITIVE_INFINITY, data.name);
    if (type === "test:diagnostic" && !SUMMARY.test(data.message))
      yield `${JSON.stringify({ is: "told", text: data.message })}\n`;
    if (!(type in WORDS)) continue;
    const outcome = outcomeOf(type, data, names.slice(0, data.nesting).concat(data.name).join(" > "));
    if (outcome) yield `${JSON.stringify(outcome)}\n`;
  }
}
