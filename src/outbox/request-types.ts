import { z } from "zod"
import { operationDefinition, operationKinds } from "../domain/operations/index.ts"

export interface RequestType {
  readonly type: string
  /** JSON Schema, in the few keywords that the SQL function `reconciler.schema_faults` knows. */
  readonly payloadSchema: JsonSchema
}

export interface JsonSchema {
  readonly [keyword: string]: unknown
}

/** What `append` accepts. One source for both validators: the SQL one reads its rules from what this returns. */
export function requestTypes(): readonly RequestType[] {
  return operationKinds
    .map(operationDefinition)
    .filter(definition => definition.requestableByApp)
    .map(definition => {
      const { $schema: _, ...payloadSchema } = z.toJSONSchema(definition.payload)
      assertKnownToSql(payloadSchema, definition.requestEvent)
      return { type: definition.requestEvent, payloadSchema }
    })
}

const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  object: ["type", "properties", "required", "additionalProperties"],
  integer: ["type", "minimum", "maximum"],
  boolean: ["type", "const"],
  string: ["type", "const", "enum", "pattern"],
}

/** An unknown keyword would be a rule that one validator has and the other has not. Throws with its place. */
function assertKnownToSql(schema: JsonSchema, path: string): void {
  if (Array.isArray(schema.anyOf)) {
    for (const branch of schema.anyOf) assertKnownToSql(branch as JsonSchema, path)
    return
  }
  const known = KEYWORDS[String(schema.type)]
  const unknown = Object.keys(schema).find(keyword => !known?.includes(keyword))
  if (!known || unknown) {
    throw new Error(`${path}: the SQL append cannot check ${unknown ?? String(schema.type)} of a JSON Schema`)
  }
  if (schema.type === "object" && schema.additionalProperties !== false) {
    throw new Error(`${path}: must be a strict object`)
  }
  for (const [key, property] of Object.entries((schema.properties as JsonSchema | undefined) ?? {})) {
    assertKnownToSql(property as JsonSchema, `${path}.${key}`)
  }
}
