/**
 * From the rows of one object to observations: which fields to ask for, where a
 * row stands, and what it says.
 *
 * The version of a record is its `SystemModstamp`, which users, automation and
 * imports all move and none can set back. It has whole seconds, so two edits may
 * share one; the time of the read orders them.
 *
 * @since 0.1.0
 */
import * as Observation from "@tidemark/core/model/Observation"
import type * as Version from "@tidemark/core/model/Version"
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import type * as Arr from "effect/Array"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Canonical from "./Canonical.ts"
import * as Describe from "./Describe.ts"
import type * as SalesforceCursor from "./SalesforceCursor.ts"
import * as SalesforceError from "./SalesforceError.ts"
import * as Stamp from "./Stamp.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** The scale versions are on: canonical text of the stamp. @category constants @since 0.1.0 */
export const domain = "salesforce/SystemModstamp"

type Cursor = SalesforceCursor.SalesforceCursor
type Read<A> = Result.Result<A, ChangeSource.SourceError>

/** @category models @since 0.1.0 */
export interface Mapping {
  readonly object: string
  /** For logs and errors, for example `"salesforce/Account"`. */
  readonly label: string
  /** Fields that say where and what a row is: Id, the stamp, and flags. */
  readonly head: Arr.NonEmptyReadonlyArray<string>
  /** Names of the other fields of the record. */
  readonly fields: ReadonlyArray<string>
  /** Where a row stands. A row without Id or stamp cannot be placed: the page is `Malformed`. */
  readonly place: (row: Canonical.Row) => Read<Cursor & { readonly id: string }>
  /**
   * What a row says: an upsert, a deletion when it lies in the recycle bin, or
   * `Unreadable` when a value does not fit its field.
   */
  readonly observe: <C>(
    row: Canonical.Row,
    at: Cursor & { readonly id: string },
    position: C | undefined,
    observedAt: number
  ) => Observation.Definite<Canonical.Record, C>
  /** A row read by Id. One that cannot be read is `Malformed`: left out, it would seem not to exist. */
  readonly fetched: (
    row: Canonical.Row,
    observedAt: number
  ) => Read<{ readonly id: string; readonly fetched: ChangeSource.Fetched<Canonical.Record> }>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (options: {
  readonly describe: Describe.Describe
  readonly fields: ReadonlyArray<Describe.Field>
  readonly schema: Canonical.RecordSchema
  /** Mapping epoch, see `Version`. */
  readonly epoch: number
}): Mapping => {
  const { describe, epoch, fields, schema } = options
  const label = `salesforce/${describe.name}`
  const record = Canonical.reader(fields, schema)
  const flags = ["IsDeleted", "MasterRecordId"].filter((name) => Describe.field(describe, name) !== undefined)
  const head = ["Id", "SystemModstamp", ...flags] as const
  const known = new Set<string>(head)
  const place = (row: Canonical.Row): Read<Cursor & { readonly id: string }> => {
    const id = typeof row["Id"] === "string" ? Canonical.id(row["Id"]) : undefined
    const at = typeof row["SystemModstamp"] === "string" ? Stamp.fromText(row["SystemModstamp"]) : undefined
    return id === undefined || at === undefined
      ? Result.fail(SalesforceError.malformed(label, "A row has no Id or no SystemModstamp, so it has no position"))
      : Result.succeed({ at, id })
  }
  const version = (at: string, observedAt: number): Version.Version => ({
    domain,
    value: at,
    epoch,
    observedAt,
    at: Stamp.toMillis(at)
  })
  return {
    object: describe.name,
    label,
    head,
    fields: fields.flatMap(({ name }) => (known.has(name) ? [] : [name])),
    place,
    observe: (row, { at, id }, position, observedAt) => {
      const common = { externalId: externalId(id), position, origin: "Poll", version: version(at, observedAt) } as const
      if (row["IsDeleted"] === true) return { _tag: "Delete", ...common, evidence: evidence(row), observedAt }
      const read = record(row)
      return Result.isSuccess(read)
        ? { _tag: "Upsert", ...common, record: read.success }
        : { _tag: "Unreadable", ...common, message: read.failure, raw: raw(row) }
    },
    fetched: (row, observedAt) =>
      Result.flatMap(place(row), ({ at, id }) =>
        Result.mapBoth(record(row), {
          onFailure: (message) => SalesforceError.malformed(label, `The record ${id} cannot be read (${message})`),
          onSuccess: (record) => ({ id, fetched: { record, version: version(at, observedAt) } })
        })
      )
  }
}

/** The canonical Id of a record, as the engine names it. @category conversions @since 0.1.0 */
export const externalId = (id: string): Observation.ExternalId => Observation.ExternalId.make(id)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

// The record that lost a merge lies in the recycle bin and names the one that won.
const evidence = (row: Canonical.Row): Observation.Evidence => {
  const master = typeof row["MasterRecordId"] === "string" ? Canonical.id(row["MasterRecordId"]) : undefined
  return master === undefined ? { _tag: "Tombstone" } : { _tag: "Merged", into: externalId(master) }
}

// A row is parsed JSON, and only that.
const raw = (row: Canonical.Row): Schema.Json => row as Schema.Json
