// The hosts: how each is found and how it runs the smoke test. Node, Deno and Bun come from this folder's package.json,
// as packages that hold nothing but the binary: they need no install script, and the lock file vouches for every byte.
// Browsers come from the system. One opens the page, and the page reports to our server: no driver stands between them.

import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inTemporaryFolder, start, stop, within } from "./processes.mjs";
import { serve } from "./server.mjs";

const TIME_LIMIT = 120_000;

const INSTALL = "npm ci in tests/hosts installs it (on Linux, x64)";

function installed(...path) {
  const file = join(import.meta.dirname, "node_modules", ...path);
  return existsSync(file) ? file : undefined;
}

function onSystem(...files) {
  return files.find(existsSync);
}

// Command lines ------------------------------------------------------------------------------------------------------

async function runCommand(command) {
  return inTemporaryFolder(async (home) => {
    const child = start([...command, join(import.meta.dirname, "command-line.mjs")], home);
    try {
      const code = await within(TIME_LIMIT, child.ended);
      if (code !== 0) throw new Error(`ended with ${code}\n${child.output.stderr}`);
      return JSON.parse(child.output.stdout);
    } finally {
      await stop(child);
    }
  });
}

function node(major) {
  const ours = process.versions.node.startsWith(`${major}.`) ? process.execPath : undefined;
  return {
    name: `node${major}`,
    binary: ours ?? installed(`node${major}`, "bin", "node"),
    missing: INSTALL,
    threads: true,
    run: (binary) => runCommand([binary]),
  };
}

const DENO = {
  name: "deno",
  binary: installed("deno", "deno"),
  missing: INSTALL,
  run: (binary, ...flags) => runCommand([binary, "run", "--no-prompt", "--no-config", "--no-lock", ...flags]),
};

/** With leave to read the script of the workers. */
const DENO_READING = {
  ...DENO,
  name: "deno-reading",
  threads: true,
  run: (binary) => DENO.run(binary, `--allow-read=${join(import.meta.dirname, "..", "..", "build")}`),
};

const BUN = {
  name: "bun",
  binary: installed("bun", "bin", "bun"),
  missing: INSTALL,
  threads: true,
  run: (binary) => runCommand([binary, "run"]),
};

// Browsers -----------------------------------------------------------------------------------------------------------

const CHROMIUM = {
  name: "chromium",
  threads: true,
  binary: onSystem("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"),
  missing: "Debian's package is chromium",
  command: (binary, home, url) => [binary, "--headless", `--user-data-dir=${home}`, ...CHROMIUM_FLAGS, url],
};

/** As root there is no sandbox; the page is ours. The rest keeps the browser from talking to anybody. */
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-extensions",
  "--disable-quic",
];

const FIREFOX = {
  name: "firefox",
  threads: true,
  binary: onSystem("/usr/bin/firefox-esr", "/usr/bin/firefox"),
  missing: "Debian's package is firefox-esr",
  async command(binary, home, url) {
    const line = ([key, value]) => `user_pref("${key}", ${JSON.stringify(value)});\n`;
    await writeFile(join(home, "user.js"), Object.entries(FIREFOX_PREFERENCES).map(line).join(""));
    return [binary, "--headless", "--no-remote", "--profile", home, url];
  },
};

const FIREFOX_PREFERENCES = {
  "app.normandy.enabled": false,
  "app.update.enabled": false,
  "browser.aboutwelcome.enabled": false,
  "browser.safebrowsing.downloads.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "toolkit.telemetry.enabled": false,
};

/** WebKitGTK's own small browser. It shares no memory, has no headless mode, and its pages do not know its version. */
const WEBKIT = {
  name: "webkit",
  binary: onSystem("/usr/bin/xvfb-run") && miniBrowser(),
  missing: "Debian's packages are webkit2gtk-driver, xvfb and xauth",
  command: (binary, _home, url) => ["/usr/bin/xvfb-run", "--auto-servernum", binary, url],
  version: (binary) => ["/usr/bin/xvfb-run", "--auto-servernum", binary, "--version"],
  environment: { GSETTINGS_BACKEND: "memory", NO_AT_BRIDGE: "1", LIBGL_ALWAYS_SOFTWARE: "1" },
};

function miniBrowser() {
  const folders = existsSync("/usr/lib") ? readdirSync("/usr/lib").map((name) => join("/usr/lib", name)) : [];
  const versions = ["webkitgtk-6.0", "webkit2gtk-4.1", "webkit2gtk-4.0"];
  return onSystem(...folders.flatMap((folder) => versions.map((version) => join(folder, version, "MiniBrowser"))));
}

function runPage(browser, binary, page) {
  return inTemporaryFolder(async (home) => {
    const server = await serve();
    const child = start(await browser.command(binary, home, server.at(page)), home, browser.environment);
    try {
      return await within(TIME_LIMIT, reportOf(server, child));
    } finally {
      await stop(child);
      server.close();
    }
  });
}

/** What the page reports, or an error where the browser ends before. */
async function reportOf({ report }, { ended, output }) {
  const gone = ended.then((code) => ({ error: `the browser ended with ${code}\n${output.stderr.slice(-2000)}` }));
  const { error, ...answer } = await Promise.race([report, gone]);
  if (error) throw new Error(error);
  return answer;
}

/** The version that the browser's command prints, where its pages do not tell. */
function versionOf({ version, environment }, binary) {
  return inTemporaryFolder(async (home) => {
    const child = start(version(binary), home, environment);
    try {
      await within(TIME_LIMIT, child.ended);
      return /[\d.]+\d/.exec(child.output.stdout)?.[0];
    } finally {
      await stop(child);
    }
  });
}

function pagesOf(browser) {
  return ["module", "script", ...(browser.threads ? ["isolated"] : [])].map((kind) => ({
    ...browser,
    name: `${browser.name}-${kind}`,
    threads: kind === "isolated",
    async run(binary) {
      const report = await runPage(browser, binary, `${kind}.html`);
      return browser.version ? { ...report, version: await versionOf(browser, binary) } : report;
    },
  }));
}

/** Every host: its name, its binary (undefined where there is none), what is missing then, whether threads share memory, and how it runs the test. */
export const HOSTS = [
  ...[20, 22, 24, 26].map(node),
  DENO,
  DENO_READING,
  BUN,
  ...[CHROMIUM, FIREFOX, WEBKIT].flatMap(pagesOf),
];
