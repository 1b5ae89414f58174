#!/usr/bin/env node
// What PATH holds as `qsplit` and, for `kubectl qsplit`, as `kubectl-qsplit`: checks the Node version before it meets TypeScript.
const needed = 24;
if (Number(process.versions.node.split('.')[0]) < needed) {
  process.stderr.write(
    `qsplit needs Node ${needed} or newer, and this is ${process.versions.node}. Install a newer one, or run: node tools/launch.js cli/main.ts\n`,
  );
  process.exit(125);
}
await import('../main.ts');
