/**
 * Writes down what happens in a database, by triggers of its own: every change of
 * a row of an entity's table, every commit of a lane. The engine does not know.
 *
 * The names in the files are the provider's: `Account` and `AnnualRevenue`, not
 * `account` and `annualrevenue`.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import type { SqlClient } from "effect/sql/SqlClient"
import * as path from "node:path"
import * as Names from "./Names.ts"

// -----------------------------------------------------------------------------
// recording
// -----------------------------------------------------------------------------

/** Records from now on, tables that are yet to be made included. */
export const install = Effect.fnUntraced(function* (sql: SqlClient) {
  for (const statement of statements) yield* sql.unsafe(statement)
})

const statements = [
  "create schema history",
  `create table history.row (seq bigint generated always as identity, tenant text, entity text, id text,
     revision bigint, before jsonb, after jsonb)`,
  `create table history.lane (seq bigint generated always as identity, lane text, epoch bigint, batch_no bigint,
     cursor json)`,
  `create function history.fields(one jsonb) returns jsonb language sql immutable as $$
     select case when one is not null and one ->> 'deleted_at' is null then
       one - array['tenant', 'id', 'provider', 'account', 'external_id', 'revision', 'deleted_at', 'updated_at'] end $$`,
  // The revision is the one of the ledger, which was written first in the same transaction.
  `create function history.on_row() returns trigger language plpgsql security definer set timezone = 'UTC' as $$
     declare one jsonb := to_jsonb(coalesce(new, old));
     begin
       insert into history.row (tenant, entity, id, revision, before, after)
       select l.tenant, l.entity, l.external_id, l.revision,
         history.fields(case when tg_op = 'INSERT' then null else to_jsonb(old) end),
         history.fields(case when tg_op = 'DELETE' then null else to_jsonb(new) end)
       from (select 1) always left join tidemark.ledger l on l.tenant = one ->> 'tenant'
         and l.provider = one ->> 'provider' and l.account = one ->> 'account' and l.entity = tg_argv[0]
         and l.external_id = one ->> 'external_id';
       return null;
     end $$`,
  `create function history.on_lane() returns trigger language plpgsql security definer as $$
     begin
       if tg_op = 'INSERT' then
         if new.batch_no = 0 then return null; end if;
       elsif new.batch_no = old.batch_no and new.cursor::text is not distinct from old.cursor::text then return null;
       end if;
       insert into history.lane (lane, epoch, batch_no, cursor) values
         (concat_ws('/', new.tenant, new.subscription, new.lane, nullif(new.partition, '')), new.epoch, new.batch_no,
          new.cursor);
       return null;
     end $$`,
  `create function history.on_table() returns event_trigger language plpgsql security definer as $$
     declare made record;
     begin
       for made in select * from pg_event_trigger_ddl_commands() where command_tag = 'CREATE TABLE' loop
         if made.object_identity like 'public.salesforce\\_%' then
           execute format('create trigger history after insert or update or delete on %s for each row
             execute function history.on_row(%L)', made.object_identity,
             substr(made.object_identity, length('public.salesforce_') + 1));
         elsif made.object_identity = 'tidemark.lane' then
           execute 'create trigger history after insert or update on tidemark.lane for each row
             execute function history.on_lane()';
         end if;
       end loop;
     end $$`,
  `create event trigger history on ddl_command_end when tag in ('CREATE TABLE') execute function history.on_table()`
]

// -----------------------------------------------------------------------------
// dumping
// -----------------------------------------------------------------------------

/** Writes `rows`, `items`, `events` and `lanes` as JSON lines to the directory. */
export const dump = Effect.fnUntraced(function* (sql: SqlClient, directory: string, names: Names.Names) {
  yield* write(sql, directory, "rows.jsonl", rows, (row) => ({
    ...Names.entityOf(names, row),
    before: Names.fieldsOf(names, row["entity"], row["before"]),
    after: Names.fieldsOf(names, row["entity"], row["after"])
  }))
  yield* write(sql, directory, "items.jsonl", items, (row) => Names.entityOf(names, row))
  yield* write(sql, directory, "events.jsonl", events, (row) => Names.entityOf(names, row))
  yield* write(sql, directory, "lanes.jsonl", lanes, (row) => row)
})

/** Writes `handled`: the table that the consumer writes to in its effect. */
export const dumpHandled = Effect.fnUntraced(function* (sql: SqlClient, directory: string, names: Names.Names) {
  yield* write(sql, directory, "handled.jsonl", handled, (row) => Names.entityOf(names, row))
})

/** What the consumer keeps of an entity, by external id. */
export const projection = Effect.fnUntraced(function* (sql: SqlClient, entity: string) {
  const rows = yield* sql<{ id: string; status: string; revision: number; events: number }>`
    select external_id as id, status, revision::int as revision, events::int as events from public.projection_record
    where entity = ${entity} order by external_id`
  return Object.fromEntries(rows.map(({ id, ...standing }) => [id, standing]))
})

/** What the tables hold of an entity, by external id. */
export const local = Effect.fnUntraced(function* (sql: SqlClient, names: Names.Names, entity: string) {
  const rows = yield* sql.unsafe<{ id: string; fields: Line }>(
    `select external_id as id, history.fields(to_jsonb(t)) as fields from public.salesforce_${entity} t
     where deleted_at is null order by external_id collate "C"`
  )
  return Object.fromEntries(rows.map(({ fields, id }) => [id, Names.fieldsOf(names, entity, fields)]))
})

type Line = Names.Fields

const write = Effect.fnUntraced(function* (
  sql: SqlClient,
  directory: string,
  file: string,
  query: string,
  line: (row: Line) => Line
) {
  const fs = yield* FileSystem.FileSystem
  yield* sql.unsafe<{ line: Line }>(query).stream.pipe(
    Stream.mapArray((chunk) => [chunk.map((row) => `${JSON.stringify(line(row.line))}\n`).join("")]),
    Stream.encodeText,
    Stream.run(fs.sink(path.join(directory, file)))
  )
})

// Of two transactions that touch one row the second begins to write when the first has its commit time.
const commitOrder = "order by pg_xact_commit_timestamp(xmin), seq"
const rows = `select json_build_object('seq', row_number() over (${commitOrder}), 'tenant', tenant, 'entity', entity,
  'id', id, 'revision', revision, 'before', before, 'after', after) as line from history.row ${commitOrder}`
const lanes = `select json_build_object('seq', row_number() over (${commitOrder}), 'lane', lane, 'epoch', epoch,
  'batch_no', batch_no, 'cursor', cursor) as line from history.lane ${commitOrder}`
const items = `select json_build_object('run', run, 'tenant', tenant, 'entity', entity, 'id', external_id,
  'operation', case when outcome = 'Applied' then operation end, 'outcome', outcome, 'reason', reason,
  'revision', revision, 'patch', patch) as line from tidemark.item ${commitOrder}`
// A record's key is its external id: all records of a history are of one account.
const events = `select json_build_object('id', id, 'tenant', tenant, 'type', type, 'entity', entity,
  'key', payload ->> 'externalId', 'revision', revision, 'payload', payload) as line
  from tidemark.event ${commitOrder}`
const handled = `select json_build_object('t', to_char(handled_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  'consumer', consumer, 'event', event, 'entity', entity, 'key', external_id, 'revision', revision,
  'attempt', attempt, 'late', late, 'pid', pid) as line from public.projection_handled ${commitOrder}`
