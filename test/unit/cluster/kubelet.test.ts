// Which death of the kubelet is known, and forgiven once.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { diedAtItsStart } from '../../testbed/kubelet.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubelet-log-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const RACE =
  'fatal error: concurrent map writes\n\ngoroutine 7 [running]:\nplugin.(*DRAPluginManager).wipeResourceSlices.func1()\n';

for (const [what, log, isRunning, isKnown] of [
  ['two descriptions of the node at once', RACE, false, true],
  ['another panic', 'panic: no\n', false, false],
  ['a mention of the manager', 'wipeResourceSlices failed\n', false, false],
  ['a kubelet that lives', RACE, true, false],
] as const) {
  it(`${isKnown ? 'knows' : 'does not take for it'}: ${what}`, async () => {
    const logPath = join(folder, 'kubelet.log');
    writeFileSync(logPath, log);
    assert.equal(await diedAtItsStart({ logPath, isRunning: () => isRunning }), isKnown);
  });
}
