// Starts a host in a process group and a temporary home of its own, and ends it with everything it started.

import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/** How long a host may take to end by itself, in milliseconds. */
const GRACE = 3000;

const groups = new Set();
const folders = new Set();

// a host's group hears nothing of what ends us: an interrupted run leaves no process and no folder behind either
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));
process.on("exit", () => {
  for (const pid of groups) signalGroup(pid, "SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Gives `work` a temporary folder, and removes it afterwards. */
export async function inTemporaryFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), "octavo-hosts-"));
  folders.add(folder);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    folders.delete(folder);
  }
}

/** Starts a command whose home and temporary files are in `home`; `output` gathers what it says. */
export function start([command, ...args], home, environment = {}) {
  const homes = ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "DENO_DIR"];
  const env = { ...process.env, ...Object.fromEntries(homes.map((name) => [name, home])), ...environment };
  const child = spawn(command, args, { cwd: home, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  if (child.pid !== undefined) groups.add(child.pid);
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) {
    child[stream].setEncoding("utf8").on("data", (text) => {
      output[stream] += text;
    });
  }
  const ended = new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(signal ?? code));
  });
  return { pid: child.pid, output, ended };
}

/** Ends the process group of a child that `start` started: first kindly, for an X server removes its lock file then. */
export async function stop({ pid }) {
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    const deadline = performance.now() + GRACE;
    let alive = pid !== undefined && signalGroup(pid, signal);
    while (alive && performance.now() < deadline) {
      await wait(50);
      alive = signalGroup(pid, 0);
    }
    if (!alive) break;
  }
  groups.delete(pid);
}

function signalGroup(pid, signal) {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false; // nobody is left in it
  }
}

/** What `promise` comes to, or an error after so many milliseconds. */
export async function within(milliseconds, promise) {
  const timer = new AbortController();
  const late = wait(milliseconds, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer within ${milliseconds / 1000} s`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => {});
  }
}
