import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { type MirrordConfig, parseMirrordConfig } from '../../../../common/mirrord-config/parse.ts';

const context = { variables: { key: 'alice-1', user: undefined }, environment: { TARGET: 'deployment/from-env' } };
const parse = (text: string, file = 'mirrord.json'): MirrordConfig => parseMirrordConfig(text, file, context);
const guide = (name: string) => readFile(new URL(`../../../fixtures/guide/${name}`, import.meta.url), 'utf8');
const deployment = { apiVersion: 'apps/v1', kind: 'Deployment' };

/** A file with this as feature.split_queues, from line 2 on. */
const withQueues = (queues: string): string => `{ "feature": { "split_queues":\n${queues} } }`;

describe('the files of the guide', () => {
  it('the first one', async () => {
    const config = parse(await guide('mirrord.json'));
    assert.deepEqual(config.target, { ...deployment, name: 'meme-app', container: 'main' });
    assert.deepEqual(config.queues, [
      {
        id: 'meme-queue',
        kind: 'SQS',
        mode: 'steal',
        filter: { author: '^me$', level: '^(beginner|intermediate)$' },
      },
      { id: 'ad-queue', kind: 'SQS', mode: 'steal', filter: {} },
      { id: 'views-topic', kind: 'Kafka', mode: 'steal', filter: { author: '^me$', source: '^my-session-' } },
    ]);
    assert.deepEqual(config.ignored, []);
  });

  it('the one with trailing commas and *', async () => {
    assert.deepEqual(parse(await guide('mirrord-wildcard.json')).queues, [
      { id: '*', kind: 'SQS', mode: 'steal', filter: { author: '^me$' } },
    ]);
  });
});

describe('target', () => {
  const targetOf = (target: string) => parse(`{ "target": ${target} }`);

  it('is read in all notations', () => {
    const inShop = { namespace: 'shop', target: { ...deployment, name: 'x', container: 'y' } };
    const cases: [string, object][] = [
      ['"deployment/x"', { target: { ...deployment, name: 'x' } }],
      ['"deploy/x/container/y"', { target: { ...deployment, name: 'x', container: 'y' } }],
      ['"statefulset/x"', { target: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'x' } }],
      ['"rollout/x"', { target: { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', name: 'x' } }],
      ['{ "path": "deployment/x/container/y", "namespace": "shop" }', inShop],
      ['{ "path": { "deployment": "x", "container": "y" }, "namespace": "shop" }', inShop],
      ['{ "namespace": "shop" }', { namespace: 'shop' }],
      ['null', {}],
    ];
    for (const [text, expected] of cases) {
      const { target, namespace } = targetOf(text);
      assert.deepEqual({ ...(target && { target }), ...(namespace && { namespace }) }, expected, text);
    }
  });

  it('is refused by name', () => {
    const cases: [string, string, RegExp][] = [
      ['"pod/x"', 'TargetUnsupported', /^mirrord\.json:1: target: .*"pod"/],
      ['"deployment"', 'InvalidConfig', /is not a target/],
      ['"deployment/x/y"', 'InvalidConfig', /is not a target/],
      ['"deployment/x/container/"', 'InvalidConfig', /is not a target/],
      ['{ "path": { "cron_job": "x" } }', 'TargetUnsupported', /target\.path: .*"cron_job"/],
      ['{ "path": { "deployment": "x", "rollout": "y" } }', 'InvalidConfig', /one workload/],
      ['{ "path": { "deployment": "x", "container": 1 } }', 'InvalidConfig', /container must be/],
      ['7', 'InvalidConfig', /target: must be text or an object/],
      [
        '{ "path": "deployment/x",\n"namspace": "shop" }',
        'InvalidConfig',
        /^mirrord\.json:2: target\.namspace: unknown field; there are path and namespace/,
      ],
      ['{ "namespace": 7 }', 'InvalidConfig', /target\.namespace: must be text/],
    ];
    for (const [text, code, message] of cases) assert.throws(() => targetOf(text), { code, message }, text);
  });
});

describe('split_queues', () => {
  it('is read as an array, with missing filters', () => {
    const { queues } = parse(
      withQueues(
        '[{ "queue_id": "a", "queue_type": "SQS" }, { "queue_id": "a", "queue_type": "Kafka", "queue_mode": "steal" }]',
      ),
    );
    assert.deepEqual(queues, [
      { id: 'a', kind: 'SQS', mode: 'steal', filter: {} },
      { id: 'a', kind: 'Kafka', mode: 'steal', filter: {} },
    ]);
  });

  it('may be missing', () => {
    assert.deepEqual(parse('{}').queues, []);
    assert.deepEqual(parse('{ "feature": { "split_queues": null } }').queues, []);
  });

  it('is refused with file, line and field', () => {
    const cases: [string, string, string][] = [
      [
        '{ "a": {\n"queue_type": "RMQ" } }',
        'UnsupportedQueueKind',
        'mirrord.json:3: feature.split_queues.a.queue_type: "RMQ" is not supported; there are SQS and Kafka.',
      ],
      [
        '{ "a": { "queue_type": "SQS",\n"jq_filter": ".Body" } }',
        'InvalidConfig',
        'mirrord.json:3: feature.split_queues.a.jq_filter: is not supported yet. Use message_filter.',
      ],
      [
        '{ "a": { "queue_type": "SQS",\n\n"filter": {} } }',
        'InvalidConfig',
        'mirrord.json:4: feature.split_queues.a.filter: is not supported yet. Use message_filter.',
      ],
      [
        '{ "a": { "queue_type": "SQS", "queue_mode": "mirror" } }',
        'InvalidConfig',
        'mirrord.json:2: feature.split_queues.a.queue_mode: "mirror" is not supported yet. Leave it out, or write "steal".',
      ],
      ['[{ "queue_type": "SQS" }]', 'InvalidConfig', 'mirrord.json:2: feature.split_queues[0]: queue_id is missing.'],
      [
        '{ "a": { "queue_type": "SQS" }, "a": {} }',
        'InvalidConfig',
        'mirrord.json:2: a is written twice. Keep one of the two.',
      ],
      [
        '[{ "queue_id": "a", "queue_type": "SQS" },\n{ "queue_id": "a", "queue_type": "SQS" }]',
        'InvalidConfig',
        'mirrord.json:3: feature.split_queues[1]: SQS queue a is there twice. Keep one entry.',
      ],
      [
        '7',
        'InvalidConfig',
        'mirrord.json:2: feature.split_queues: must be an object by queue id, or an array of entries with queue_id.',
      ],
    ];
    for (const [queues, code, message] of cases)
      assert.throws(() => parse(withQueues(queues)), { code, message }, queues);
  });

  it('refuses unknown fields, wrong types and bad patterns', () => {
    const cases: [string, string, RegExp][] = [
      [
        '{ "a": { "queue_type": "SQS",\n"massage_filter": {} } }',
        'InvalidConfig',
        /^mirrord\.json:3: feature\.split_queues\.a\.massage_filter: unknown field; there are .*message_filter/,
      ],
      ['{ "a": { "queue_typ": "SQS" } }', 'InvalidConfig', /split_queues\.a\.queue_typ: unknown field/],
      ['{ "a": { "message_filter": {} } }', 'InvalidConfig', /split_queues\.a\.queue_type: is missing/],
      ['{ "a": { "queue_type": 7 } }', 'InvalidConfig', /split_queues\.a\.queue_type: must be text/],
      ['{ "a": [] }', 'InvalidConfig', /split_queues\.a: must be an object/],
      [
        '{ "a": { "queue_type": "SQS", "message_filter": "x" } }',
        'InvalidConfig',
        /message_filter: must be an object: attribute or header name → regular expression/,
      ],
      [
        '{ "a": { "queue_type": "SQS",\n"message_filter": { "t": 1 } } }',
        'InvalidConfig',
        /^mirrord\.json:3: feature\.split_queues\.a\.message_filter\.t: must be text/,
      ],
      [
        '{ "a": { "queue_type": "SQS",\n"message_filter": { "t": "(?=x)" } } }',
        'InvalidFilter',
        /^mirrord\.json:3: .*queue a for attribute t is refused: .*look-ahead/,
      ],
      ['{ "a": { "queue_type": "SQS", "queue_id": "b" } }', 'InvalidConfig', /queue_id: has no place/],
    ];
    for (const [queues, code, message] of cases)
      assert.throws(() => parse(withQueues(queues)), { code, message }, queues);
  });
});

describe('the rest of the file', () => {
  it('is read where we need it and listed where we do not', () => {
    const config = parse(
      '{ "$schema": "x", "operator": true, "key": "k", "kubeconfig": "/k", "kube_context": "c", // comment\n "agent": {}, "feature": { "network": true, "env": {}, "split_queues": {} } }',
    );
    assert.deepEqual(config.ignored, ['agent', 'feature.network', 'feature.env']);
    assert.deepEqual([config.key, config.kubeconfig, config.context], ['k', '/k', 'c']);
    assert.ok('agent' in config.content);
  });

  it('may begin with a byte order mark, as editors of Windows write it', () => {
    assert.equal(parse('\uFEFF{ "key": "a" }').key, 'a');
    assert.equal(parse('\uFEFFkey: a', 'mirrord.yaml').key, 'a');
  });

  it('is named with its line when neither we nor mirrord know it', () => {
    const { unknown, ignored } = parse('{\n"taget": "deployment/x",\n"agent": {}, "feature": {\n"split_queue": {} } }');
    assert.deepEqual([unknown, ignored], [['taget (line 2)', 'feature.split_queue (line 4)'], ['agent']]);
  });

  it('is refused when it cannot be read', () => {
    const cases: [string, string, RegExp][] = [
      ['', 'mirrord.json', /^mirrord\.json:1: this is not valid JSON/],
      ['{\n"a": }', 'mirrord.json', /^mirrord\.json:2: this is not valid JSON: value expected/],
      ['[]', 'mirrord.json', /^mirrord\.json:1: the file must be an object/],
      ['{ "feature": 1 }', 'mirrord.json', /feature: must be an object/],
      ['a: [', 'mirrord.yaml', /^mirrord\.yaml:1: this is not valid YAML/],
      ['a: 1\na: 2', 'mirrord.yaml', /^mirrord\.yaml:2: .*unique/],
      ['a = 1', 'mirrord.toml', /TOML is not supported/],
    ];
    for (const [text, file, message] of cases)
      assert.throws(() => parse(text, file), { code: 'InvalidConfig', message }, text);
  });
});

describe('YAML', () => {
  it('says the same as JSON, lines included', () => {
    const text =
      'target: deployment/x\nfeature:\n  split_queues:\n    a:\n      queue_type: SQS\n      message_filter:\n        tenant: ^alice$\n';
    assert.deepEqual(parse(text, 'mirrord.yaml').queues, [
      { id: 'a', kind: 'SQS', mode: 'steal', filter: { tenant: '^alice$' } },
    ]);
    assert.throws(() => parse(text.replace('SQS', 'NATS'), 'm.yml'), {
      message: /^m\.yml:5: feature\.split_queues\.a\.queue_type/,
    });
  });
});

describe('templates', () => {
  const targetOf = (expression: string) => parse(`{ "target": "${expression}" }`).target?.name;

  it('expand variables and get_env as Tera does', () => {
    assert.equal(targetOf('deployment/{{ key }}'), 'alice-1');
    assert.equal(targetOf('{{ get_env(name="TARGET", default="pod/fallback") }}'), 'from-env');
    assert.equal(targetOf("{{get_env( name='NONE' ,default=`deployment/other` )}}"), 'other');
  });

  it('are refused by name otherwise', () => {
    const cases: [string, RegExp][] = [
      ['{{ branch }}', /^mirrord\.json:1: \{\{ branch \}\}: there is no variable branch; there are key, user/],
      ['{{ user }}', /user is not set/],
      ['{{ get_env(name="NONE") }}', /NONE is not set/],
      ['{{ get_env(nome="A") }}', /needs the argument name/],
      ['{{ get_env(name="A", fallback="b") }}', /no argument fallback/],
      ['{{ get_env(name=key | lower) }}', /cannot be read/],
      ['{{ key | upper }}', /only variables and get_env/],
      ['{{ now() }}', /only variables and get_env/],
      ['{% if key %}', /statements and comments/],
    ];
    for (const [expression, message] of cases)
      assert.throws(() => targetOf(expression), { code: 'InvalidConfig', message });
  });
});
