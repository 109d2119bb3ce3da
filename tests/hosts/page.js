// The smoke test in a browser: tells the server which version runs and what came. The page's name says whether the
// library is imported or was put there by its script tag.
import { smoke } from "./smoke.js";
import { shares } from "./threads.js";

function tell(report) {
  return fetch("/report", { method: "POST", body: JSON.stringify(report) });
}

addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  tell({ error: `the content security policy forbids ${violatedDirective} ${blockedURI}` });
});

try {
  const byScript = !location.pathname.endsWith("/module.html");
  const octavo = byScript ? globalThis.octavo : await import("../../build/octavo.js");
  const version = /(?:Chrome|Firefox)\/(\S+)/.exec(navigator.userAgent)?.[1];
  await tell({ version, tiers: await smoke(octavo), threads: await shares(octavo) });
} catch (error) {
  await tell({ error: `${error}\n${error.stack}` });
}
