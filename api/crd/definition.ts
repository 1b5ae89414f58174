// What a CRD is made of, and how it is put together. No kind is named here.
import type { z } from 'zod';
import { type StructuralSchema, structuralSchema } from './structural.ts';

export type PrinterColumn = {
  name: string;
  type: 'string' | 'integer' | 'date';
  jsonPath: string;
  description: string;
  /** 0, the default: always shown. Greater: only with `-o wide`. */
  priority?: number;
};

export type KindDefinition = {
  group: string;
  version: string;
  kind: string;
  plural: string;
  shortNames: string[];
  categories: string[];
  description: string;
  spec: z.ZodType;
  /** Absent: the kind has no status subresource. */
  status?: z.ZodType;
  columns: PrinterColumn[];
  /** Fields that `kubectl get --field-selector` can ask for. */
  selectableFields?: string[];
  /** Helm condition on top of `.Values.crds.install`, for example `.Values.operator.sqsSplitting`. */
  condition?: string;
};

export type CustomResourceDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string; annotations: Record<string, string> };
  spec: {
    group: string;
    scope: 'Namespaced';
    names: {
      kind: string;
      listKind: string;
      plural: string;
      singular: string;
      shortNames?: string[];
      categories?: string[];
    };
    versions: CustomResourceVersion[];
  };
};

type CustomResourceVersion = {
  name: string;
  served: true;
  storage: true;
  subresources?: { status: Record<string, never> };
  selectableFields?: { jsonPath: string }[];
  additionalPrinterColumns: PrinterColumn[];
  schema: { openAPIV3Schema: StructuralSchema };
};

const AGE: PrinterColumn = {
  name: 'AGE',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since it was created.',
};

export const definitionName = (definition: KindDefinition): string => `${definition.plural}.${definition.group}`;

/** Uninstalling the chart must not delete users' resources, nor sessions that are still being cleaned up. */
const KEEP = { 'helm.sh/resource-policy': 'keep' };

export function customResourceDefinition(definition: KindDefinition): CustomResourceDefinition {
  const { kind, plural, shortNames, categories, selectableFields, status } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: definitionName(definition), annotations: { ...KEEP } },
    spec: {
      group: definition.group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames.length > 0 ? { shortNames } : {}),
        ...(categories.length > 0 ? { categories } : {}),
      },
      versions: [
        {
          name: definition.version,
          served: true,
          storage: true,
          ...(status ? { subresources: { status: {} } } : {}),
          ...(selectableFields ? { selectableFields: selectableFields.map((jsonPath) => ({ jsonPath })) } : {}),
          additionalPrinterColumns: [...definition.columns, AGE],
          schema: { openAPIV3Schema: objectSchema(definition) },
        },
      ],
    },
  };
}

function objectSchema({ kind, description, spec, status }: KindDefinition): StructuralSchema {
  return {
    type: 'object',
    description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
      kind: { type: 'string', description: 'Kind of this object.' },
      metadata: { type: 'object' },
      spec: structuralSchema(spec, `${kind}.spec`),
      ...(status ? { status: structuralSchema(status, `${kind}.status`) } : {}),
    },
  };
}
