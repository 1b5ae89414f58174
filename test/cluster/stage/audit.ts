// What the API server's audit log says about our service accounts: what was refused, and which of the granted rights nobody used.
import { parseAllDocuments } from 'yaml';
import { readJsonLines } from '../../checker/history.ts';
import { OPERATOR_NAMESPACE, RELEASE } from './installation.ts';
import type { Stage } from './stage.ts';

/** The part of audit.k8s.io/v1 Event that is read. */
export type AuditLine = {
  stage: string;
  verb: string;
  /** Empty when the token was not valid: a pod whose service account is gone. */
  user: { username?: string };
  requestURI: string;
  /** RFC 3339 with six digits of a second, all in UTC: as text they are in the order of time. */
  requestReceivedTimestamp: string;
  stageTimestamp: string;
  objectRef?: { apiGroup?: string; resource?: string; subresource?: string; namespace?: string; name?: string };
  annotations?: Record<string, string>;
};

/** One verb on one resource for one of our service accounts. */
export type Grant = {
  account: string;
  /** Absent: in all namespaces. */
  namespace?: string;
  group: string;
  /** With its subresource, as in `pods/eviction`. */
  resource: string;
  verb: string;
  /** Empty: any. */
  names: readonly string[];
};

type Rule = { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] };
type RoleObject = { kind: string; metadata: { name: string; namespace?: string }; rules?: Rule[] };
type BindingObject = {
  kind: string;
  metadata: { namespace?: string };
  roleRef: { kind: string; name: string };
  subjects: { kind: string; name: string; namespace: string }[];
};

export function readAudit(stage: Stage): AuditLine[] {
  const path = stage.cluster.auditLogPath;
  if (path === undefined) throw new Error('the audit log of this cluster cannot be read');
  return readJsonLines<AuditLine>(path);
}

/** All that the chart grants to service accounts, its hooks' included: as helm installed it. */
export async function readGrants({ cluster }: Stage): Promise<Grant[]> {
  const objects = await Promise.all(
    ['manifest', 'hooks'].map(async (what) => {
      const { stdout } = await cluster.helm(['get', what, RELEASE, '--namespace', OPERATOR_NAMESPACE]);
      return parseAllDocuments(stdout).map((document) => document.toJSON() as { kind?: string } | null);
    }),
  );
  return grantsOf(objects.flat().flatMap((object) => (object?.kind === undefined ? [] : [object as RoleObject])));
}

/** Pure. Roles that are bound to nobody are for people, and left out. */
export function grantsOf(objects: readonly { kind: string }[]): Grant[] {
  const roles = objects.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole') as RoleObject[];
  const bindings = objects.filter(({ kind }) => kind === 'RoleBinding' || kind === 'ClusterRoleBinding');
  return (bindings as BindingObject[]).flatMap((binding) => {
    const role = roles.find(
      ({ kind, metadata }) => kind === binding.roleRef.kind && metadata.name === binding.roleRef.name,
    );
    const where = binding.metadata.namespace === undefined ? {} : { namespace: binding.metadata.namespace };
    return binding.subjects.flatMap(({ name, namespace }) =>
      (role?.rules ?? []).flatMap((rule) => expand(rule, `system:serviceaccount:${namespace}:${name}`, where)),
    );
  });
}

function expand(rule: Rule, account: string, where: { namespace?: string }): Grant[] {
  return rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((resource) =>
      rule.verbs.map((verb) => ({ account, ...where, group, resource, verb, names: rule.resourceNames ?? [] })),
    ),
  );
}

const isAllowed = ({ annotations }: AuditLine): boolean => annotations?.['authorization.k8s.io/decision'] === 'allow';

const PREFIX = `system:serviceaccount:${OPERATOR_NAMESPACE}:`;
const PROCESSES = ['controller', 'webhook', 'forwarder', 'uninstall'].map((name) => `queue-splitter-${name}`);

/**
 * Requests of our service accounts that RBAC did not let through, in the order of the log. Not counted: what a pod asks on its way out
 * when an uninstallation has deleted its bindings already.
 */
export function refusedRequests(lines: readonly AuditLine[]): string[] {
  const unbound = unboundSpans(lines);
  return lines.flatMap((line) => {
    const { user, verb, requestURI, stageTimestamp } = line;
    const { username = '' } = user;
    const name = username.slice(PREFIX.length);
    const isOurs = username.startsWith(PREFIX) && PROCESSES.includes(name);
    const isOnItsWayOut = unbound.some(
      ({ account, from, to }) =>
        account === name && stageTimestamp >= from && (to === undefined || stageTimestamp < to),
    );
    return isOurs && !isAllowed(line) && !isOnItsWayOut ? [`${name} ${verb} ${requestURI}`] : [];
  });
}

type Span = { account: string; from: string; to?: string };

/** From when a deletion was asked for: it is over, and in the log, a moment after the first refusals that it brings about. */
function unboundSpans(lines: readonly AuditLine[]): Span[] {
  const spans: Span[] = [];
  for (const line of lines) {
    const account = boundAccount(line);
    if (account === undefined) continue;
    const open = spans.find((span) => span.account === account && span.to === undefined);
    if (line.verb !== 'delete') {
      if (open) open.to = line.stageTimestamp;
    } else if (!open) {
      spans.push({ account, from: line.requestReceivedTimestamp });
    }
  }
  return spans;
}

/** Whose binding is written or deleted. Bindings are named like their account, perhaps with something behind it. */
function boundAccount({ verb, objectRef }: AuditLine): string | undefined {
  const isBinding = objectRef?.resource === 'rolebindings' || objectRef?.resource === 'clusterrolebindings';
  if (!isBinding || !['create', 'update', 'patch', 'delete'].includes(verb)) return undefined;
  return PROCESSES.find((name) => objectRef.name === name || objectRef.name?.startsWith(`${name}-`));
}

/** Grants that no request needed, as `account: verb resource`. */
export function unusedGrants(grants: readonly Grant[], lines: readonly AuditLine[]): string[] {
  const allowed = lines.filter(isAllowed);
  return grants.filter((grant) => !allowed.some((line) => uses(line, grant))).map(describeGrant);
}

export function describeGrant({ account, verb, resource, namespace, names }: Grant): string {
  const which = names.length === 0 ? '' : ` ${names.join(' or ')}`;
  return `${account.slice(account.lastIndexOf(':') + 1)}: ${verb} ${resource}${which}${namespace === undefined ? '' : ` in ${namespace}`}`;
}

function uses({ user, verb, objectRef }: AuditLine, grant: Grant): boolean {
  if (objectRef === undefined || user.username !== grant.account || verb !== grant.verb) return false;
  const { apiGroup = '', resource, subresource, namespace, name = '' } = objectRef;
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  if (apiGroup !== grant.group || whole !== grant.resource) return false;
  if (grant.namespace !== undefined && namespace !== grant.namespace) return false;
  return grant.names.length === 0 || grant.names.includes(name);
}
