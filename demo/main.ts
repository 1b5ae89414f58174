// `npm run demo`: opens the stage, has the story told on it, and says at the end whether everything was as promised. Exit status 0 only then.
import { openStage, type Stage } from '../test/cluster/stage/stage.ts';
import { cleanCache } from '../test/testbed/cache.ts';
import { createProgress, type Progress } from '../test/testbed/progress.ts';
import { sweepStale } from '../test/testbed/runs.ts';
import { ensureClusterTools } from '../test/testbed/toolchain/index.ts';
import { announcement } from './announcement.ts';
import { type Conclusion, conclusionJson, tellConclusion } from './conclusion.ts';
import { hireTeam, type Team } from './developers.ts';
import { awaitInterruption, giveUp, Interrupted, type Interruption } from './interruption.ts';
import { lookAround } from './looking-around.ts';
import { type DemoOptions, HELP, parseCommand } from './options.ts';
import { tell } from './story.ts';
import { createTeller, type Teller } from './telling.ts';
import { tellTrouble } from './trouble.ts';

/** For what was being made when a signal came to be given up in order; the rest is removed without it. */
const GIVE_UP_MS = { ours: 5_000, theirs: 240_000 } as const;

/** Enough to see every path at work, few enough for two cores. */
const ORDERS_PER_SECOND = 10;

// kafkajs 2.2.4 asks for a timeout of less than nothing, which Node remarks on; it means nothing to whoever watches.
process.removeAllListeners('warning');

async function main(): Promise<number> {
  const command = parseCommand(process.argv.slice(2));
  if (command.type === 'help') {
    console.log(HELP);
    return 0;
  }
  if (command.type === 'clean') {
    sweepStale();
    console.log(`Removed ${Math.round((await cleanCache()) / 1e6)} MB of downloaded and built files.`);
    return 0;
  }
  return await play(command.options);
}

async function play(options: DemoOptions): Promise<number> {
  const startedAt = performance.now();
  // With --json the standard output is for the result alone.
  const stream = options.json ? process.stderr : process.stdout;
  const progress = createProgress({ stream });
  const teller = createTeller(stream, process.env);
  const interruption = awaitInterruption(() => teller.say('Interrupted: cleaning up (again: at once) …'));
  progress.note(await announcement(options));
  const stage = await furnish(options, progress, interruption);
  try {
    const { team, conclusion } = await interruption.before(tellOrExplain(stage, teller, interruption));
    tellConclusion(conclusion, teller);
    if (options.json) {
      const facts = { kafka: stage.kafka !== undefined, seconds: Math.round((performance.now() - startedAt) / 1000) };
      console.log(conclusionJson(conclusion, facts));
    }
    if (options.keep) await lookAround(stage, team, options, teller, interruption.signal);
    return conclusion.ok ? 0 : 1;
  } finally {
    await stage.close();
  }
}

async function furnish(options: DemoOptions, progress: Progress, interruption: Interruption): Promise<Stage> {
  const opening = open(options, progress);
  try {
    return await interruption.before(opening);
  } catch (error) {
    if (interruption.signal.aborted) {
      const closed = opening.then((stage) => stage.close());
      await giveUp(closed, GIVE_UP_MS[options.kubeconfig === undefined ? 'ours' : 'theirs']);
    }
    throw error;
  }
}

async function open({ kubeconfig, kafka, imagesAreThere }: DemoOptions, progress: Progress): Promise<Stage> {
  const common = { kafka, progress, rate: ORDERS_PER_SECOND };
  if (kubeconfig !== undefined) return await openStage({ ...common, kubeconfig, imagesAreThere });
  // The announcement has said what is to be built; so that it is not said again, it is built before the cluster asks for it.
  await ensureClusterTools(progress);
  return await openStage(common);
}

type Told = { team: Team; conclusion: Conclusion };

/** What happened is best seen while everything is still there. */
async function tellOrExplain(stage: Stage, teller: Teller, interruption: Interruption): Promise<Told> {
  try {
    const team = await hireTeam(stage);
    return { team, conclusion: await tell(stage, team, teller) };
  } catch (error) {
    const cause = await interruption.causeOf(error);
    if (!(cause instanceof Interrupted)) await tellTrouble(stage, teller);
    throw cause;
  }
}

const exitCode = await main().catch((error: unknown) => {
  if (error instanceof Interrupted) return error.exitCode;
  console.error(`\n✗ ${error instanceof Error ? error.message : String(error)}`);
  return 1;
});
// What was given up may still wait for something.
process.exit(exitCode);
