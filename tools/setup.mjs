// Makes a fresh clone ready: installs what package-lock.json asks for and builds build/, each only where it is not there
// or not of today (--build: builds in any case). Needs Node and npm, nothing else; is silent when there is nothing to do.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = ["assembly", "src", "tools", "asconfig.json", "asconfig.unpacker.json", "package.json"];

/** There npm is a script of the shell. */
const NPM_NEEDS_SHELL = process.platform === "win32";

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit", shell: NPM_NEEDS_SHELL && command === "npm" });
  if (error) console.error(error.message);
  if (status !== 0) process.exit(status || 1);
}

/** Packages of a lock file by their place; without those that are only for some platforms. */
function packagesOf(file) {
  const packages = Object.entries(JSON.parse(readFileSync(file, "utf8")).packages);
  return packages
    .filter(([place, entry]) => place && !entry.optional)
    .map(([place, { version }]) => `${place}@${version}`);
}

/** Whether node_modules holds what the lock file asks for. */
function isInstalled() {
  if (!existsSync("node_modules/.package-lock.json")) return false;
  const installed = new Set(packagesOf("node_modules/.package-lock.json"));
  return packagesOf("package-lock.json").every((one) => installed.has(one));
}

/** When something under a path last changed; a folder changes when a file comes or goes. */
function changed(path) {
  const stat = statSync(path);
  const inside = stat.isDirectory() ? readdirSync(path).map((name) => changed(join(path, name))) : [];
  return Math.max(stat.mtimeMs, ...inside);
}

/** Whether nothing changed since the last complete build began. */
function isBuilt() {
  if (!existsSync("build/stamp")) return false;
  const configs = readdirSync(".").filter((name) => /^tsconfig.*\.json$/.test(name));
  const built = statSync("build/stamp").mtimeMs;
  return [...SOURCES, ...configs].every((path) => changed(path) <= built);
}

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
if (!isInstalled()) {
  console.log("installing development packages ...");
  // no package here needs its install script
  run("npm", ["ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"]);
}
if (process.argv.includes("--build") || !isBuilt()) {
  console.log("building ...");
  run(process.execPath, ["tools/build.mjs"]);
}
