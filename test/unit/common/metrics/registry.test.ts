import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forwardingMetrics } from '../../../../common/metrics/forwarding.ts';
import { kubeMetrics, watchRunningWork, workQueueMetrics } from '../../../../common/metrics/kube.ts';
import { registry } from '../../../../common/metrics/registry.ts';
import { sessionMetrics } from '../../../../common/metrics/sessions.ts';
import { webhookMetrics } from '../../../../common/metrics/webhook.ts';

describe('metrics', () => {
  it('have our prefix (work queues: the names of client-go), a help text, and suffixes by kind and unit', async () => {
    const subjects = [forwardingMetrics, kubeMetrics, workQueueMetrics, sessionMetrics, webhookMetrics];
    const all = await registry.getMetricsAsJSON();
    assert.ok(all.length >= subjects.reduce((sum, subject) => sum + Object.keys(subject).length, 0));
    for (const { name, help, type } of all) {
      assert.match(name, /^(queue_splitter|workqueue)_[a-z_]+$/);
      assert.ok(help.endsWith('.'), `${name}: the help is a sentence`);
      assert.equal(name.endsWith('_total'), String(type) === 'counter', name);
      if (String(type) === 'histogram') assert.match(name, /_seconds$/);
    }
  });

  it('show work that hangs at the moment of the scrape', async () => {
    let seconds = [1, 2];
    watchRunningWork('hanging', () => seconds);
    seconds = [10, 20];
    const text = await registry.metrics();
    assert.match(text, /^workqueue_unfinished_work_seconds\{name="hanging"\} 30$/m);
    assert.match(text, /^workqueue_longest_running_processor_seconds\{name="hanging"\} 20$/m);
  });
});
