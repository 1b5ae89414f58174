import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WebhookEntry } from '../../../../controller/webhook-entries/entry.ts';
import { fitting, MAX_BYTES, MAX_ENTRIES } from '../../../../controller/webhook-entries/room.ts';
import { fc } from '../../../random.ts';

/** An entry of about so many bytes. */
function entry(name: string, bytes = 100): WebhookEntry {
  return { name, matchConditions: [{ name: 'x', expression: 'x'.repeat(bytes) }] } as unknown as WebhookEntry;
}

const names = (entries: readonly WebhookEntry[]): string[] => entries.map(({ name }) => name);
const many = (count: number): WebhookEntry[] => Array.from({ length: count }, (_, index) => entry(`split-${index}`));

describe('the room for entries', () => {
  it('is enough for what a cluster has', () => {
    assert.deepEqual(fitting(many(MAX_ENTRIES), new Set()), many(MAX_ENTRIES));
  });

  it('ends with the oldest that fit', () => {
    assert.deepEqual(fitting(many(MAX_ENTRIES + 2), new Set()), many(MAX_ENTRIES));
  });

  it('is not taken away from those that are there, whoever is older', () => {
    const present = names(many(MAX_ENTRIES + 1).slice(1));
    assert.deepEqual(names(fitting(many(MAX_ENTRIES + 1), new Set(present))), present);
  });

  it('is measured in bytes, too', () => {
    const entries = [entry('a', MAX_BYTES / 2), entry('b', MAX_BYTES / 2), entry('c')];
    assert.deepEqual(names(fitting(entries, new Set())), ['a', 'c']);
    assert.deepEqual(names(fitting(entries, new Set(['a', 'b']))), ['a', 'b']);
  });

  it('keeps every entry that is there, adds no more than fit, and asks for nothing else once they are in', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: MAX_BYTES / 3 }), { maxLength: 12 });
    fc.assert(
      fc.property(sizes, fc.func(fc.boolean()), (all, isPresent) => {
        const entries = all.map((bytes, index) => entry(`split-${index}`, bytes));
        const present = new Set(names(entries).filter((name) => isPresent(name)));
        const chosen = fitting(entries, present);
        assert.ok([...present].every((name) => names(chosen).includes(name)));
        const added = chosen.filter(({ name }) => !present.has(name));
        assert.ok(added.length === 0 || JSON.stringify(chosen).length <= MAX_BYTES + chosen.length + 1);
        assert.deepEqual(fitting(entries, new Set(names(chosen))), chosen);
      }),
    );
  });
});
