/**
 * Records with a field of every kind that a canonical record may have, hostile
 * names among them, and what makes two values of a field equal.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"

const Address = Schema.Struct({ street: Schema.String, floor: Schema.optionalKey(Schema.Number) })

export const Rich = Schema.Struct({
  text: Schema.String,
  number: Schema.Number,
  count: Schema.Int,
  nullable: Schema.NullOr(Schema.Number),
  optional: Schema.optionalKey(Schema.String),
  flag: Schema.Boolean,
  address: Schema.NullOr(Address),
  numbers: Schema.Array(Schema.Number),
  at: Schema.DateTimeUtc,
  day: Schema.Date,
  amount: Schema.BigDecimal,
  json: Schema.Json,
  ["__proto__"]: Schema.optionalKey(Schema.String),
  constructor: Schema.optionalKey(Schema.String),
  hasOwnProperty: Schema.optionalKey(Schema.Number),
  note: Schema.String
})
export type Rich = typeof Rich.Type
export type Name = keyof Rich & string

export const names = Object.keys(Rich.fields) as ReadonlyArray<Name>

/** Own value of a field; `undefined` when there is none. */
export const get = (record: object, name: string): unknown => Object.getOwnPropertyDescriptor(record, name)?.value

// -----------------------------------------------------------------------------
// equality, field by field
// -----------------------------------------------------------------------------

type Equals = (a: never, b: never) => boolean

const sameNumber = (a: number, b: number) => a === b || (Number.isNaN(a) && Number.isNaN(b))
const same = (a: unknown, b: unknown) => a === b
const sameAddress = (a: typeof Address.Type | null, b: typeof Address.Type | null) =>
  a === null || b === null
    ? a === b
    : a.street === b.street &&
      "floor" in a === "floor" in b &&
      (a.floor === undefined || b.floor === undefined || sameNumber(a.floor, b.floor))
const sameJson = (a: Schema.Json, b: Schema.Json): boolean => {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [keys, others] = [Object.keys(a), Object.keys(b)]
  return (
    keys.length === others.length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson(get(a, key) as Schema.Json, get(b, key) as Schema.Json))
  )
}

/** Said field by field, so that a new field without a line here does not compile. */
const equality: Record<Name, Equals> = {
  text: same,
  number: sameNumber,
  count: same,
  nullable: sameNumber,
  optional: same,
  flag: same,
  address: sameAddress,
  numbers: (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
    a.length === b.length && a.every((one, index) => sameNumber(one, b[index]!)),
  at: (a: DateTime.Utc, b: DateTime.Utc) => a.epochMilliseconds === b.epochMilliseconds,
  day: (a: Date, b: Date) => a.getTime() === b.getTime(),
  amount: BigDecimal.equals as Equals,
  json: sameJson,
  ["__proto__"]: same,
  constructor: same,
  hasOwnProperty: sameNumber,
  note: same
}

/** Whether two records have equal values in a field, or both none. */
export const isSame = (name: Name, a: object, b: object): boolean => {
  const [was, is] = [get(a, name), get(b, name)]
  if (was === undefined || is === undefined) return was === is
  return (get(equality, name) as Equals)(was as never, is as never)
}

// -----------------------------------------------------------------------------
// arbitraries
// -----------------------------------------------------------------------------

const arbitrary = Arbitrary.schema(Rich)

/** Few and alike, hostile keys among them. */
const json = fc.constantFrom<Schema.Json>(
  0,
  "0",
  [],
  {},
  { a: { b: 1 } },
  { a: {}, b: 1 },
  JSON.parse('{"__proto__":{"a":1}}'),
  { constructor: 1 }
)

/** Records from the schema itself; some values are made special, for numbers are seldom `-0`. */
export const record: fc.Arbitrary<Rich> = fc
  .record({
    seed: fc.nat(),
    size: fc.integer({ min: 1, max: 20 }),
    number: fc.option(fc.constantFrom(0, -0, NaN, Infinity, 1), { nil: undefined }),
    json: fc.option(json, { nil: undefined }),
    floor: fc.option(fc.constantFrom(0, NaN, 2), { nil: undefined }),
    amount: fc.option(fc.constantFrom("1.1", "1.10", "0", "1e3"), { nil: undefined }),
    hostile: fc.subarray(["__proto__", "constructor", "hasOwnProperty", "optional"] as const)
  })
  .map(({ amount, floor, hostile, json, number, seed, size }) => {
    const sampled = Effect.runSync(Arbitrary.sampleEffect(arbitrary, { count: 1, seed, size }))[0]!
    const kept = Object.entries(sampled).filter(([name]) => !hostile.includes(name as never))
    const special: ReadonlyArray<readonly [string, unknown]> = [
      ...hostile.map((name) => [name, name === "hasOwnProperty" ? seed % 2 : `own ${seed % 2}`] as const),
      ...(number === undefined
        ? []
        : ([
            ["number", number],
            ["nullable", number]
          ] as const)),
      ...(json === undefined ? [] : [["json", json] as const]),
      ...(floor === undefined ? [] : [["address", { street: "Quay", floor }] as const]),
      ...(amount === undefined ? [] : ([["amount", BigDecimal.fromStringUnsafe(amount)]] as const))
    ]
    return Object.fromEntries([...kept, ...special]) as Rich
  })

/** Some fields of `a` with the values of `b`. */
const mix = (a: Rich, b: Rich, names: ReadonlyArray<Name>): Rich => {
  const changed: ReadonlySet<string> = new Set(names)
  return Object.fromEntries([
    ...Object.entries(a).filter(([name]) => !changed.has(name)),
    ...Object.entries(b).filter(([name]) => changed.has(name))
  ]) as Rich
}

/** Three records that agree in many fields, as those of one history do. */
export const records: fc.Arbitrary<readonly [Rich, Rich, Rich]> = fc
  .tuple(record, record, record, fc.subarray([...names]), fc.subarray([...names]), fc.boolean())
  .map(([a, b, c, first, second, isBack]) => {
    const next = remade(mix(a, b, first))
    return [a, next, isBack ? remade(mix(a, c, second.slice(0, 2))) : mix(next, c, second)] as const
  })

/** An equal record in which nothing is the same object, and nothing is written the same way that need not be. */
export const remade = (record: Rich): Rich =>
  Object.fromEntries(
    Object.entries(record)
      .toReversed()
      .map(([name, value]) => [name, remadeValue(value)])
  ) as Rich

const remadeValue = (value: unknown): unknown => {
  if (value === 0) return Object.is(value, 0) ? -0 : 0
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Date) return new Date(value)
  if (DateTime.isDateTime(value)) return DateTime.makeUnsafe(value.epochMilliseconds)
  if (BigDecimal.isBigDecimal(value)) return BigDecimal.make(value.value * 100n, value.scale + 2)
  if (Array.isArray(value)) return value.map(remadeValue)
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, one]) => [key, remadeValue(one)])
  )
}
