/**
 * Runs a TypeScript entry point under the Node version of this project: `node tools/launch.js path/to/entry.ts [args…]`.
 * Plain JavaScript for any Node from 20 on, without dependencies, because it is what installs them: `npm ci` when
 * node_modules is missing or out of date, and Node 24 from npm when the running one is older. Says what it is about to
 * install, and never installs anything outside node_modules and the cache.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants, homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const nodeVersion = '24.21.0';
const neededMajor = 24;
const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

main();

function main() {
  const [entry, ...args] = process.argv.slice(2);
  if (entry === undefined) fail('Usage: node tools/launch.js path/to/entry.ts [arguments…]');
  installDependencies();
  const node = ensureNode();
  run(node, [resolve(projectRoot, entry), ...args]);
}

/** Installs exactly what the lock file says, when that has not happened yet. The stamp holds the lock file's digest. */
function installDependencies() {
  const lockText = readFileSync(join(projectRoot, 'package-lock.json'), 'utf8');
  const digest = createHash('sha256').update(lockText).digest('hex');
  const modules = join(projectRoot, 'node_modules');
  const stamp = join(modules, '.queue-splitter-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  const lock = JSON.parse(lockText);
  if (!isInstalled(lock, modules)) {
    const count = Object.keys(lock.packages).length - 1;
    say(`Installing up to ${count} npm packages into node_modules (about 310 MB of disk) …`);
    installFromLockFile();
  }
  writeFileSync(stamp, digest);
}

/**
 * `npm ci`, and where that refuses the lock file, `npm install` with it: a lock file that was made with a registry which
 * does not have every platform's optional packages is incomplete for npm ci, and installs the same versions nevertheless.
 */
function installFromLockFile() {
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd: projectRoot, encoding: 'utf8', shell: process.platform === 'win32' };
  const clean = spawnSync('npm', ['ci', ...quiet], options);
  if (clean.status === 0) return;
  if (!/EUSAGE/.test(clean.stderr ?? '')) {
    fail(`"npm ci" failed: ${clean.stderr || clean.error?.message}. Is npm installed, and can it reach its registry?`);
  }
  runNpm(['install', '--no-save', ...quiet], projectRoot);
}

/** Whether npm has already put there what the lock file says (npm's own record of what it installed). */
function isInstalled(lock, modules) {
  try {
    const installed = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')).packages;
    return Object.entries(lock.packages).every(
      ([path, wanted]) => path === '' || wanted.optional || installed[path]?.version === wanted.version,
    );
  } catch {
    return false;
  }
}

/** The path of a Node that is new enough: the running one, or one from the cache, which is filled from npm. */
function ensureNode() {
  if (Number(process.versions.node.split('.')[0]) >= neededMajor) return process.execPath;
  const root = process.env.QUEUE_SPLITTER_CACHE || join(homedir(), '.cache', 'queue-splitter');
  const target = join(root, `node-${nodeVersion}`);
  const program = join(target, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(program)) return program;
  say(
    `This is Node ${process.versions.node}; fetching Node ${nodeVersion} from npm into ${target} ` +
      '(about 50 MB to load, 125 MB of disk) …',
  );
  mkdirSync(root, { recursive: true });
  const aside = mkdtempSync(join(root, '.building-node-'));
  try {
    const platform = process.platform === 'win32' ? 'win' : process.platform;
    const name = `node-${platform}-${process.arch}@${nodeVersion}`;
    runNpm(['pack', name, '--silent', '--ignore-scripts', '--pack-destination', aside], aside);
    const tarball = readdirSync(aside).find((file) => file.endsWith('.tgz'));
    if (tarball === undefined)
      fail(`npm has no Node for this machine (${name}). Install Node ${neededMajor} yourself.`);
    const unpacked = spawnSync('tar', ['-xzf', tarball], { cwd: aside, stdio: ['ignore', 'inherit', 'inherit'] });
    if (unpacked.status !== 0) fail(`Cannot unpack Node with tar. Install Node ${neededMajor} yourself.`);
    const ready = join(aside, 'ready');
    cpSync(join(aside, 'package', 'bin'), join(ready, 'bin'), { recursive: true });
    chmodSync(join(ready, 'bin', process.platform === 'win32' ? 'node.exe' : 'node'), 0o755);
    // Another run may have been faster; its result is as good as ours.
    if (!existsSync(target)) renameSync(ready, target);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return program;
}

function runNpm(args, directory) {
  const options = { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' };
  const result = spawnSync('npm', args, options);
  if (result.status !== 0) {
    fail(`"npm ${args.join(' ')}" failed; is npm installed, and can it reach its registry?`);
  }
}

/** Runs the entry in the foreground, passes signals on and ends as it does (128 + n after signal n). */
function run(node, args) {
  // Without the second one the TypeScript compiler leaves its compile cache in the machine's folder for temporary files.
  const env = { ...process.env, NODE24: node, NODE_DISABLE_COMPILE_CACHE: '1' };
  const child = spawn(node, args, { stdio: 'inherit', env });
  const isTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    let isPassedOn = false;
    process.on(signal, () => {
      // A terminal sends Ctrl-C to both of us; passing it on would make two of it.
      if (isPassedOn || (signal === 'SIGINT' && isTerminal)) return;
      isPassedOn = true;
      child.kill(signal);
    });
  }
  child.on('error', (error) => fail(`Cannot start ${node}: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
