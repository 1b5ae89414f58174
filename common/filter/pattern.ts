// Regular expressions that users write, searched in time linear in the input whatever the pattern: see
// docs/adr/0003-linear-time-regular-expressions.md. The only file that knows the engine.
import { RE2JS, RE2JSException } from 're2js';

export type Pattern = {
  readonly source: string;
  /** Whether the pattern is found anywhere in the text. */
  test(text: string): boolean;
};

/** Why a pattern is refused, as the second half of a sentence. */
export class PatternError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'PatternError';
  }
}

/**
 * Steps of a compiled pattern. Searching takes time in proportion to the text *and*, for patterns that keep many possibilities open, to
 * the steps. The longest plain text that a filter may hold (1,024 characters) fits.
 */
const MAX_STEPS = 1100;

export type PatternOptions = { ignoreCase?: boolean };

/** @throws PatternError for syntax errors and for what cannot be searched in linear time. */
export function compilePattern(source: string, { ignoreCase = false }: PatternOptions = {}): Pattern {
  try {
    const compiled = RE2JS.compile(source, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
    const steps = compiled.programSize();
    if (steps > MAX_STEPS) {
      throw new PatternError(
        `it is too large (${steps} steps, ${MAX_STEPS} are allowed). Shorten it or lower its repeat counts`,
      );
    }
    return { source, test: (text) => compiled.test(text) };
  } catch (error) {
    if (error instanceof RE2JSException) throw new PatternError(explain(source, error.message, ignoreCase));
    throw error;
  }
}

const LINEAR = 'which cannot be searched in linear time';

/** Constructs of other engines that people use, and what to do instead. The first that fits is named. */
const UNSUPPORTED: readonly { construct: RegExp; what: string }[] = [
  {
    construct: /\(\?[=!]/,
    what: `it has a look-ahead, ${LINEAR}. Say what must be there, in several attributes if needed`,
  },
  {
    construct: /\(\?<[=!]/,
    what: `it has a look-behind, ${LINEAR}. Say what must be there, in several attributes if needed`,
  },
  { construct: /\\[1-9]|\\k</, what: `it refers back to a group, ${LINEAR}. Write the alternatives out` },
  {
    construct: /\(\?>|[*+?}]\+/,
    what: 'it has an atomic group or possessive quantifier. The plain form is just as fast here',
  },
  { construct: /\\Z/, what: 'it has \\Z. Write $ or \\z for the end' },
  { construct: /\\u/, what: 'it has a \\u escape. Write the character itself, or \\x{…} with its code' },
  { construct: /\(\?[a-z]*x/, what: 'it has the flag x (free spacing). Write it without spaces and comments' },
];

function explain(source: string, engineMessage: string, ignoreCase: boolean): string {
  const known = UNSUPPORTED.find(({ construct }) => construct.test(source));
  if (known !== undefined) return known.what;
  const message = engineMessage.replace(/^error parsing regexp: /, '');
  // The engine writes that flag in front of the pattern; nobody has to hear of it.
  return `${ignoreCase ? message.replace('`(?i)', '`') : message} (the syntax is RE2's, https://github.com/google/re2/wiki/Syntax)`;
}
