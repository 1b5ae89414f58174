import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fastJsonPatch from 'fast-json-patch';
import { SPLIT_PHASES } from '../../../api/kinds/workload-split.ts';
import { mutate, type Pod } from '../../../webhook/mutate.ts';
import { fc } from '../../random.ts';
import { FALLBACK, makePod, makeSplit, variable } from './fixtures.ts';

const TOKEN_PATH = '/metadata/labels/operator.metalbear.co~1patched';
const LABEL = { op: 'add', path: TOKEN_PATH, value: '4f9c2a' };

function patched<P extends Pod>(pod: P, spec = makeSplit().spec): P {
  return fastJsonPatch.applyPatch(pod, mutate(pod, spec).operations, true, false).newDocument;
}

describe('mutate', () => {
  const { spec } = makeSplit();
  const entry = { name: 'QUEUE', value: FALLBACK };

  it('replaces the entry in place', () => {
    const pod = makePod([
      { name: 'A', value: 'a' },
      { name: 'QUEUE', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } },
    ]);
    assert.deepEqual(mutate(pod, spec), {
      operations: [{ op: 'replace', path: '/spec/containers/0/env/1', value: entry }, LABEL],
      reason: 'patched',
    });
  });

  it('puts a variable that env does not have in front of all others', () => {
    assert.deepEqual(mutate(makePod([{ name: 'URL', value: 'x/$(QUEUE)' }]), spec).operations, [
      { op: 'add', path: '/spec/containers/0/env/0', value: entry },
      LABEL,
    ]);
  });

  it('makes env and labels where there are none', () => {
    const pod: Pod = { metadata: {}, spec: { containers: [{ name: 'app' }] } };
    assert.deepEqual(mutate(pod, spec).operations, [
      { op: 'add', path: '/spec/containers/0/env', value: [] },
      { op: 'add', path: '/spec/containers/0/env/0', value: entry },
      { op: 'add', path: '/metadata/labels', value: {} },
      LABEL,
    ]);
    const nulls: Pod = {
      metadata: { labels: null },
      spec: { containers: [{ name: 'app', env: null }], initContainers: null },
    };
    assert.deepEqual(patched(nulls).spec.containers, [{ name: 'app', env: [entry] }]);
  });

  it('replaces the last of several entries: the kubelet takes that one', () => {
    const pod = makePod([
      { name: 'QUEUE', value: 'early' },
      { name: 'OTHER', value: '$(QUEUE)' },
      { name: 'QUEUE', value: 'late' },
    ]);
    assert.deepEqual(
      patched(pod).spec.containers[0]?.env?.map(({ value }) => value),
      ['early', '$(QUEUE)', FALLBACK],
    );
  });

  it('replaces an earlier entry too when the later one may be skipped', () => {
    const optional = { name: 'QUEUE', valueFrom: { configMapKeyRef: { name: 'c', key: 'k', optional: true } } };
    const twice = makePod([{ name: 'QUEUE', value: 'early' }, { name: 'OTHER', value: '$(QUEUE)' }, optional]);
    assert.deepEqual(
      patched(twice).spec.containers[0]?.env?.map(({ value }) => value),
      [FALLBACK, '$(QUEUE)', FALLBACK],
    );
    const once = makePod([{ name: 'OTHER', value: '$(QUEUE)' }, optional]);
    assert.deepEqual(
      patched(once).spec.containers[0]?.env?.map(({ value }) => value),
      [FALLBACK, '$(QUEUE)', FALLBACK],
    );
  });

  it('patches init containers by name and leaves containers of other names alone', () => {
    const pod: Pod = {
      metadata: { labels: {} },
      spec: {
        initContainers: [{ name: 'setup' }, { name: 'sidecar', env: [{ name: 'QUEUE', value: 'orders' }] }],
        containers: [{ name: 'other', env: [{ name: 'QUEUE', value: 'orders' }] }, { name: 'app' }],
      },
    };
    const both = { ...spec, environment: [variable('app', 'QUEUE', 'new'), variable('sidecar', 'QUEUE', 'new')] };
    assert.deepEqual(patched(pod, both).spec, {
      initContainers: [{ name: 'setup' }, { name: 'sidecar', env: [{ name: 'QUEUE', value: 'new' }] }],
      containers: [
        { name: 'other', env: [{ name: 'QUEUE', value: 'orders' }] },
        { name: 'app', env: [{ name: 'QUEUE', value: 'new' }] },
      ],
    });
  });

  it('does nothing to a pod that is as it should be', () => {
    const pod: Pod = {
      metadata: { labels: { 'operator.metalbear.co/patched': '4f9c2a' } },
      spec: { containers: [{ name: 'app', env: [entry] }] },
    };
    assert.deepEqual(mutate(pod, spec), { operations: [], reason: 'already_patched' });
  });

  it('takes an absent value for the empty one, as the API server leaves it out', () => {
    const empty = { ...spec, environment: [variable('app', 'QUEUE', '')] };
    const pod = patched(makePod([{ name: 'QUEUE', value: 'orders' }]), empty);
    delete pod.spec.containers[0]?.env?.[0]?.value;
    assert.equal(mutate(pod, empty).reason, 'already_patched');
  });

  it("replaces another split's label", () => {
    const pod = makePod([]);
    pod.metadata.labels = { 'operator.metalbear.co/patched': 'old' };
    assert.equal(patched(pod).metadata.labels?.['operator.metalbear.co/patched'], '4f9c2a');
  });

  it('leaves a pod alone that lacks one of the containers: without label nobody would take it off a temporary queue', () => {
    const both = { ...spec, environment: [...spec.environment, variable('renamed', 'QUEUE', 'x')] };
    assert.deepEqual(mutate(makePod([]), both), { operations: [], reason: 'container_missing' });
  });

  it('injects in the phases in which pods may be patched and in no other', () => {
    const phases = SPLIT_PHASES.filter((phase) => mutate(makePod([]), { ...spec, phase }).operations.length > 0);
    assert.deepEqual(phases, ['Patching', 'Splitting', 'Warm', 'Draining']);
    const { token: _, ...unprepared } = spec;
    assert.equal(mutate(makePod([]), unprepared).reason, 'not_prepared');
    assert.equal(mutate(makePod([]), { ...spec, environment: [] }).reason, 'not_prepared');
  });
});

/** What a process sees, by the kubelet's rules, written independently of the product. `missing` are absent ConfigMaps. */
function kubelet(
  env: NonNullable<Pod['spec']['containers'][number]['env']>,
  envFrom: Record<string, string>,
  missing: boolean,
) {
  const seen = new Map(Object.entries(envFrom));
  for (const { name, value, valueFrom } of env) {
    if (valueFrom === undefined) {
      const expanded = (value ?? '').replace(/\$(\$|\(([^)]*)\))/g, (all, next, reference) =>
        next === '$' ? '$' : (seen.get(reference) ?? all),
      );
      seen.set(name, expanded);
    } else if (!missing) seen.set(name, 'from a ConfigMap');
  }
  return seen;
}

describe('mutate, for any pod', () => {
  const name = fc.constantFrom('QUEUE', 'TOPIC', 'URL', 'OTHER');
  const piece = fc.constantFrom('$', '$$', '$(', ')', '(', 'a', '/', '$(QUEUE)', '$(URL)', '$(NONE)', 'é', ' ');
  const value = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
  const source = { valueFrom: { configMapKeyRef: { name: 'c', key: 'k', optional: true } } };
  const envEntry = fc.oneof(
    fc.record({ name, value }),
    fc.record({ name }),
    name.map((variableName) => ({ name: variableName, ...source })),
  );
  const container = (names: fc.Arbitrary<string>) =>
    fc.record(
      {
        name: names,
        env: fc.array(envEntry, { maxLength: 6 }),
        image: fc.constant('i'),
        ports: fc.constant([{ port: 1 }]),
      },
      { requiredKeys: ['name'] },
    );
  const pod = fc
    .record({
      kind: fc.constant('Pod'),
      metadata: fc.record({ labels: fc.dictionary(fc.string(), fc.string()), uid: fc.string() }, { requiredKeys: [] }),
      spec: fc.record(
        {
          containers: fc.tuple(container(fc.constant('app')), container(fc.constant('second'))),
          initContainers: fc.array(container(fc.constant('init')), { maxLength: 1 }),
          volumes: fc.constant([{ name: 'v' }]),
        },
        { requiredKeys: ['containers'] },
      ),
    })
    .map((generated): Pod => JSON.parse(JSON.stringify(generated)));
  const environment = fc
    .uniqueArray(
      fc.record({ container: fc.constantFrom('app', 'second'), variable: fc.constantFrom('QUEUE', 'TOPIC'), value }),
      {
        minLength: 1,
        selector: (each) => `${each.container}/${each.variable}`,
      },
    )
    .map((all) => all.map((each) => variable(each.container, each.variable, each.value)));

  const check = (assertion: (before: Pod, after: Pod, spec: ReturnType<typeof makeSplit>['spec']) => void) =>
    fc.assert(
      fc.property(pod, environment, (before, wanted) => {
        const spec = makeSplit({ environment: wanted }).spec;
        const copy = structuredClone(before);
        const after = patched<Pod>(before, spec);
        assert.deepEqual(before, copy, 'the pod that was asked about has changed');
        assertion(before, after, spec);
      }),
      { numRuns: 2_000 },
    );

  it('has nothing to do a second time', () => {
    check((_, after, spec) => assert.deepEqual(mutate(after, spec), { operations: [], reason: 'already_patched' }));
  });

  it('gives the process exactly the value, and $(NAME) in later entries as well', () => {
    check((_, after, spec) => {
      for (const wanted of spec.environment) {
        const { env } = after.spec.containers.find(({ name }) => name === wanted.container) ?? assert.fail();
        for (const missing of [true, false]) {
          const probe = [...(env ?? []), { name: 'PROBE', value: `<$(${wanted.variable})>` }];
          const seen = kubelet(probe, { QUEUE: 'from envFrom', URL: 'u' }, missing);
          assert.equal(seen.get(wanted.variable), wanted.value);
          assert.equal(seen.get('PROBE'), `<${wanted.value}>`);
        }
      }
    });
  });

  it('makes every reference to a variable from envFrom read as if envFrom held the new value', () => {
    check((before, after, spec) => {
      for (const [index, { name, env }] of before.spec.containers.entries()) {
        const wanted = spec.environment.filter(({ container }) => container === name);
        if (wanted.some(({ variable }) => env?.some((each) => each.name === variable))) continue;
        const values = Object.fromEntries(wanted.map(({ variable, value }) => [variable, value]));
        const originals = Object.fromEntries(wanted.map(({ variable }) => [variable, 'original']));
        const seen = kubelet(after.spec.containers[index]?.env ?? [], originals, true);
        assert.deepEqual(new Map([...seen].sort()), new Map([...kubelet(env ?? [], values, true)].sort()));
      }
    });
  });

  it('changes nothing else in the pod', () => {
    const without = (target: Pod, names: ReadonlySet<string>) => {
      const { metadata, spec, ...rest } = structuredClone(target) as Pod & { spec: Record<string, unknown> };
      const { 'operator.metalbear.co/patched': _, ...labels } = metadata.labels ?? {};
      const containers = spec.containers.map(({ env, ...container }) => ({
        ...container,
        env: (env ?? []).filter((each) => !names.has(`${container.name}/${each.name}`)),
      }));
      return { ...rest, metadata: { ...metadata, labels }, spec: { ...spec, containers } };
    };
    check((before, after, spec) => {
      const names = new Set(spec.environment.map((each) => `${each.container}/${each.variable}`));
      assert.deepEqual(without(after, names), without(before, names));
      for (const [index, { env }] of before.spec.containers.entries()) {
        const lengths = [env?.length ?? 0, after.spec.containers[index]?.env?.length ?? 0] as const;
        assert.ok(lengths[1] >= lengths[0] && lengths[1] <= lengths[0] + 2);
      }
    });
  });
});
