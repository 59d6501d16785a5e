/**
 * What is remembered of an observation that was refused.
 *
 * A refused observation does not advance the ledger: its own row keeps its
 * version and content. Reading the same version with the same content again is
 * no new attempt.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Fingerprint from "../model/Fingerprint.ts"
import type * as Observation from "../model/Observation.ts"
import * as Version from "../model/Version.ts"
import type * as FieldDiffer from "./FieldDiffer.ts"
import type * as Gate from "./Gate.ts"

/** A refusal that waits in quarantine. @category models @since 0.1.0 */
export interface Refused {
  /** `undefined` for one of the batch being planned, which has no row yet. */
  readonly id: string | undefined
  readonly version: Version.Version
  readonly fingerprint: string
}

interface Rules<in out A> {
  readonly domain: string
  readonly differ: FieldDiffer.FieldDiffer<A>
}

/** Tells two contents of one version apart. @category combinators @since 0.1.0 */
export const fingerprintOf = <A>(
  differ: FieldDiffer.FieldDiffer<A>,
  observation: Observation.Observation<A, unknown>
): string => {
  switch (observation._tag) {
    case "Upsert":
      return differ.fingerprint(observation.record)
    case "Patch":
      return Fingerprint.of(observation.fields)
    case "Unreadable":
      return Fingerprint.of(observation.raw)
    case "Delete":
    case "Touch":
      return observation._tag
  }
}

/** The version an observation is remembered at when it is refused. @category combinators @since 0.1.0 */
export const versionOf = <A>(domain: string, observation: Observation.Observation<A, unknown>): Version.Version => {
  switch (observation._tag) {
    case "Upsert":
    case "Unreadable":
      return observation.version
    case "Patch":
      return { ...observation.follows, observedAt: observation.observedAt }
    case "Delete":
      return observation.version ?? Version.lowest(domain, observation.observedAt)
    case "Touch":
      return Version.lowest(domain)
  }
}

/** What is remembered of an observation that is refused now, and has no row yet. @category constructors @since 0.1.0 */
export const of = <A>(rules: Rules<A>, observation: Observation.Observation<A, unknown>): Refused => ({
  id: undefined,
  version: versionOf(rules.domain, observation),
  fingerprint: fingerprintOf(rules.differ, observation)
})

/** Whether this very version and content waits already. @category guards @since 0.1.0 */
export const isWaiting = <A>(
  refused: ReadonlyArray<Refused>,
  rules: Rules<A>,
  observation: Observation.Observation<A, unknown>
): boolean => {
  if (refused.length === 0) return false
  const { fingerprint, version } = of(rules, observation)
  return refused.some((one) => Version.isSameReading(one.version, version) && one.fingerprint === fingerprint)
}

/**
 * Whether what was refused no longer matters once `settled` is known: it would be
 * stale. Where one of the two has no provider version, as a weak tombstone, only
 * the times of the two reads tell.
 *
 * @category guards
 * @since 0.1.0
 */
export const isVoid = ({ version }: Refused, settled: Gate.Known): boolean => {
  if (version.domain !== settled.version.domain) return true
  return settled.existence === "Weak" || (version.value === "" && settled.version.value !== "")
    ? version.observedAt <= settled.version.observedAt
    : Version.compare(version, settled.version) <= 0
}

/** Whether every store can hold a text: no NUL, no half surrogate pair. @category guards @since 0.1.0 */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes("\0")

/** A text that every store accepts, for people: what it cannot hold is escaped. @category formatting @since 0.1.0 */
export const printable = (text: string): string => (isStorable(text) ? text : JSON.stringify(text).slice(1, -1))

/**
 * The longest external id, in bytes of UTF-8. It is a part of keys, and a row of
 * a PostgreSQL index holds about 2,700 bytes for all parts together.
 *
 * @category constants
 * @since 0.1.0
 */
export const idBytesMax = 1_024

/**
 * Why no store can hold a record of this external id; `undefined` when it can.
 * Such a record is refused, as a fault of its own.
 *
 * @category guards
 * @since 0.1.0
 */
export const idFault = (id: Observation.ExternalId): string | undefined =>
  !isStorable(id)
    ? "the external id holds a NUL character or half of a surrogate pair"
    : isLong(id)
      ? `the external id is longer than ${idBytesMax} bytes`
      : undefined

/**
 * The external id under which audit and quarantine keep a record: itself, where a
 * store can hold it; else a text that begins with `escaped:`.
 *
 * Different ids have different texts: characters that no store holds are escaped,
 * the escape itself too, and an id that begins with `escaped:` on its own is
 * escaped as well. What is too long even so keeps its beginning, its length, and
 * its fingerprint, which tell it from others but for chance.
 *
 * @category formatting
 * @since 0.1.0
 */
export const heldId = (id: Observation.ExternalId): Observation.ExternalId => {
  if (idFault(id) === undefined && !id.startsWith(mark)) return id
  const text = mark + escape(id)
  const held = isLong(text) ? `${mark}${escape(id.slice(0, 64))}\\#${id.length}:${Fingerprint.of(id)}` : text
  return held as Observation.ExternalId // not empty: it begins with the mark
}

/**
 * The observation as JSON, for a person and for redrive. Each field is
 * encoded by its schema; one that does not fit it, or that it does not name, is as it is.
 *
 * @category codecs
 * @since 0.1.0
 */
export const toJson = <A>(
  schema: FieldDiffer.RecordSchema<A>,
  observation: Observation.Observation<A, unknown>
): Schema.Json => {
  const { position: _, ...rest } = observation
  const content = observation._tag === "Upsert" ? { ...rest, record: recordToJson(schema, observation.record) } : rest
  return JSON.parse(
    JSON.stringify(content, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value))
  ) as Schema.Json
}

/** What does not fit the schema, or is not named by it, is kept as it is: the schema may come to know it. */
const recordToJson = <A>(schema: FieldDiffer.RecordSchema<A>, record: A): unknown => {
  if (!isObject(record)) return record
  const encoded = Schema.encodeUnknownOption(Schema.toCodecJson(schema))(record)
  return Option.isSome(encoded) && isObject(encoded.value)
    ? { ...excessOf(schema, record), ...encoded.value }
    : Object.fromEntries(Object.entries(record).map(([name, value]) => [name, fieldToJson(schema, name, value)]))
}

const fieldToJson = <A>({ fields }: FieldDiffer.RecordSchema<A>, name: string, value: unknown): unknown =>
  Object.hasOwn(fields, name)
    ? Option.getOrElse(
        Schema.encodeUnknownOption(Schema.toCodecJson(fields[name] as Schema.Codec<unknown>))(value),
        () => value
      )
    : value

/**
 * The fields of a record that its schema does not name.
 *
 * @category readers
 * @since 0.1.0
 */
export const excessOf = ({ fields }: { readonly fields: Schema.Struct.Fields }, record: object): object =>
  Object.fromEntries(Object.entries(record).filter(([name]) => !Object.hasOwn(fields, name)))

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

const mark = "escaped:"

/** Injective: of what it writes, `\\` and `\u` with four digits are the only escapes. */
const escape = (text: string): string =>
  text.replaceAll(/[\\\0\p{Cs}]/gu, (one) =>
    one === "\\" ? "\\\\" : `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** Whether a well-formed text takes more than `idBytesMax` bytes of UTF-8. */
const isLong = (text: string): boolean => {
  if (text.length * 3 <= idBytesMax) return false
  let bytes = 0
  for (const one of text) {
    const code = one.codePointAt(0)!
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return bytes > idBytesMax
}
