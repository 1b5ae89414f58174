// The chart's values: what is unknown or senseless is refused with its path, and no value is without effect.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultValues, EVERYTHING, type Leaf, leaves, renderText, type Values, withValue } from './chart.ts';

const REFUSED: readonly [what: string, values: Values, words: RegExp][] = [
  ['an unknown value', { replicas: 3 }, /replicas/],
  ['an unknown value inside operator', { operator: { sqsSplit: true } }, /sqsSplit/],
  ['a misspelt resource', { webhook: { resources: { request: {} } } }, /request/],
  ['a text for a flag', { operator: { sqsSplitting: 'yes' } }, /sqsSplitting/],
  ['no replica', { forwarder: { replicas: 0 } }, /replicas/],
  ['a negative time', { sqs: { emptyConfirmationSeconds: -1 } }, /emptyConfirmationSeconds/],
  ['a topic format without RANDOM', { operator: { kafkaSplittingTopicFormat: 'x' } }, /kafkaSplittingTopicFormat/],
  ['a role that is no ARN', { sa: { roleArn: 'admin' } }, /roleArn/],
  ['an unknown end of a drain', { kafka: { onDrainTimeout: 'forget' } }, /onDrainTimeout/],
  ['no kind of queue at all', { operator: { sqsSplitting: false, kafkaSplitting: false } }, /both false/],
  ['a Secret of another namespace', { operator: { kafkaSecrets: ['other/secret'] } }, /kafkaSecrets/],
];

/** Values whose type alone does not say what else they may be. */
const OTHER: Readonly<Record<string, unknown>> = {
  'image.pullPolicy': 'Always',
  'sa.roleArn': 'arn:aws:iam::000000000000:role/other',
  'aws.endpoint': 'http://sqs.test:9324',
  'operator.kafkaSplittingTopicFormat': '{{RANDOM}}{{FALLBACK}}{{ORIGINAL_TOPIC}}',
  'operator.sqsSplittingLingerTimeout': 0,
  'operator.idleKafkaSplitTtlMillis': 30_000,
  'operator.kafkaSecrets': ['other'],
  'kafka.drainTimeoutSeconds': 300,
  'kafka.onDrainTimeout': 'rewind',
  'operator.affinity': { podAffinity: {} },
  'monitoring.podMonitor.interval': '17s',
};

/** Another legal value than the default. */
function otherValue({ path, value }: Leaf): unknown {
  const name = path.join('.');
  if (name in OTHER) return OTHER[name];
  if (name.endsWith('.resources')) return { requests: { memory: '1234Mi' } };
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'string') return 'other';
  if (Array.isArray(value)) return [{ name: 'other' }];
  return { other: 'other' };
}

describe('values', () => {
  for (const [what, values, words] of REFUSED) {
    for (const version of [3, 4] as const) {
      it(`Helm ${version} refuses ${what}`, async () => {
        await assert.rejects(renderText(values, version), words);
      });
    }
  }

  it('every value changes what is rendered', async () => {
    const before = await renderText(EVERYTHING);
    const enabled = new Set(leaves(EVERYTHING).map(({ path }) => path.join('.')));
    const without: string[] = [];
    for (const leaf of leaves(await defaultValues())) {
      const name = leaf.path.join('.');
      const value = enabled.has(name) ? false : otherValue(leaf);
      const after = await renderText(withValue(EVERYTHING, leaf.path, value));
      if (after === before) without.push(name);
    }
    assert.deepEqual(without, [], 'these values have no effect');
  });
});
