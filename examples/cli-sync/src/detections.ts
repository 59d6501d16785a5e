/**
 * A file of detections as feeds: each has a table of its own, `salesforce_` and its
 * name, with a column for each field of its mapping.
 */
import { DetectionFile } from "@tidemark/cli"
import { Detection, type Problem as Place } from "@tidemark/core"
import { Detected, DetectedSource, type SalesforceClient } from "@tidemark/provider-salesforce"
import { PgSink, PgTable } from "@tidemark/sql-pg"
import * as Effect from "effect/Effect"
import type * as Config from "./config.ts"
import * as Database from "./database.ts"

type Client = SalesforceClient.SalesforceClient["Service"]

/**
 * Looks at the names that the tables of detections would have.
 *
 * @param objects names that have tables already
 */
export const check = Effect.fnUntraced(function* (
  { detections, path }: Config.DetectionSettings,
  objects: ReadonlyArray<string>
) {
  const taken = new Set(objects.map((name) => name.toLowerCase()))
  const problems = Object.entries(detections).flatMap(([name, one]) => problemsOf(name, one, taken))
  if (problems.length > 0) yield* DetectionFile.inFile(path, Detection.error(problems))
})

/** Compares the detections with the org, all of them, before any of them is read by. */
export const describe = Effect.fnUntraced(function* (
  client: Client,
  account: string,
  { detections, path }: Config.DetectionSettings
) {
  const detected = yield* Detected.compile(client, detections).pipe(
    Effect.catchTag("DetectionError", (error) => Effect.fail(DetectionFile.inFile(path, error)))
  )
  return yield* Effect.forEach(Object.entries(detected), ([name, one]) => described(client, account, name, one))
})

const described = Effect.fnUntraced(function* (
  client: Client,
  account: string,
  name: string,
  detected: Detected.Detected
) {
  const source = yield* DetectedSource.make({ client, detected })
  const fields = Object.keys(source.schema.fields)
  return {
    name,
    source,
    settle: source.settle,
    notes: notesOf(source, detected.describe.replicateable),
    expected: undefined,
    subscription: Database.subscriptionOf("salesforce", name, account),
    table: PgSink.make({
      table: `public.${tableOf(name)}`,
      schema: source.schema,
      columns: Object.fromEntries(fields.map((field) => [field, { name: field.toLowerCase() }]))
    }),
    full: undefined,
    deletes: detected.describe.replicateable ? yield* DetectedSource.deletes({ client, source }) : undefined
  }
})

const tableOf = (name: string): string => `salesforce_${name.toLowerCase()}`

// -----------------------------------------------------------------------------
// what is said of it
// -----------------------------------------------------------------------------

const notesOf = (source: DetectedSource.DetectedSource, isReplicated: boolean): ReadonlyArray<string> => [
  ...source.unstamped.map(
    (field) => `${field} is a formula and moves no timestamp: a change of it comes with the next edit of its record`
  ),
  ...(source.records.includesDeleted || isReplicated ? [] : ["Salesforce tells no deletions of this object"]),
  ...(source.detection.leaves === "Delete" && source.detection.filters.length > 0
    ? ["every changed record is read, so that those that no longer match are seen and deleted"]
    : source.staying.map(
        ({ predicate, reason }) => `${predicate.operator} of ${predicate.field} is evaluated here: ${reason}`
      ))
]

/** The longest name that PostgreSQL keeps whole. */
const nameMax = 63

const own: ReadonlySet<string> = new Set(Object.values(PgTable.own))

const problemsOf = (
  name: string,
  { mapping }: Detection.Detection,
  taken: ReadonlySet<string>
): ReadonlyArray<Place.Problem> => {
  const path = ["detections", name]
  const table = tableOf(name)
  return [
    ...(table.length > nameMax
      ? [{ path, message: `is too long: the table ${table} would have more than ${nameMax} letters` }]
      : []),
    ...(taken.has(name.toLowerCase())
      ? [{ path, message: `has the table ${table}, and so has an object of --objects` }]
      : []),
    ...Object.keys(mapping).flatMap((field) => {
      const place = [...path, "mapping", field]
      if (own.has(field.toLowerCase()))
        return [{ path: place, message: "is the name of a column that every table has; take another one" }]
      return field.length > nameMax
        ? [{ path: place, message: `is longer than the ${nameMax} letters of a column` }]
        : []
    })
  ]
}
