// `$(NAME)` references in the `value` of an environment variable, by the kubelet's rules. Pure.
// Source: kubernetes/kubernetes `third_party/forked/golang/expansion/expand.go`.

/** A piece of a value: text as it is, or the name inside `$(…)`. */
export type ValuePart = { text: string } | { reference: string };

/** `$(X)` is a reference, `$$` is a dollar sign, and everything else, unclosed references included, is text. */
export function parseReferences(value: string): ValuePart[] {
  const parts: ValuePart[] = [];
  let text = '';
  let at = 0;
  while (at < value.length) {
    const next = value[at + 1];
    if (value[at] !== '$' || next === undefined) {
      text += value[at];
      at += 1;
      continue;
    }
    const close = next === '(' ? value.indexOf(')', at + 2) : -1;
    if (close >= 0) {
      if (text !== '') parts.push({ text });
      text = '';
      parts.push({ reference: value.slice(at + 2, close) });
      at = close + 1;
    } else {
      text += next === '$' ? '$' : `$${next}`;
      at += 2;
    }
  }
  if (text !== '') parts.push({ text });
  return parts;
}

/** A value that the kubelet expands to exactly `text`: every `$` is doubled, for it makes one of any two. */
export function escapeReferences(text: string): string {
  return text.replaceAll('$', '$$$$');
}
