// The targets that mirrord users write: `deployment/x`, `deployment/x/container/y`, and the same as objects. Pure.
import type { SplitSessionSpec } from '../../api/kinds/split-session.ts';
import { SplitterError } from '../errors.ts';

export type Target = SplitSessionSpec['target'];

const APPS = 'apps/v1';
const WORKLOADS: Readonly<Record<string, Pick<Target, 'apiVersion' | 'kind'>>> = {
  deployment: { apiVersion: APPS, kind: 'Deployment' },
  deploy: { apiVersion: APPS, kind: 'Deployment' },
  statefulset: { apiVersion: APPS, kind: 'StatefulSet' },
  stateful_set: { apiVersion: APPS, kind: 'StatefulSet' },
  sts: { apiVersion: APPS, kind: 'StatefulSet' },
  rollout: { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout' },
};

const EXAMPLE =
  'Write deployment/<name>, statefulset/<name> or rollout/<name>, if needed with /container/<name> behind it';

/**
 * For `--target` and for files.
 * @throws SplitterError `TargetUnsupported` (a kind whose queues are not split), `InvalidConfig` (cannot be read).
 */
export function parseTarget(text: string): Target {
  const [kind = '', name, keyword, container, ...rest] = text.split('/');
  const complete = keyword === undefined || (keyword === 'container' && container);
  if (!name || !complete || rest.length > 0) {
    throw new SplitterError('InvalidConfig', `${JSON.stringify(text)} is not a target. ${EXAMPLE}.`);
  }
  return makeTarget(kind, name, container);
}

/** The object of a `path`: `{deployment: name, container: name}`. @throws as `parseTarget` */
export function targetFromObject(path: Readonly<Record<string, unknown>>): Target {
  const { container, ...workload } = path;
  const [entry, second] = Object.entries(workload);
  if (entry === undefined || second !== undefined || typeof entry[1] !== 'string' || entry[1] === '') {
    throw new SplitterError(
      'InvalidConfig',
      'a target has one workload, for example {"deployment": "orders-worker", "container": "app"}',
    );
  }
  if (container !== undefined && container !== null && (typeof container !== 'string' || container === '')) {
    throw new SplitterError('InvalidConfig', 'container must be the name of a container');
  }
  return makeTarget(entry[0], entry[1], container ?? undefined);
}

function makeTarget(kind: string, name: string, container: string | undefined): Target {
  const workload = WORKLOADS[kind.toLowerCase()];
  if (workload === undefined) {
    throw new SplitterError(
      'TargetUnsupported',
      `The queues of a target of kind ${JSON.stringify(kind)} cannot be split. ${EXAMPLE}.`,
    );
  }
  return { ...workload, name, ...(container === undefined ? {} : { container }) };
}
