/** What has to be fetched or built before the first cluster, said before it starts. */
export type PlannedStep = {
  what: string;
  minutes: number;
  /** While it is made. */
  megabytes: number;
  /** When less of it stays. */
  staysMegabytes?: number;
};

/** A few lines for people, or undefined when nothing is missing. */
export function describePlan(steps: readonly PlannedStep[]): string | undefined {
  if (steps.length === 0) return undefined;
  const minutes = Math.max(1, Math.round(steps.reduce((sum, step) => sum + step.minutes, 0)));
  const needed = steps.reduce((sum, step) => sum + step.megabytes, 0);
  const stays = steps.reduce((sum, step) => sum + (step.staysMegabytes ?? step.megabytes), 0);
  const disk = `${size(needed)} of disk${stays === needed ? '' : `, of which ${size(stays)} stay`}`;
  return [
    `Once on this machine, about ${minutes} minute${minutes === 1 ? '' : 's'} and ${disk}:`,
    ...steps.map((step) => `  - ${step.what}`),
  ].join('\n');
}

function size(megabytes: number): string {
  return megabytes >= 1000 ? `${(megabytes / 1000).toFixed(1)} GB` : `${Math.ceil(megabytes)} MB`;
}
