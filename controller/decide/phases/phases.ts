// The table of phases. Each phase says what must hold before the next one begins; resources and routes are others' matter.
import type { SplitPhase } from '../../../api/kinds/workload-split.ts';
import type { SplitContext, Step } from '../step.ts';
import { cleaning, draining, restoring } from './end.ts';
import { abandoned } from './loss.ts';
import { splitting, warm } from './running.ts';
import { patching, preparing } from './start.ts';

const PHASES: Record<SplitPhase, (context: SplitContext) => Step> = {
  Preparing: preparing,
  Patching: patching,
  Splitting: splitting,
  Warm: warm,
  Draining: draining,
  Restoring: restoring,
  Cleaning: cleaning,
  Abandoned: abandoned,
};

export function inItsPhase(context: SplitContext): Step {
  return PHASES[context.split.spec.phase](context);
}
