// Adds one plain line to as-pect's report: `N passed, N failed` over all specs.

let passed = 0;
let failed = 0;

process.on("exit", () => console.log(`${passed} passed, ${failed} failed`));

export default {
  stdout: null,
  stderr: null,
  onEnter() {},
  onExit() {},
  onFinish({ testCount, testPassCount, pass }) {
    passed += testPassCount;
    failed += Math.max(testCount - testPassCount, pass ? 0 : 1);
  },
};
