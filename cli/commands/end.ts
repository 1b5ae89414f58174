// `qsplit end SESSION`: ends a session by hand, also one that was made with kubectl or whose qsplit is gone.
import type { SplitSession } from '../../api/kinds/split-session.ts';
import { SplitterError } from '../../common/errors.ts';
import { SPLIT_SESSIONS } from '../../common/kube/resources.ts';
import type { KubeClient } from '../../common/kube/types.ts';
import { EXIT } from '../exit-codes.ts';
import type { ClusterOptions } from '../kubeconfig.ts';
import type { Reporter } from '../output.ts';
import { routeIsGone } from '../session/state.ts';
import { SessionFollower } from '../session/watch.ts';
import type { Shell } from '../shell.ts';

export type EndOptions = ClusterOptions & { session: string; namespace?: string; endTimeoutMs: number };

export async function end(options: EndOptions, shell: Shell, reporter: Reporter): Promise<number> {
  const cluster = await shell.connect(options);
  try {
    const { client } = cluster;
    const namespace = options.namespace ?? cluster.namespace ?? 'default';
    const name = { name: options.session, namespace };
    const session = await client.get<SplitSession>(SPLIT_SESSIONS, name);
    if (session === undefined) {
      throw new SplitterError('SessionLost', `There is no session ${options.session} in namespace ${namespace}`, {
        details: { hint: `qsplit status -n ${namespace} lists those that are there` },
      });
    }
    const { uid } = session.metadata;
    await client.delete(SPLIT_SESSIONS, name, uid === undefined ? {} : { uid });
    const gone = await waitForRoute(session, cluster.client, options.endTimeoutMs, shell);
    reporter.say({
      event: 'ended',
      level: gone ? 'done' : 'warning',
      message: gone
        ? `Session ${options.session} gets no messages any more`
        : `Session ${options.session} is being ended; its route is still there. Watch it with qsplit status -n ${namespace}`,
      facts: { session: options.session, namespace, routeRemoved: gone },
    });
    return EXIT.ok;
  } finally {
    await cluster.close();
  }
}

async function waitForRoute(
  session: SplitSession,
  client: KubeClient,
  timeoutMs: number,
  shell: Shell,
): Promise<boolean> {
  const stop = new AbortController();
  const events = { onChange: () => undefined, onReachable: () => undefined };
  const follower = new SessionFollower(client, shell.clock, session, events);
  shell.signals.route(() => stop.abort());
  void follower.run(stop.signal);
  const cancel = shell.clock.after(timeoutMs, () => stop.abort());
  try {
    return await follower.until((view) => (routeIsGone(view) ? true : undefined), stop.signal);
  } catch {
    return false;
  } finally {
    cancel();
    stop.abort();
  }
}
