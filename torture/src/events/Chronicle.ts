/**
 * What happens in the database, written down by triggers of its own and read out in
 * the end. The engine does not know.
 *
 * Of deliveries only those are noted that were claimed more than once: else there is
 * nobody to take them from, and nothing to be stale.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import type { SqlClient } from "effect/sql/SqlClient"
import * as path from "node:path"
import * as Facts from "./Facts.ts"

// -----------------------------------------------------------------------------
// recording
// -----------------------------------------------------------------------------

/** Makes the tables of the application and of the history. `role` is the application's. */
export const install = Effect.fnUntraced(function* (sql: SqlClient, role: string) {
  for (const statement of statements) yield* sql.unsafe(statement)
  yield* sql`grant usage on schema torture to ${sql(role)}`
  yield* sql`grant insert on torture.fact, torture.handled to ${sql(role)}`
})

const statements = [
  "create schema torture",
  "create schema history",
  `create table torture.fact (seq bigint generated always as identity, fact int not null, tenant text not null,
     entity text not null, key text not null)`,
  // No key and no constraint: an effect that happens twice is to be seen twice.
  `create table torture.handled (seq bigint generated always as identity, consumer text not null, event text not null,
     entity text not null, key text not null, revision int not null, attempt int not null, late boolean not null,
     pid int not null)`,
  `create table history.delivery (seq bigint generated always as identity, at timestamptz not null,
     consumer int not null, event bigint not null, epoch int not null, is_claim boolean not null, by text not null)`,
  `create function history.on_delivery() returns trigger language plpgsql security definer as $$
     begin
       insert into history.delivery (at, consumer, event, epoch, is_claim, by) values (clock_timestamp(), old.consumer,
         old.seq, case when tg_op = 'DELETE' then old.epoch else new.epoch end,
         tg_op = 'UPDATE' and new.epoch > old.epoch, current_setting('application_name'));
       return null;
     end $$`,
  `create trigger claimed after update on tidemark.delivery for each row
     when (new.epoch > old.epoch and new.epoch > 1) execute function history.on_delivery()`,
  `create trigger given_back after update on tidemark.delivery for each row
     when (new.epoch = old.epoch and old.epoch > 1 and old.held and not new.held)
     execute function history.on_delivery()`,
  `create trigger settled after delete on tidemark.delivery for each row when (old.epoch > 1)
     execute function history.on_delivery()`
]

// -----------------------------------------------------------------------------
// dumping
// -----------------------------------------------------------------------------

/** Writes what the database holds as JSON lines; what `books` handled goes behind what is in its file. */
export const dump = Effect.fnUntraced(function* (sql: SqlClient, directory: string) {
  const fs = yield* FileSystem.FileSystem
  const write = (file: string, query: string) =>
    sql.unsafe<{ line: string }>(query).stream.pipe(
      Stream.mapArray((chunk) => [chunk.map(({ line }) => `${line}\n`).join("")]),
      Stream.encodeText,
      Stream.run(fs.sink(path.join(directory, file), { flag: "a" }))
    )
  yield* write("facts.jsonl", facts)
  yield* write("events.jsonl", events)
  yield* write("handled.jsonl", handled)
  yield* write("deliveries.jsonl", deliveries)
  yield* write("dead.jsonl", dead)
})

/** How many facts there are of each key, and how many of them `books` has an effect of. */
export const both = Effect.fnUntraced(function* (sql: SqlClient) {
  const count = (table: string) =>
    Effect.map(
      sql.unsafe<{ key: string; events: number }>(
        `select key, count(*)::int as events from torture.${table} group by key order by key collate "C"`
      ),
      (rows) => ({ [Facts.placed.entity]: Object.fromEntries(rows.map(({ events, key }) => [key, { events }])) })
    )
  return { upstream: yield* count("fact"), local: yield* count("handled") }
})

const instant = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
// Of two transactions that touch one key the second begins to write when the first has its commit time.
const committed = "pg_xact_commit_timestamp(xmin)"
const facts = `select json_build_object('t', ${instant(committed)}, 'tenant', tenant, 'entity', entity, 'key', key,
  'fact', fact)::text as line from torture.fact order by ${committed}, seq`
const events = `select json_build_object('id', id, 'tenant', tenant, 'type', type, 'entity', entity, 'key', key,
  'revision', revision, 'payload', payload)::text as line from tidemark.event order by ${committed}, seq`
const handled = `select json_build_object('t', ${instant(committed)}, 'consumer', consumer, 'event', event,
  'entity', entity, 'key', key, 'revision', revision, 'attempt', attempt, 'late', late, 'pid', pid)::text as line
  from torture.handled order by ${committed}, seq`
const deliveries = `select json_build_object('seq', d.seq, 't', ${instant("d.at")}, 'consumer', c.name, 'event', e.id,
  'epoch', d.epoch, 'op', case when d.is_claim then 'claim' else 'settle' end, 'by', d.by)::text as line
  from history.delivery d join tidemark.consumer c on c.id = d.consumer join tidemark.event e on e.seq = d.event
  order by d.seq`
const dead = `select json_build_object('t', ${instant("d.died_at")}, 'consumer', c.name, 'event', e.id,
  'attempts', d.attempts, 'error', d.error)::text as line
  from tidemark.dead_letter d join tidemark.consumer c on c.id = d.consumer join tidemark.event e on e.seq = d.seq
  order by d.place`
