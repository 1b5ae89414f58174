// What owners and administrators do to a workload while it is split: new versions, roll-backs, scaling, another container, a webhook
// configuration that somebody empties, the recovery commands of mirrord's guide.
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { after, before, test } from 'node:test';
import { PATCHED_LABEL, RESTARTED_AT_ANNOTATION } from '../../api/constants.ts';
import type { History } from '../checker/history.ts';
import { type Branch, openBranch } from '../cluster/stage/branch.ts';
import { closeStage } from '../cluster/stage/logs.ts';
import {
  type PodSeen,
  readPods,
  readSplits,
  untilReceived,
  untilRestored,
  webhookEntries,
} from '../cluster/stage/seen.ts';
import { readSession } from '../cluster/stage/session.ts';
import { openStage, type Stage } from '../cluster/stage/stage.ts';
import { assertClean } from '../cluster/stage/verdict.ts';
import { runCommand } from '../testbed/commands.ts';
import { createProgress } from '../testbed/progress.ts';
import { ensureProgram } from '../testbed/toolchain/debian.ts';
import { ensureHelm } from '../testbed/toolchain/helm.ts';
import { waitFor } from '../testbed/wait.ts';

let stage: Stage;
before(async () => {
  stage = await openStage();
});
after(async () => {
  await closeStage(stage);
});

const podsOf = ({ name }: Branch): Promise<PodSeen[]> => readPods(stage, name, `app=${name}`);
const isPatched = ({ metadata }: PodSeen): boolean => metadata.labels?.[PATCHED_LABEL] !== undefined;
const inBranch = ({ name }: Branch, ...args: string[]): Promise<string> => stage.cluster.kubectl([...args, '-n', name]);

/** Plays a session around what happens in its middle, and judges it, but for what strays got. Resolves to the pod template after the end. */
async function around(
  name: string,
  happens: (branch: Branch) => Promise<void>,
  strays: (branch: Branch) => Promise<readonly string[]> = async () => [],
): Promise<string> {
  const branch = await openBranch(stage, name, 2);
  const session = await branch.session({ name: `${name}-alice`, filter: { tenant: 'alice' } });
  await session.ready();
  const worker = await session.startWorker();
  await untilReceived(stage, session.name, 3);
  await happens(branch);
  const replaced = await strays(branch);
  await worker.stop(10_000);
  await session.end();
  await untilRestored(stage, name);
  await branch.finish();
  assertClean(withoutReaders(branch.history(), replaced));
  assert.ok(!(await podsOf(branch)).some(isPatched), 'a patched pod is left');
  const template = await inBranch(branch, 'get', 'deployment', name, '-o', 'jsonpath={.spec.template}');
  assert.ok(!template.includes(RESTARTED_AT_ANNOTATION));
  return template;
}

/** Without the messages that these pods got. */
function withoutReaders({ produced, received, ...rest }: History, instances: readonly string[]): History {
  const theirs = new Set(received.filter(({ instance }) => instances.includes(instance)).map(({ id }) => id));
  const isOthers = ({ id }: { id: string }) => !theirs.has(id);
  return { ...rest, produced: produced.filter(isOthers), received: received.filter(isOthers) };
}

/** A rollout that somebody began is over, and all of its pods are patched. */
async function untilRolledOut(branch: Branch, count: number): Promise<void> {
  await inBranch(branch, 'rollout', 'status', `deployment/${branch.name}`, '--timeout=120s');
  await waitFor(
    `${count} patched pods`,
    async () => {
      const pods = await podsOf(branch);
      return pods.length === count && pods.every(isPatched);
    },
    { deadlineMs: 120_000, intervalMs: 500 },
  );
}

test('a new version in mid-session is patched too, and stays when the session is over', async () => {
  const template = await around('versions', async (branch) => {
    await inBranch(branch, 'set', 'env', `deployment/${branch.name}`, 'VERSION=2');
    await untilRolledOut(branch, 2);
  });
  assert.match(template, /"name":"VERSION","value":"2"/);
});

test('rollout undo in mid-session does not take the split away', async () => {
  await around('undone', async (branch) => {
    await inBranch(branch, 'rollout', 'undo', `deployment/${branch.name}`);
    await untilRolledOut(branch, 2);
  });
});

test('scaling to nothing, to five and to one: every new pod is patched', async () => {
  await around('scaled', async (branch) => {
    for (const count of [0, 5, 1]) {
      await inBranch(branch, 'scale', `deployment/${branch.name}`, `--replicas=${count}`);
      await untilRolledOut(branch, count);
    }
  });
});

test('a webhook configuration that somebody empties is filled again at once, and pods made in between are replaced', async () => {
  const emptyAndScale = async (branch: Branch) => {
    const [split] = await readSplits(stage, branch.name);
    const empty = JSON.stringify([{ op: 'replace', path: '/webhooks', value: [] }]);
    const patch = ['patch', 'mutatingwebhookconfiguration', 'queue-splitter', '--type=json', '-p', empty];
    const scale = inBranch(branch, 'scale', `deployment/${branch.name}`, '--replicas=4');
    await Promise.all([stage.cluster.kubectl(patch), scale]);
    await waitFor(
      'the entry to be back',
      async () => (await webhookEntries(stage)).join().includes(split?.metadata.uid ?? 'no split'),
      { deadlineMs: 5_000 },
    );
    await untilRolledOut(branch, 4);
  };
  await around('emptied', emptyAndScale, replacedPods);
});

/** Made while there was no entry, they were as pods are without us: what they read until they were gone was theirs. */
async function replacedPods(branch: Branch): Promise<string[]> {
  const names = 'jsonpath={.items[*].involvedObject.name}';
  const events = await inBranch(branch, 'get', 'events', '--field-selector', 'reason=Replaced', '-o', names);
  const replaced = events.split(' ').filter((name) => name !== '');
  const living = (await podsOf(branch)).map(({ metadata }) => metadata.name);
  assert.ok(!replaced.some((pod) => living.includes(pod)), `${replaced.join(' ')} are still there`);
  return replaced;
}

test('a workload whose container gets another name keeps its pods: its session ends with that reason, and it goes back', async () => {
  const name = 'renamed';
  const branch = await openBranch(stage, name, 2);
  const session = await branch.session({ name: `${name}-alice`, filter: { tenant: 'alice' } });
  await session.ready();
  const worker = await session.startWorker();
  await untilReceived(stage, session.name, 3);
  const patched = (await podsOf(branch)).map(({ metadata }) => metadata.name);
  const endedAt = Date.now();
  const rename = [{ op: 'replace', path: '/spec/template/spec/containers/0/name', value: 'another' }];
  await inBranch(branch, 'patch', 'deployment', name, '--type=json', '-p', JSON.stringify(rename));
  const failed = await waitFor(
    'the session to fail',
    async () => {
      const status = (await readSession(stage, session.name, name))?.status;
      return status?.phase === 'Failed' && status;
    },
    { deadlineMs: 30_000, intervalMs: 200 },
  );
  assert.equal(failed.reason, 'SessionLost');
  assert.match(failed.message ?? '', /Deployment renamed has no container worker any more/);
  await untilRestored(stage, name);
  await inBranch(branch, 'rollout', 'status', `deployment/${name}`, '--timeout=120s');
  await worker.stop(10_000);
  await session.end();
  const replaced = await replacedPods(branch);
  assert.deepEqual(
    replaced.filter((pod) => !patched.includes(pod)),
    [],
    'none of its new pods was evicted',
  );
  await branch.finish();
  assertClean(endedBy(endedAt, branch.history()));
});

/** From then on its messages went elsewhere, although nobody had asked for that. */
function endedBy(endRequestedAt: number, history: History): History {
  return { ...history, sessions: history.sessions.map((session) => ({ ...session, endRequestedAt })) };
}

test("the guide's recovery commands end the sessions of a workload", async (context) => {
  const { kubectl } = await ensureHelm(createProgress());
  const env = {
    ...process.env,
    PATH: `${dirname(kubectl)}:${process.env['PATH']}`,
    KUBECONFIG: stage.cluster.kubeconfigPath,
  };
  if (!(await ensureProgram('jq', createProgress())))
    return context.skip('the guide uses jq, which is not on this machine and cannot be installed: apt-get install jq');
  const branch = await openBranch(stage, 'recovered', 1);
  const session = await branch.session({ name: 'recovered-alice', filter: { tenant: 'alice' } });
  await session.ready();
  const endRequestedAt = Date.now();
  // Verbatim, but for the placeholders.
  const command = `kubectl get mirrordsqssessions.queues.mirrord.metalbear.co -n recovered -o json \\
    | jq -r '.items[] | select(.spec.queueConsumer.name=="recovered" and .spec.queueConsumer.workloadType=="Deployment") | .metadata.name' \\
    | xargs -r -I {} kubectl delete mirrordsqssessions.queues.mirrord.metalbear.co -n recovered {}`;
  const { stdout } = await runCommand('sh', ['-c', command], { env, deadlineMs: 120_000 });
  assert.match(stdout, /deleted/);
  await session.ended(endRequestedAt);
  await untilRestored(stage, 'recovered');
  await branch.finish();
  assertClean(branch.history());
});
