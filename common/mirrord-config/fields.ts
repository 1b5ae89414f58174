// The fields that mirrord's own configuration has (https://metalbear.com/mirrord/docs/config/options), to tell what belongs to mirrord alone
// from what is a typing error. Not more than a help: a field that is missing here is named to the developer, and does no harm.

/** Of the file. */
export const MIRRORD_FIELDS: ReadonlySet<string> = new Set([
  '$schema',
  'accept_invalid_certificates',
  'agent',
  'baggage',
  'ci',
  'connect_tcp',
  'container',
  'experimental',
  'external_proxy',
  'feature',
  'internal_proxy',
  'key',
  'kube_context',
  'kubeconfig',
  'magic',
  'operator',
  'profile',
  'sip_binaries',
  'skip_build_tools',
  'skip_extra_build_tools',
  'skip_processes',
  'skip_sip',
  'startup_retry',
  'target',
  'telemetry',
  'traceparent',
  'use_proxy',
]);

/** Of `feature`. */
export const MIRRORD_FEATURES: ReadonlySet<string> = new Set([
  'copy_target',
  'db_branches',
  'env',
  'fs',
  'hostname',
  'magic',
  'network',
  'preview',
  'split_queues',
]);

/** Those of `target` when it is an object. */
export const TARGET_FIELDS = ['path', 'namespace'] as const;
