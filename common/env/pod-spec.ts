// The part of a pod template that decides a container's environment, as the Kubernetes API has it.

export type Container = { name: string; env?: EnvVar[]; envFrom?: EnvFromSource[]; restartPolicy?: string };

export type PodSpec = { containers: Container[]; initContainers?: Container[] };

export type EnvVar = { name: string; value?: string; valueFrom?: EnvVarSource };

type KeyReference = { name?: string; key: string; optional?: boolean };

export type EnvVarSource = {
  configMapKeyRef?: KeyReference;
  secretKeyRef?: KeyReference;
  fieldRef?: { fieldPath: string };
  resourceFieldRef?: { resource: string; containerName?: string };
  fileKeyRef?: { volumeName: string; path: string; key: string; optional?: boolean };
};

export type EnvFromSource = {
  prefix?: string;
  configMapRef?: { name?: string; optional?: boolean };
  secretRef?: { name?: string; optional?: boolean };
};

export type ConfigMap = { data?: Record<string, string>; binaryData?: Record<string, string> };

/** Name → ConfigMap of the target's namespace, as found; a name that is not in the map does not exist. */
export type ConfigMaps = ReadonlyMap<string, ConfigMap>;
