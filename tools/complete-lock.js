/**
 * Adds to package-lock.json the optional packages of other platforms that npm left out: `node tools/complete-lock.js`, after every
 * `npm install`. npm drops them when its registry does not offer them, and `npm ci` then refuses the lock file everywhere. Versions
 * come from the packages that ask for them; nothing is downloaded.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const file = join(dirname(dirname(fileURLToPath(import.meta.url))), 'package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8'));
const { '': root, ...packages } = lock.packages;
const added = [];

for (const [path, parent] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    if (packages[`node_modules/${name}`] || packages[`${path}/node_modules/${name}`]) continue;
    packages[`node_modules/${name}`] = entryOf(name, version, parent);
    added.push(`${name}@${version}`);
  }
}

const sorted = Object.fromEntries(Object.entries(packages).sort(([one], [other]) => (one < other ? -1 : 1)));
lock.packages = { '': root, ...sorted };
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? 'The lock file is complete.' : `Added ${added.join(', ')}.`);

/** Names of such packages end in `<os>-<cpu>[-<libc>]`, as in `@biomejs/cli-linux-x64-musl`. */
function entryOf(name, version, { dev, license }) {
  const platform = /(android|darwin|freebsd|linux|openharmony|win32|wasm32)-([a-z0-9]+)(?:-(.+))?$/.exec(name);
  const [, os = '', cpu = '', variant = ''] = platform ?? [];
  return {
    version,
    cpu: [cpu],
    ...(dev ? { dev } : {}),
    ...(os === 'linux' ? { libc: [variant.includes('musl') ? 'musl' : 'glibc'] } : {}),
    license,
    optional: true,
    os: [os],
  };
}
