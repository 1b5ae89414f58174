// Settings from environment variables, checked by a zod schema before a process does anything. Never prints a value: it may be a secret.
import { z } from 'zod';
import { SplitterError } from './errors.ts';

/** A TCP port; 0 lets the system choose one. */
export const port = z.coerce.number().int().min(0).max(65535);

/**
 * @param schema an object schema whose keys are the variables' names.
 * @param environment for example `process.env`. An empty variable counts as absent: charts render unset values so.
 * @throws SplitterError `InvalidConfig` that names every wrong variable.
 */
export function readConfig<Schema extends z.ZodObject>(
  schema: Schema,
  environment: Record<string, string | undefined>,
): z.output<Schema> {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = schema.safeParse(present);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const variable = String(issue.path[0] ?? 'the environment');
    return present[variable] === undefined ? `${variable} is not set` : `${variable}: ${issue.message}`;
  });
  throw new SplitterError(
    'InvalidConfig',
    `Environment variables are wrong: ${problems.join('; ')}. Set them and start again.`,
    {
      details: { variables: result.error.issues.map((issue) => String(issue.path[0])) },
    },
  );
}
