/**
 * A reaction to what is synced: how each record stands, kept up to date by a consumer
 * of the events of its object, and what the consumer handled.
 *
 * The consumer is transactional: what it writes is one commit with the receipt of
 * its event. So every event counts once, whatever is killed in between, and the
 * events of a record count in their order.
 */
import { Consumer, Entity, EventRegistry } from "@tidemark/core"
import { Migrations } from "@tidemark/sql-pg"
import * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"

/** The consumer's name: what it is owed is kept under it. */
export const name = "projection"

const text = `text collate "C" not null`

/** One row per record, and one per event. */
const tables = {
  "public.projection_record": `tenant ${text}, entity ${text}, external_id ${text}, status ${text},
    revision bigint not null, events bigint not null, primary key (tenant, entity, external_id)`,
  "public.projection_handled": `seq bigint generated always as identity primary key, tenant ${text},
    handled_at timestamptz not null default clock_timestamp(), consumer ${text}, event ${text}, entity ${text},
    external_id ${text}, revision bigint not null, attempt int not null, late boolean not null, pid int not null`
}

/** Makes the tables where they are not there. Several processes may start it at once. */
export const create = Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql.withTransaction(
    Effect.gen(function* () {
      yield* sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`
      for (const [table, columns] of Object.entries(tables)) {
        const [found] = yield* sql<{ is_there: boolean }>`select to_regclass(${table}) is not null as is_there`
        if (found?.is_there === true) continue
        yield* sql.unsafe(`create table ${table} (${columns})`)
        for (const statement of Migrations.tenantPolicy(table)) yield* sql.unsafe(statement)
      }
    })
  )
})

/** Events of one commit: the table is far from slow, and each commit is. */
const together = 50

/** What the relay runs: the consumer, and the types it asks for. */
export const make = Effect.fnUntraced(function* (
  objects: Arr.NonEmptyReadonlyArray<string>,
  timeout: Duration.Duration
) {
  const [first, ...rest] = Arr.map(objects, (object) => Entity.events(object.toLowerCase()))
  const types = [...first, ...rest.flat()] as const
  const registry = yield* EventRegistry.make(...types)
  const consumer = Consumer.make(name, {
    on: types,
    start: "Beginning",
    timeout,
    together,
    transactional: ({ entity, id, payload: { externalId }, revision, tenant, type }, { attempt, isLate }) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        yield* sql`with handled as (
            insert into public.projection_handled (tenant, consumer, event, entity, external_id, revision, attempt, late, pid)
            values (${tenant}, ${name}, ${id}, ${entity}, ${externalId}, ${String(revision)}::bigint,
              ${String(attempt)}::int, ${isLate}, ${String(process.pid)}::int)
          )
          insert into public.projection_record as r (tenant, entity, external_id, status, revision, events)
          values (${tenant}, ${entity}, ${externalId}, ${type.slice(type.lastIndexOf("_") + 1)},
            ${String(revision)}::bigint, 1)
          on conflict (tenant, entity, external_id) do update
            set status = excluded.status, revision = excluded.revision, events = r.events + 1`
      })
  })
  return { registry, consumers: [consumer] } as const
})
