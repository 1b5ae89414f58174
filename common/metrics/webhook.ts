// What the webhook counts: admissions, their latency, and the certificate.
import { counter, gauge, histogram } from './registry.ts';

export const webhookMetrics = {
  requests: counter(
    'webhook_requests_total',
    'Admissions. Result: patched, unchanged, skipped or denied; reason says why.',
    ['result', 'reason'],
  ),
  duration: histogram('webhook_request_duration_seconds', 'Time to answer an admission.', ['result']),
  liveReads: counter(
    'webhook_live_reads_total',
    'Splits read from the API server because the cache did not know them yet.',
    ['result'],
  ),
  certificateSecondsLeft: gauge(
    'webhook_certificate_seconds_left',
    'Seconds until the serving certificate expires.',
    [],
  ),
};
