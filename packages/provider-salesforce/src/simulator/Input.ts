/**
 * Values that users send, checked field by field (REST API guide, "Status Codes
 * and Error Responses").
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Catalog from "./Catalog.ts"
import type * as Field from "./Field.ts"
import * as Instant from "./Instant.ts"
import * as RecordId from "./RecordId.ts"
import * as Refusal from "./Refusal.ts"

// -----------------------------------------------------------------------------
// checking
// -----------------------------------------------------------------------------

/** What came over the wire, by the name of the field. @category models @since 0.1.0 */
export type Input = { readonly [field: string]: unknown }

type Checked<A> = Result.Result<A, Refusal.Refusal>

/**
 * The values to store, under the names of the catalog. An empty text is `null`,
 * an Id has 18 characters and, where `find` knows the object it refers to, its
 * prefix. `attributes` is ignored.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (
  entity: Catalog.Entity,
  input: Input,
  operation: "create" | "update",
  find: Catalog.Find
): Checked<Field.Values> =>
  Result.gen(function* () {
    const values: { [field: string]: Field.Value } = {}
    for (const [name, value] of Object.entries(input)) {
      if (name === "attributes") continue
      const field = Catalog.field(entity, name)
      if (field === undefined) {
        return yield* refuse("INVALID_FIELD", `No such column '${name.slice(0, 80)}' on sobject of type ${entity.name}`)
      }
      if (!(operation === "create" ? field.createable : field.updateable)) {
        return yield* refuse(
          "INVALID_FIELD_FOR_INSERT_UPDATE",
          `Unable to create/update fields: ${field.name}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.`,
          field
        )
      }
      values[field.name] = yield* checkValue(field, value, find)
    }
    return values
  })

/** The fields a new record must have and does not. @category checking @since 0.1.0 */
export const missing = (entity: Catalog.Entity, values: Field.Values): ReadonlyArray<Field.Field> =>
  entity.fields.filter(
    (field) => field.createable && !field.nillable && !field.defaultedOnCreate && (values[field.name] ?? null) === null
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const refuse = (errorCode: string, message: string, field?: Field.Field) =>
  Refusal.fail(400, errorCode, message, field === undefined ? [] : [field.name])

const mistyped = (field: Field.Field, value: unknown) =>
  refuse(
    "JSON_PARSER_ERROR",
    `Cannot deserialize instance of ${field.type} from ${typeof value} value ${String(JSON.stringify(value)).slice(0, 80)}`,
    field
  )

const checkValue = (field: Field.Field, value: unknown, find: Catalog.Find): Checked<Field.Value> => {
  if (value === null || value === "") {
    return field.nillable
      ? Result.succeed(null)
      : refuse("REQUIRED_FIELD_MISSING", `Required fields are missing: [${field.name}]`, field)
  }
  switch (field.soapType) {
    case "tns:ID":
      return typeof value === "string" ? checkReference(field, value, find) : mistyped(field, value)
    case "xsd:string":
      return typeof value === "string" ? checkText(field, value) : mistyped(field, value)
    case "xsd:boolean":
      return typeof value === "boolean" ? Result.succeed(value) : mistyped(field, value)
    case "xsd:int":
      return Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31
        ? Result.succeed(Number(value))
        : mistyped(field, value)
    case "xsd:double":
      return typeof value === "number" && Number.isFinite(value) ? Result.succeed(value) : mistyped(field, value)
    case "xsd:date":
      return typeof value === "string" && Instant.parseDay(value) !== undefined
        ? Result.succeed(value)
        : mistyped(field, value)
    case "xsd:dateTime": {
      const at = typeof value === "string" ? Instant.parse(value) : undefined
      return at === undefined ? mistyped(field, value) : Result.succeed(Instant.toRest(Instant.toSecond(at)))
    }
    default:
      return mistyped(field, value)
  }
}

const checkReference = (field: Field.Field, value: string, find: Catalog.Find): Checked<Field.Value> => {
  const id = RecordId.parse(value)
  const prefixes = field.referenceTo.map((name) => find(name)?.keyPrefix)
  return id !== undefined && (prefixes.includes(undefined) || prefixes.includes(id.slice(0, 3)))
    ? Result.succeed(id)
    : refuse("MALFORMED_ID", `${field.label}: id value of incorrect type: ${value.slice(0, 80)}`, field)
}

const checkText = (field: Field.Field, value: string): Checked<Field.Value> => {
  if (value.length > field.length) {
    return refuse(
      "STRING_TOO_LONG",
      `${field.label}: data value too large: ${value.slice(0, 80)} (max length=${field.length})`,
      field
    )
  }
  return field.restrictedPicklist && !field.picklistValues.some((entry) => entry.value === value)
    ? refuse(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        `${field.label}: bad value for restricted picklist field: ${value.slice(0, 80)}`,
        field
      )
    : Result.succeed(value)
}
