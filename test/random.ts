// Property tests with the seed of the run, which the runner prints: the same commit is tried with the same stories in CI, and whoever repeats a
// run gets what it got. Without the runner every run is another one; fast-check then names the seed of a failure itself.
import fc from 'fast-check';

const seed = process.env['QUEUE_SPLITTER_SEED'];
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) | 0 });

export { fc };
