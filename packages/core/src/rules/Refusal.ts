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

/** A refusal that waits in quarantine. @category models @since 0.1.0 */
export interface Refused {
  /** `undefined` for one of the batch being planned, which has no row yet. */
  readonly id: string | undefined
  readonly version: Version.Version
  readonly fingerprint: string
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

/** Whether this very version and content waits already. @category guards @since 0.1.0 */
export const isWaiting = <A>(
  refused: ReadonlyArray<Refused>,
  rules: { readonly domain: string; readonly differ: FieldDiffer.FieldDiffer<A> },
  observation: Observation.Observation<A, unknown>
): boolean => {
  if (refused.length === 0) return false
  const version = versionOf(rules.domain, observation)
  const fingerprint = fingerprintOf(rules.differ, observation)
  return refused.some((one) => Version.isSameReading(one.version, version) && one.fingerprint === fingerprint)
}

/**
 * Whether what was refused no longer matters once `settled` is known. Where the
 * refused has no provider version, only the times of the two reads tell.
 *
 * @category guards
 * @since 0.1.0
 */
export const isVoid = (refused: Refused, settled: Version.Version): boolean => {
  const { version } = refused
  if (version.domain !== settled.domain) return true
  return version.value === "" && settled.value !== ""
    ? version.observedAt <= settled.observedAt
    : Version.compare(version, settled) <= 0
}

/** Whether a text can be a key in every store: no NUL, no half surrogate pair. @category guards @since 0.1.0 */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes("\0")

/** A text that every store accepts, for people: what it cannot hold is escaped. @category formatting @since 0.1.0 */
export const printable = (text: string): string => (isStorable(text) ? text : JSON.stringify(text).slice(1, -1))

/**
 * The observation as JSON, for a person and for redrive. The record is encoded by
 * its schema, or as it is when it does not fit the schema.
 *
 * @category codecs
 * @since 0.1.0
 */
export const toJson = <A>(
  schema: FieldDiffer.RecordSchema<A>,
  observation: Observation.Observation<A, unknown>
): Schema.Json => {
  const { position: _, ...rest } = observation
  const content =
    observation._tag === "Upsert"
      ? { ...rest, record: Option.getOrElse(encode(schema, observation.record), () => observation.record) }
      : rest
  return JSON.parse(
    JSON.stringify(content, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value))
  ) as Schema.Json
}

const encode = <A>(schema: FieldDiffer.RecordSchema<A>, record: A): Option.Option<unknown> =>
  Schema.encodeUnknownOption(Schema.toCodecJson(schema))(record)
