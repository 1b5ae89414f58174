// Everything outside of qsplit, as one value that main.ts fills with the real thing and tests with their own. No decision is made here.
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../common/clock.ts';
import type { KubeClient } from '../common/kube/types.ts';
import type { ClusterOptions } from './kubeconfig.ts';
import type { BrokerProbes } from './preflight.ts';
import type { SignalRouter } from './signals.ts';

export type InputStream = Readable & { isTTY?: boolean };
export type OutputStream = Writable & { isTTY?: boolean; columns?: number };

/** The cluster that the kubeconfig's rules lead to. */
export type Cluster = {
  client: KubeClient;
  /** Of the context; undefined when the context names none. */
  namespace: string | undefined;
  /** Name of the context, for people. */
  context: string;
  close(): Promise<void>;
};

export type Shell = {
  stdin: InputStream;
  stdout: OutputStream;
  stderr: OutputStream;
  environment: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
  user: string;
  host: string;
  workingDirectory: string;
  clock: Clock;
  randomBytes(count: number): Uint8Array;
  signals: SignalRouter;
  connect(options: ClusterOptions): Promise<Cluster>;
  probes: BrokerProbes;
};
