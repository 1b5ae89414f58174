import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { counter, startProcessMetrics } from '../../../../common/metrics/registry.ts';
import { type ProcessServer, startProcessServer } from '../../../../common/process/http.ts';

describe('startProcessServer', () => {
  let server: ProcessServer;
  let problem: string | undefined = 'not yet';

  before(async () => {
    const checks = {
      cache: () => problem,
      other: () => {
        if (problem === 'broken') throw new Error('the check failed');
        return undefined;
      },
    };
    server = await startProcessServer({ port: 0, checks });
  });
  after(() => server.close());

  const get = async (path: string) => {
    const { statusCode, body } = await request(`http://localhost:${server.port}${path}`);
    return { statusCode, text: await body.text() };
  };

  it('is alive', async () => assert.equal((await get('/healthz')).statusCode, 200));

  it('is ready when nothing is missing, and says what is', async () => {
    const missing = await get('/readyz');
    assert.equal(missing.statusCode, 503);
    assert.deepEqual(JSON.parse(missing.text), { ready: false, checks: { cache: 'not yet', other: 'ok' } });
    problem = 'broken';
    assert.equal(JSON.parse((await get('/readyz')).text).checks.other, 'the check failed');
    problem = undefined;
    assert.equal((await get('/readyz')).statusCode, 200);
  });

  it("serves the project's metrics and Node's", async () => {
    startProcessMetrics('test', '1.2.3');
    counter('apples_total', 'Apples.', ['colour']).inc({ colour: 'red' }, 3);
    const { text } = await get('/metrics');
    assert.match(text, /^queue_splitter_apples_total\{colour="red"\} 3$/m);
    assert.match(text, /^queue_splitter_build_info\{process="test",version="1.2.3"\} 1$/m);
    assert.match(text, /^process_cpu_seconds_total /m);
  });
});
