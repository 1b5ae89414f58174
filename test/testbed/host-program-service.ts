/** A Service without a selector for a program that runs outside the pods. */

export type HostProgramService = {
  name: string;
  namespace: string;
  /** The Service's port. */
  port: number;
  /** Where the program listens; the same as `port` unless told. */
  targetPort?: number;
};

/** The Service and its EndpointSlice. */
export function hostProgramObjects(service: HostProgramService, address: string, nodeName?: string): object[] {
  const { name, namespace, port, targetPort = port } = service;
  const portName = 'main';
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { ports: [{ name: portName, port, targetPort, protocol: 'TCP' }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-host`, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: portName, port: targetPort, protocol: 'TCP' }],
      endpoints: [
        { addresses: [address], conditions: { ready: true }, ...(nodeName === undefined ? {} : { nodeName }) },
      ],
    },
  ];
}
