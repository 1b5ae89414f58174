/** Settings of the shop's programs from environment variables; a missing or wrong one is an error that names it. */

export type Environment = Readonly<Record<string, string | undefined>>;

export function required(environment: Environment, name: string): string {
  const value = environment[name];
  if (value === undefined || value === '') throw new Error(`the environment variable ${name} is missing: set it`);
  return value;
}

export function numberOr(environment: Environment, name: string, fallback: number): number {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} must be a number from 0, not '${text}'`);
  return value;
}

export function listOf(environment: Environment, name: string): string[] {
  return (environment[name] ?? '').split(',').filter((part) => part !== '');
}
