// Kubernetes' own schema keywords, carried through zod's metadata into the CRD. Only what the generator understands is listed here.

export type ValidationRule = {
  /** CEL; must be true. `oldSelf` turns it into a transition rule, which inside a list works only where the list is keyed. */
  rule: string;
  message: string;
  /** Where the API server shall say the fault is, relative to the object with the rule; for example `.variable`. */
  fieldPath?: string;
};

/** JSON Schema and Kubernetes keywords that zod has no word for. Pass to `.meta()`. */
export type SchemaKeywords = {
  maxProperties?: number;
  'x-kubernetes-validations'?: ValidationRule[];
  'x-kubernetes-list-type'?: 'map' | 'atomic' | 'set';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
};

/** Rules that every write must meet. */
export const rules = (...list: ValidationRule[]): SchemaKeywords => ({ 'x-kubernetes-validations': list });

/** A list whose items are told apart by these fields: duplicates are refused, and appliers own single items. */
export const listMap = (...keys: string[]): SchemaKeywords => ({
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': keys,
});

/** A list or map that one writer replaces as a whole. */
export const atomicList: SchemaKeywords = { 'x-kubernetes-list-type': 'atomic' };

export const maxProperties = (count: number): SchemaKeywords => ({ maxProperties: count });
