/**
 * What becomes of a record that its schema does not quite know: a field that the
 * schema does not name, or a text that a list of values does not have.
 *
 * | mode         | a field                     | a value                                         |
 * | ------------ | --------------------------- | ----------------------------------------------- |
 * | `Keep`       | goes into the extras        | goes into the extras; its field has none        |
 * | `Ignore`     | is left out                 | is left out; its field keeps the value it had   |
 * | `Quarantine` | refused as `UnknownField`   | refused as `UnknownValue`                       |
 *
 * A field that may be neither null nor absent cannot be without a value: there an
 * unknown value is refused in every mode. A value of another type is no new value,
 * and is refused as ever: when all records change, the brake stops the lane.
 *
 * **Laws**
 *
 * - a reading touches its own keys only: what it does not name keeps its value, in
 *   the extras too, and null is a value like any other;
 * - no name is special, not even `__proto__`;
 * - what is kept is not lost when the schema comes to know it: the field's next
 *   reading moves it out of the extras.
 *
 * @since 0.1.0
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as Extras from "../model/Extras.ts"
import * as Problem from "../model/Problem.ts"
import * as Write from "../model/Write.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Mode = "Keep" | "Ignore" | "Quarantine"

/** `Keep` needs a field for extras, and is the default where there is one. @category models @since 0.1.0 */
export interface Options {
  /** Default without extras: `"Ignore"`. */
  readonly unknownFields?: Mode
  /** Default without extras: `"Quarantine"`. */
  readonly unknownValues?: Mode
}

/** @category models @since 0.1.0 */
export interface Contract {
  /** The field that keeps extras. */
  readonly extras: string | undefined
  readonly unknownFields: Mode
  readonly unknownValues: Mode
  /** The other fields of the schema. */
  readonly fields: ReadonlyMap<string, Field>
}

/** @category models @since 0.1.0 */
export interface Field {
  /** Of a list of values; `undefined` where any value of a type will do. */
  readonly values: ReadonlySet<unknown> | undefined
  /** What the field is without a value; `Never` where it must have one. */
  readonly none: "Null" | "Absent" | "Never"
}

/** How many fields and values of a reading were not known, and did not keep it from being taken. @category models @since 0.1.0 */
export interface Unknown {
  readonly fields: number
  readonly values: number
}

/** A record after a reading. @category models @since 0.1.0 */
export interface Merged<out A> {
  readonly record: A
  /** `undefined` when all was known. */
  readonly unknown: Unknown | undefined
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Dies when something is to be kept and the schema has no field for it. @category constructors @since 0.1.0 */
export const make = (schema: { readonly fields: Schema.Struct.Fields }, options: Options = {}): Contract => {
  const extras = Extras.fieldOf(schema.fields)
  const { unknownFields = extras === undefined ? "Ignore" : "Keep" } = options
  const { unknownValues = extras === undefined ? "Quarantine" : "Keep" } = options
  if (extras === undefined && (unknownFields === "Keep" || unknownValues === "Keep"))
    throw new Error("the schema has no field to keep what it does not know: give it one, as `Extras.Extras`")
  const fields = new Map<string, Field>()
  for (const name of Object.keys(schema.fields))
    if (name !== extras) fields.set(name, fieldOf(schema.fields[name] as Schema.Codec<unknown>))
  return { extras, unknownFields, unknownValues, fields }
}

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * The record that is here with what a reading says of it; `before` is `undefined`
 * for one that is new.
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge = <A extends object>(
  contract: Contract,
  before: A | undefined,
  reading: Partial<A>
): Result.Result<Merged<A>, Write.Rejection> => {
  if (contract.extras === undefined && isKnown(contract, reading)) {
    const record = (before === undefined ? reading : { ...before, ...reading }) as A // whole when nothing is here: an upsert
    return Result.succeed({ record, unknown: undefined })
  }
  const draft = begin(contract, before)
  for (const name of Object.keys(reading)) {
    const value = (reading as Values)[name]
    if (name === contract.extras) keepAll(draft, value)
    else take(draft, name, value)
  }
  const [first] = draft.faults
  if (first !== undefined) {
    const message = draft.faults.slice(0, faultsMax).map((fault) => fault.message)
    const more = draft.faults.length - faultsMax
    return Result.fail(
      new Write.Rejection({ code: first.code, message: message.join("; ") + (more > 0 ? `; and ${more} more` : "") })
    )
  }
  const { bag, fields, record, values } = draft
  if (contract.extras !== undefined) set(record, contract.extras, bag)
  // Made of a record of the shape and a reading of it, and checked as any other afterwards.
  return Result.succeed({ record: record as A, unknown: fields + values === 0 ? undefined : { fields, values } })
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Values = Readonly<Record<string, unknown>>

/** Mutable: a record in the making. */
interface Draft {
  readonly contract: Contract
  readonly before: Values | undefined
  readonly record: Record<string, unknown>
  /** What becomes of the extras; anything but an object is refused by its schema. */
  bag: unknown
  fields: number
  values: number
  readonly faults: Array<{ readonly code: "UnknownField" | "UnknownValue"; readonly message: string }>
}

/** The most faults that one rejection names. */
const faultsMax = 5

const begin = (contract: Contract, before: object | undefined): Draft => {
  const known = before as Values | undefined
  const bag = contract.extras === undefined ? undefined : known?.[contract.extras]
  return {
    contract,
    before: known,
    record: { ...known },
    bag: isObject(bag) ? { ...bag } : {},
    fields: 0,
    values: 0,
    faults: []
  }
}

const keepAll = (draft: Draft, value: unknown): void => {
  if (isObject(value)) for (const name of Object.keys(value)) keep(draft, name, value[name])
  else if (value !== undefined) draft.bag = value
}

const keep = ({ bag }: Draft, name: string, value: unknown): void => {
  if (isObject(bag)) set(bag as Record<string, unknown>, name, toJson(value))
}

const take = (draft: Draft, name: string, value: unknown): void => {
  const { bag, contract, record } = draft
  const field = contract.fields.get(name)
  if (field === undefined) {
    if (value !== undefined) takeUnknown(draft, name, value)
  } else if (isNew(field, value)) takeNew(draft, field, name, value)
  else {
    set(record, name, value)
    if (isObject(bag) && Object.hasOwn(bag, name)) delete (bag as Record<string, unknown>)[name]
  }
}

const takeUnknown = (draft: Draft, name: string, value: unknown): void => {
  const { unknownFields } = draft.contract
  if (unknownFields === "Quarantine")
    draft.faults.push({ code: "UnknownField", message: `${Problem.quote(name)} is a field that is not known` })
  else draft.fields += 1
  if (unknownFields === "Keep") keep(draft, name, value)
}

const takeNew = (draft: Draft, { none, values }: Field, name: string, value: unknown): void => {
  const { before, contract, record } = draft
  const isKept = contract.unknownValues === "Ignore" && before !== undefined && Object.hasOwn(before, name)
  if (contract.unknownValues === "Quarantine" || (none === "Never" && !isKept)) {
    const known = [...(values ?? [])].slice(0, 12).join(", ")
    const message = `${Problem.quote(name)} has the value ${Problem.quote(String(value))}, which is not one of ${known}`
    draft.faults.push({ code: "UnknownValue", message })
    return
  }
  draft.values += 1
  if (contract.unknownValues === "Keep") keep(draft, name, value)
  if (isKept) return
  if (none === "Null") set(record, name, null)
  else delete record[name]
}

/** Of nearly every reading: nothing of it has to be moved. */
const isKnown = ({ fields }: Contract, reading: object): boolean => {
  for (const name of Object.keys(reading)) {
    const field = fields.get(name)
    if (field === undefined || isNew(field, (reading as Values)[name])) return false
  }
  return true
}

/** A number among texts is no new value: the type has changed. */
const isNew = ({ values }: Field, value: unknown): boolean =>
  values !== undefined && typeof value === "string" && !values.has(value)

const isObject = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Defined where assigning would set no field. */
const set = (record: Record<string, unknown>, name: string, value: unknown): void => {
  if (name === "__proto__")
    Object.defineProperty(record, name, { value, configurable: true, enumerable: true, writable: true })
  else record[name] = value
}

const toJson = (value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : BigDecimal.isBigDecimal(value) ? BigDecimal.format(value) : value

const fieldOf = (schema: Schema.Codec<unknown>): Field => {
  const isField = Schema.is(schema)
  const values = literalsOf(schema.ast).filter((value) => value !== null && value !== undefined)
  const isList = values.length > 0 && values.every((value) => typeof value === "string")
  return {
    values: isList ? new Set(values) : undefined,
    none: isField(null) ? "Null" : SchemaAST.isOptional(schema.ast) ? "Absent" : "Never"
  }
}

/** Empty unless the type is a list of values. */
const literalsOf = (ast: SchemaAST.AST): ReadonlyArray<unknown> => {
  if (SchemaAST.isLiteral(ast)) return [ast.literal]
  if (SchemaAST.isNull(ast)) return [null]
  if (SchemaAST.isUndefined(ast)) return [undefined]
  if (!SchemaAST.isUnion(ast)) return []
  const members = ast.types.map(literalsOf)
  return members.some((one) => one.length === 0) ? [] : members.flat()
}
