/** The programs of Kubernetes itself, built from their Go module. */
import { join } from 'node:path';
import { isCached } from '../cache.ts';
import type { Progress } from '../progress.ts';
import { ensureGoPrograms } from './go-module.ts';
import type { PlannedStep } from './plan.ts';

export const kubernetesVersion = '1.35.4';

export type KubernetesBinaries = {
  apiServer: string;
  controllerManager: string;
  scheduler: string;
  kubelet: string;
  proxy: string;
};

const artefact = `kubernetes-${kubernetesVersion}`;

/** Modules that live in the repository of Kubernetes and are published beside it, with a major version of 0. */
const stagingModules =
  'api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap code-generator component-base component-helpers controller-manager cri-api cri-client csi-translation-lib dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics mount-utils pod-security-admission sample-apiserver'.split(
    ' ',
  );

const programs = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'];

export function planKubernetes(): PlannedStep[] {
  if (isCached(artefact)) return [];
  return [
    {
      what: `Kubernetes ${kubernetesVersion} (five programs, compiled from Go)`,
      minutes: 5,
      megabytes: 4300,
      staysMegabytes: 400,
    },
  ];
}

export async function ensureKubernetes(progress: Progress): Promise<KubernetesBinaries> {
  const build = (detail: (text: string) => void) =>
    ensureGoPrograms(
      {
        name: artefact,
        goMod: goMod(),
        sources: { 'tools.go': toolsFile() },
        packages: programs.map((program) => `k8s.io/kubernetes/cmd/${program}`),
        linkerFlags: versionFlags(),
      },
      detail,
    );
  const bin = isCached(artefact)
    ? await build(() => undefined)
    : await progress.step(`Building Kubernetes ${kubernetesVersion} (once, about 5 minutes)`, build);
  return {
    apiServer: join(bin, 'kube-apiserver'),
    controllerManager: join(bin, 'kube-controller-manager'),
    scheduler: join(bin, 'kube-scheduler'),
    kubelet: join(bin, 'kubelet'),
    proxy: join(bin, 'kube-proxy'),
  };
}

function goMod(): string {
  const staging = kubernetesVersion.replace(/^1/, '0');
  const replaces = stagingModules.map((name) => `\tk8s.io/${name} => k8s.io/${name} v${staging}\n`).join('');
  return `module queue-splitter.dev/testbed/kubernetes\n\ngo 1.25.0\n\nrequire k8s.io/kubernetes v${kubernetesVersion}\n\nreplace (\n${replaces})\n`;
}

function toolsFile(): string {
  const imports = programs.map((program) => `\t_ "k8s.io/kubernetes/cmd/${program}"\n`).join('');
  return `//go:build tools\n\npackage tools\n\nimport (\n${imports})\n`;
}

function versionFlags(): string {
  const [major, minor] = kubernetesVersion.split('.');
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
    .map(
      (name) => `-X ${name}.gitVersion=v${kubernetesVersion} -X ${name}.gitMajor=${major} -X ${name}.gitMinor=${minor}`,
    )
    .join(' ');
}
