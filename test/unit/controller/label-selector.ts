// Label selectors in their text form, as far as tests use them. Format: kubernetes.io, "Labels and Selectors".

const SET = /^(?<key>\S+) (?<operator>in|notin) \((?<values>[^)]*)\)$/;

export function matchesSelector(labels: Record<string, string>, selector: string): boolean {
  return selector
    .split(/,(?![^(]*\))/)
    .filter((term) => term !== '')
    .every((term) => matchesTerm(labels, term.trim()));
}

function matchesTerm(labels: Record<string, string>, term: string): boolean {
  const { key = '', operator, values = '' } = SET.exec(term)?.groups ?? {};
  if (operator !== undefined) return values.split(',').includes(labels[key] ?? '') === (operator === 'in');
  if (term.startsWith('!')) return labels[term.slice(1)] === undefined;
  const [name = '', value] = term.split('=');
  return value === undefined ? labels[name] !== undefined : labels[name] === value;
}
