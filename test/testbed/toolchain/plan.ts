/** What has to be fetched or built before the first cluster, said before it starts. */
export type PlannedStep = { what: string; minutes: number; megabytes: number };

/** A few lines for people, or undefined when nothing is missing. */
export function describePlan(steps: readonly PlannedStep[]): string | undefined {
  if (steps.length === 0) return undefined;
  const minutes = Math.max(1, Math.round(steps.reduce((sum, step) => sum + step.minutes, 0)));
  const megabytes = steps.reduce((sum, step) => sum + step.megabytes, 0);
  const size = megabytes >= 1000 ? `${(megabytes / 1000).toFixed(1)} GB` : `${Math.ceil(megabytes)} MB`;
  return [
    `Once on this machine, about ${minutes} minute${minutes === 1 ? '' : 's'} and ${size} of disk:`,
    ...steps.map((step) => `  - ${step.what}`),
  ].join('\n');
}
