// Text for people where there is little room: fields with a limit, columns of kubectl, Events.

/** At most `length` characters; the last one says that something is missing. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** As many names as fit into `length` characters, the first one in any case, and how many more there are: `orders, views (+2)`. */
export function shortList(names: readonly string[], length: number): string {
  const listed = (count: number): string => {
    const more = names.length - count;
    return `${names.slice(0, count).join(', ')}${more > 0 ? ` (+${more})` : ''}`;
  };
  let count = names.length;
  while (count > 1 && listed(count).length > length) count -= 1;
  return listed(count);
}
