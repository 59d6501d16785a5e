/**
 * PostgreSQL as a store for the laws: one migrated database for all laws of a
 * file, the application's role, a table for the records of a simulated world.
 *
 * Moves of lanes are told by a trigger, which the engine does not know.
 */
import type * as PgClient from "@effect/sql-pg/PgClient"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as EventStore from "@tidemark/laws/events/EventStore"
import type * as History from "@tidemark/laws/History"
import type * as Law from "@tidemark/laws/Law"
import type * as Store from "@tidemark/laws/Store"
import * as World from "@tidemark/laws/World"
import { PgSink, PgStore } from "@tidemark/sql-pg"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import * as Database from "./Database.ts"
import * as Harness from "./Harness.ts"

/** A client that no policy binds. */
export class Owner extends Context.Service<Owner, PgClient.PgClient>()("@tidemark/sql-pg/test/Owner") {}

export type Services = PgStore.Services | SqlClient | Owner

/** `RUNS` sets the number of cases of every law, `SEED` makes them repeatable. */
export const settings = (runs: number): Law.Options => {
  const { RUNS, SEED } = process.env
  return { runs: RUNS === undefined ? runs : Number(RUNS), ...(SEED === undefined ? {} : { seed: Number(SEED) }) }
}

/** Where each event of a tenant stands with its consumers. */
export const shares = (tenant: Subscription.TenantId) =>
  Effect.flatMap(
    Owner,
    (owner) => owner<EventStore.Share>`
      select c.name as consumer, e.id as event, o.as from (
        select consumer, seq, 'Delivery' as as from tidemark.delivery where tenant = ${tenant} union all
        select consumer, seq, 'Receipt' from tidemark.receipt where tenant = ${tenant} union all
        select consumer, seq, 'DeadLetter' from tidemark.dead_letter where tenant = ${tenant}) o
      join tidemark.consumer c on c.id = o.consumer join tidemark.event e on e.tenant = ${tenant} and e.seq = o.seq`
  )

/** A store in a database of its own, for the length of the scope. */
export const make = (scope: Scope.Scope): Store.Store<Services> => ({
  layer: Layer.unwrap(
    Effect.cached(Effect.map(Scope.provide(stage, scope), Layer.succeedContext)).pipe(Effect.runSync)
  ) as Layer.Layer<Services, unknown>,
  isShared: true,
  isRealTime: true,
  name: "postgres",
  sink: table.sink,
  read: ({ tenant }) => Effect.flatMap(Owner, (owner) => read(owner, tenant))
})

const table = PgSink.make({ table: "law_note", schema: World.Note })

const stage = Effect.gen(function* () {
  const database = yield* Database.freshDatabase
  const owner = yield* Database.client(database.ownerUrl)
  yield* Harness.migrate(owner, { retentionRole: Database.appRole })
  yield* Effect.provideService(table.create, SqlClient, owner)
  yield* Database.grantTables(owner)
  yield* owner`create table law_move (seq bigint generated always as identity, tenant text, lane text, epoch bigint,
    batch_no bigint, cursor json)`
  yield* owner`create function law_move() returns trigger language plpgsql security definer as ${owner.literal(`$$
    begin
      if new.batch_no is distinct from old.batch_no then
        insert into public.law_move (tenant, lane, epoch, batch_no, cursor)
        values (new.tenant, new.lane, new.epoch, new.batch_no, new.cursor);
      end if;
      return null;
    end
  $$`)}`
  yield* owner`create trigger law_move after update on tidemark.lane for each row execute function law_move()`
  const sql = yield* Database.pipeline(database.appUrl, { maxConnections: 8 })
  const ports = yield* Layer.build(PgStore.layer().pipe(Layer.provideMerge(Layer.succeed(SqlClient, sql))))
  return Context.add(ports, Owner, owner)
})

const read = Effect.fnUntraced(function* (owner: PgClient.PgClient, tenant: string) {
  const items = yield* owner<History.Item>`
    select run::text as run, tenant, entity, external_id as id, nullif(operation, 'NoOp') as operation, outcome, reason,
      revision::int as revision, patch from tidemark.item where tenant = ${tenant} order by seq`
  const events = yield* owner<History.Event>`
    select id, tenant, type, entity, key, revision::int as revision, payload from tidemark.event
    where tenant = ${tenant} order by seq`
  const lanes = yield* owner<History.LaneMove>`
    select tenant || '/' || lane as lane, epoch::int as epoch, batch_no::int as batch_no, cursor from law_move
    where tenant = ${tenant} order by seq`
  const refusals = yield* owner<{ id: string; version: string; isOpen: boolean }>`
    select external_id as id, value as version, status = 'Open' as "isOpen" from tidemark.quarantine
    where tenant = ${tenant} order by seq`
  const runs = yield* owner<{ status: string } & Record<string, number | string>>`
    select status, read::int as read, created::int as created, updated::int as updated, deleted::int as deleted,
      unchanged::int as unchanged, stale::int as stale, absent::int as absent, quarantined::int as quarantined, parked::int as parked,
      still_quarantined::int as "stillQuarantined", rejected::int as rejected, adopted::int as adopted,
      drifted::int as drifted, unknown_fields::int as "unknownFields", unknown_values::int as "unknownValues" from tidemark.run where tenant = ${tenant} order by opened_at, epoch`
  const recorded: Store.Recorded = {
    rows: [],
    items,
    events,
    lanes,
    refusals,
    runs: runs.map(({ status, ...counts }) => ({ status, counts: counts as Record<string, number> }))
  }
  return recorded
})
