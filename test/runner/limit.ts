// Imported into the process of each test file (execute.ts): ends it when it has run for longer than it may, be it that a test waits for ever or
// that something which the tests left open keeps the process alive. As with every end, what it has started is taken down (testbed/runs.ts).
import { seconds } from './format.ts';

const limitMs = Number(new URL(import.meta.url).searchParams.get('milliseconds'));

AbortSignal.timeout(limitMs).addEventListener('abort', () => {
  const open = process.getActiveResourcesInfo().join(', ');
  console.error(`This file ran for longer than ${seconds(limitMs)} and was ended. What was open then: ${open}`);
  process.exit(1);
});
