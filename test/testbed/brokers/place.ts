/**
 * Where brokers and shop programs run: on this machine (127.0.0.1, free ports) or inside a cluster's network (the gateway's address,
 * fixed ports), and how this process reaches them there.
 */
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { Cluster } from '../cluster.ts';
import { type CommandOptions, type CommandResult, runCommand } from '../commands.ts';
import { type SpawnOptions, type Supervised, spawnSupervised } from '../processes.ts';
import type { Run } from '../runs.ts';
import { HopelessError, waitFor } from '../wait.ts';

export type Place = {
  /** For the files of the programs; vanishes with the run or the cluster. */
  readonly directory: string;
  /** The address that programs here listen on and advertise. */
  readonly host: string;
  readonly start: (command: string, args: readonly string[], options: SpawnOptions) => Promise<Supervised>;
  readonly execute: (command: string, args: readonly string[], options?: CommandOptions) => Promise<CommandResult>;
  /** `usual` inside a cluster, where it is free, else some free port. */
  readonly port: (usual: number) => Promise<number>;
  /** How this process connects to a port of `host`. */
  readonly reach: (port: number) => Promise<{ readonly host: string; readonly port: number }>;
};

export async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export function localPlace(run: Run): Place {
  const host = '127.0.0.1';
  return {
    directory: run.directory,
    host,
    start: (command, args, options) => spawnSupervised(run, command, args, options),
    execute: runCommand,
    port: () => freePort(host),
    reach: async (port) => ({ host, port }),
  };
}

/** Programs inside listen at the gateway's address, where pods reach them too. */
export function clusterPlace(
  cluster: Pick<Cluster, 'dir' | 'gateway' | 'spawnInside' | 'runInside' | 'forwardTo'>,
): Place {
  const forwards = new Map<number, ReturnType<Cluster['forwardTo']>>();
  const directory = join(cluster.dir, 'brokers');
  mkdirSync(directory, { recursive: true });
  return {
    directory,
    host: cluster.gateway,
    start: (command, args, options) => cluster.spawnInside(command, args, options),
    execute: (command, args, options) => cluster.runInside(command, args, options),
    port: async (usual) => usual,
    reach: (port) => {
      const forward = forwards.get(port) ?? cluster.forwardTo({ host: cluster.gateway, port });
      forwards.set(port, forward);
      return forward;
    },
  };
}

/** Starts a Node program of this repository and waits for its line `listening on URL`. Returns the URL. */
export async function startListener(
  place: Place,
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<{ readonly process: Supervised; readonly url: string }> {
  const process_ = await place.start(process.execPath, [program, ...args], options);
  const line = await waitForLine(process_, /listening on (\S+)/, 15_000);
  return { process: process_, url: line[1] ?? '' };
}

/** Waits until a program has written a line into its log; fails at once, with the log's end, when the program ends. */
export function waitForLine(program: Supervised, line: RegExp, deadlineMs: number): Promise<RegExpMatchArray> {
  return waitFor(
    `${program.name} to write ${line}`,
    () => {
      const found = program.tail(200).match(line);
      if (found === null && !program.isRunning()) {
        throw new HopelessError(`${program.name} ended before it was up:\n${program.tail()}`);
      }
      return found;
    },
    { deadlineMs, intervalMs: 25 },
  );
}
