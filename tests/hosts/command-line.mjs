// The smoke test in Node, Deno and Bun: prints as JSON which version runs and what came. Needs no permission.
import * as octavo from "../../build/octavo.js";
import { smoke } from "./smoke.js";
import { shares } from "./threads.js";

const version = globalThis.Deno?.version.deno ?? globalThis.Bun?.version ?? globalThis.process.versions.node;
console.log(JSON.stringify({ version, tiers: await smoke(octavo), threads: await shares(octavo) }));
