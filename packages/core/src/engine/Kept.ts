/**
 * What quarantine kept of an observation, read again.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Extras from "../model/Extras.ts"
import * as Observation from "../model/Observation.ts"
import * as Version from "../model/Version.ts"
import type * as Quarantine from "../ports/Quarantine.ts"
import type * as FieldDiffer from "../rules/FieldDiffer.ts"
import * as Refusal from "../rules/Refusal.ts"
import type * as Redrive from "./Redrive.ts"

type Origin = Redrive.Origin

/** @category models @since 0.1.0 */
export type Decode<A> = (
  kept: Quarantine.Kept
) => Observation.Upsert<A, Origin> | Observation.Delete<Origin> | "sourceOnly" | "misfit"

const observed = {
  externalId: Observation.ExternalId,
  origin: Observation.Origin,
  eventId: Schema.optionalKey(Schema.String)
}

const Deleted = Schema.Struct({
  ...observed,
  _tag: Schema.Literal("Delete"),
  evidence: Schema.Union([
    Schema.TaggedStruct("Tombstone", {}),
    Schema.TaggedStruct("Archived", {}),
    Schema.TaggedStruct("Left", {}),
    Schema.TaggedStruct("Merged", { into: Observation.ExternalId }),
    Schema.TaggedStruct("Absent", {})
  ]),
  version: Schema.optionalKey(Version.Version),
  observedAt: Schema.Finite
})

/** Reads what `Refusal.toJson` wrote. Checks are left to the plan, which refuses what does not pass them. */
export const decoding = <A extends object>(schema: FieldDiffer.RecordSchema<A>): Decode<A> => {
  const options = { disableChecks: true } as const
  const record = Schema.decodeUnknownResult(Schema.toCodecJson(schema), options)
  const upsert = Schema.decodeUnknownResult(
    Schema.Struct({ ...observed, _tag: Schema.Literal("Upsert"), record: Schema.Unknown, version: Version.Version }),
    options
  )
  // Sources need not fill it: the contract does, when the reading is planned.
  const extras = Extras.fieldOf(schema.fields)
  const noExtras = extras === undefined ? {} : { [extras]: {} }
  const deletion = Schema.decodeUnknownResult(Deleted, options)
  return ({ fingerprint, id, observation, version }) => {
    const position = { rows: [{ id, version, fingerprint }] }
    switch (tagOf(observation)) {
      case "Upsert": {
        const told = upsert(observation)
        if (Result.isFailure(told)) return "misfit"
        const decoded = record({ ...noExtras, ...Object(told.success.record) })
        if (Result.isFailure(decoded)) return "misfit"
        const excess = Refusal.excessOf(schema, Object(told.success.record))
        return { ...told.success, record: { ...excess, ...decoded.success }, position }
      }
      case "Delete": {
        const told = deletion(observation)
        if (Result.isFailure(told)) return "misfit"
        return { ...told.success, version: told.success.version, position }
      }
      default:
        return "sourceOnly"
    }
  }
}

/** @category getters @since 0.1.0 */
export const tagOf = (observation: Schema.Json): unknown =>
  typeof observation === "object" && observation !== null && "_tag" in observation ? observation["_tag"] : undefined

/** The id as it came: the one it is kept by may stand for one that no store can hold. */
export const idOf = ({ externalId, observation }: Quarantine.Kept): Observation.ExternalId => {
  const id =
    typeof observation === "object" && observation !== null && "externalId" in observation
      ? observation["externalId"]
      : undefined
  return typeof id === "string" && id !== "" ? Observation.ExternalId.make(id) : externalId
}

/** Whether only a read by id could tell what the observation says of the record. */
export const isForeign = <A>(
  domain: string,
  told: Observation.Upsert<A, Origin> | Observation.Delete<Origin>
): boolean => told._tag === "Upsert" && told.version.domain !== domain

/** What was kept, where it is the whole of a record. */
export const wholeOf =
  <A>(domain: string, decode: Decode<A>) =>
  (kept: Quarantine.Kept): Observation.Upsert<A, Origin> | undefined => {
    const told = decode(kept)
    return typeof told === "object" && told._tag === "Upsert" && !isForeign(domain, told) ? told : undefined
  }
