/**
 * What an org has: objects, and the fields of one, with what a sync can do with
 * them.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Effect from "effect/Effect"
import * as Canonical from "./Canonical.ts"
import * as Describe from "./Describe.ts"
import type * as SalesforceClient from "./SalesforceClient.ts"
import * as SalesforceError from "./SalesforceError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Listed {
  readonly name: string
  readonly label: string
  readonly isCustom: boolean
  readonly isQueryable: boolean
  /** Its deletions are listed. */
  readonly isReplicable: boolean
}

/** @category models @since 0.1.0 */
export interface Field {
  readonly name: string
  readonly label: string
  /** Salesforce's type. */
  readonly type: string
  /** Changes can be read by it. */
  readonly isCursor: boolean
  readonly isFilterable: boolean
  /** Its value changes without moving any stamp. */
  readonly isFormula: boolean
  /** Why it is no part of a record; `undefined` when it is one. */
  readonly leftOut: string | undefined
}

/** @category models @since 0.1.0 */
export interface Described {
  readonly name: string
  readonly label: string
  readonly fields: ReadonlyArray<Field>
}

type Client = SalesforceClient.SalesforceClient["Service"]
type Read<A> = Effect.Effect<A, ChangeSource.SourceError>

// -----------------------------------------------------------------------------
// what a describe says
// -----------------------------------------------------------------------------

/** The one field by which changes are read: other stamps can be back-dated. @category constants @since 0.1.0 */
export const cursor = "SystemModstamp"

/** @category guards @since 0.1.0 */
export const isCursor = (field: Describe.Field | undefined): boolean =>
  field?.name === cursor && field.filterable !== false && field.sortable !== false

/** How deletions can be seen. @category getters @since 0.1.0 */
export const deletions = (describe: Describe.Describe): { readonly isListed: boolean; readonly isInBin: boolean } => ({
  isListed: describe.replicateable,
  isInBin: describe.undeletable && Describe.field(describe, "IsDeleted") !== undefined
})

// -----------------------------------------------------------------------------
// discover
// -----------------------------------------------------------------------------

/** All objects that the user may see, by name. @category discover @since 0.1.0 */
export const objects = (client: Client): Read<ReadonlyArray<Listed>> =>
  Effect.map(client.describeGlobal, ({ value }) =>
    value.sobjects
      .map((one): Listed => ({
        name: one.name,
        label: one.label ?? one.name,
        isCustom: one.custom === true,
        isQueryable: one.queryable,
        isReplicable: one.replicateable
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  )

/** `Invalid`, with the nearest names, when there is no such object. @category discover @since 0.1.0 */
export const describe = (client: Client, object: string): Read<Describe.Describe> =>
  client.describe(object).pipe(
    Effect.map(({ value }) => value),
    Effect.catchIf(
      (error) => ["NOT_FOUND", "INVALID_TYPE"].includes(SalesforceError.code(error)),
      () => Effect.flatMap(client.describeGlobal, ({ value }) => Effect.fail(Describe.unknownObject(object, value)))
    )
  )

/** One object with its fields, in the order the org tells them. @category discover @since 0.1.0 */
export const object = (client: Client, name: string): Read<Described> =>
  Effect.map(describe(client, name), (described) => {
    const notes = new Map(Canonical.partition(described.fields).leftOut.map(({ field, note }) => [field, note]))
    return {
      name: described.name,
      label: described.label ?? described.name,
      fields: described.fields.map((field) => ({
        name: field.name,
        label: field.label ?? field.name,
        type: field.type,
        isCursor: isCursor(field),
        isFilterable: field.filterable !== false,
        isFormula: field.calculated === true,
        leftOut: notes.get(field.name)
      }))
    }
  })
