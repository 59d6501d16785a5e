/**
 * What the command left in PostgreSQL, looked at as a superuser, and the judgement
 * of it: the records of the org, one chain of patches each, told once.
 */
import * as Check from "@tidemark/laws/Check"
import type * as History from "@tidemark/laws/History"
import type { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import type * as Server from "./server.ts"

export type Fields = History.Fields

/** Fields by the record's Id. */
export type Records = { readonly [id: string]: Fields }

export interface Copy {
  readonly records: Records
  readonly items: ReadonlyArray<History.Item>
  readonly events: ReadonlyArray<History.Event>
  /** Cursors by lane; a lane that never committed a position has none. */
  readonly cursors: { readonly [lane: string]: Fields | null }
  /** In the order they were opened. */
  readonly runs: ReadonlyArray<{ readonly lane: string; readonly status: string; readonly error: string | null }>
}

/** Of accounts; nothing where the command has made no tables yet. */
export const read = async (database: Server.Database, org: Simulator.Simulator): Promise<Copy> => {
  if (!(await database.tables()).includes("public.salesforce_account")) return nothing
  const names = await Effect.runPromise(Effect.map(org.control.state, namesOf))
  const [row] = await database.run(everything)
  const { records, ...rest } = row!["everything"] as Copy
  return {
    ...rest,
    records: Object.fromEntries(Object.entries(records).map(([id, columns]) => [id, fieldsOf(columns, names)]))
  }
}

/** What the org shows, as records here are. */
export const truth = (org: Simulator.Simulator): Promise<Records> =>
  Effect.runPromise(
    Effect.map(org.control.state, ({ entities }) =>
      Object.fromEntries(Object.entries(entities["Account"] ?? {}).map(([id, values]) => [id, contentOf(values)]))
    )
  )

/** Fails with all that is wrong with a copy, settled or not: its chains and its events. */
export const requireOrder = async (copy: Copy): Promise<void> => {
  const { events, items, records } = copy
  const report = await Effect.runPromise(
    Check.fromHistory({ items, events, final: { upstream: { account: records }, local: { account: records } } })
  )
  assert.equal(Check.format(report), "")
}

/** Fails with all that is wrong with a copy that should show what the org shows. */
export const requireEqual = async (copy: Copy, org: Simulator.Simulator): Promise<void> => {
  const { events, items, records } = copy
  const final = { upstream: { account: await truth(org) }, local: { account: records } }
  const report = await Effect.runPromise(Check.fromHistory({ items, events, final }))
  assert.equal(Check.format(report), "")
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const nothing: Copy = { records: {}, items: [], events: [], cursors: {}, runs: [] }

const listOf = (query: string) => `coalesce((select json_agg(x order by seq) from (${query}) x), '[]')`

const everything = `with utc as materialized (select set_config('timezone', 'UTC', true)) select json_build_object(
  'records', (select coalesce(json_object_agg(external_id, to_jsonb(t) - array['tenant', 'id', 'provider', 'account',
      'external_id', 'revision', 'deleted_at', 'updated_at']), '{}')
    from public.salesforce_account t where deleted_at is null),
  'items', ${listOf(`select seq, run, tenant, entity, external_id as id, case when outcome = 'Applied' then operation end
    as operation, outcome, reason, revision, patch from tidemark.item`)},
  'events', ${listOf(`select seq, id, tenant, type, entity, payload ->> 'externalId' as key, revision, payload
    from tidemark.event`)},
  'cursors', (select coalesce(json_object_agg(lane, cursor), '{}') from tidemark.lane),
  'runs', ${listOf("select seq, lane, status, error from tidemark.run")}) as everything from utc`

/** Fields that tell which record it is, or when it was touched, and so are no content. */
const bookkeeping: ReadonlySet<string> = new Set(["Id", "IsDeleted", "SystemModstamp", "LastModifiedDate"])

/** Names of fields by the names of columns. */
const namesOf = ({ entities }: { readonly entities: { readonly [entity: string]: object } }) =>
  new Map(
    Object.keys(Object.values(entities["Account"] ?? {})[0] ?? {}).map((field) => [field.toLowerCase(), field] as const)
  )

const fieldsOf = (columns: Fields, names: ReadonlyMap<string, string>): Fields =>
  Object.fromEntries(
    Object.entries(columns).map(([column, value]) => [names.get(column) ?? column, canonical(value) as Fields[string]])
  )

const contentOf = (values: { readonly [field: string]: unknown }): Fields =>
  Object.fromEntries(
    Object.entries(values).flatMap(([field, value]) =>
      bookkeeping.has(field) ? [] : [[field, canonical(value) as Fields[string]]]
    )
  )

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:?00|Z)$/

const canonical = (value: unknown): unknown =>
  typeof value === "string" && instant.test(value) ? new Date(value.replace("+0000", "Z")).toISOString() : value
