/**
 * The engine's tables: schema `tidemark`.
 *
 * Every key starts with the tenant, and row-level security, forced on the owner
 * too, shows a statement the rows of its tenant only. A statement without a
 * tenant is refused. Only the list of migrations and the consumers belong to no
 * tenant. The relay sees events and deliveries of all tenants, see
 * `DeliveryTables`, and who removes what is old sees that, see `ExpiryFunctions`. Superusers and roles with BYPASSRLS pass every policy: run the
 * engine as neither.
 *
 * **Guarantees**
 *
 * - migrating again changes nothing, and several processes may start it at once;
 * - a migration that fails leaves nothing behind.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import * as DeliveryFunctions from "./DeliveryFunctions.ts"
import * as DeliveryTables from "./DeliveryTables.ts"
import * as PgHorizon from "./PgHorizon.ts"
import * as ExpiryFunctions from "./ExpiryFunctions.ts"
import * as LinkTable from "./LinkTable.ts"

/** @category models @since 0.1.0 */
export interface Options {
  /** A role that exists and is to use the tables; it gets no more than the ports need. */
  readonly appRole?: string | undefined
  /**
   * A role that exists and is to claim, settle and redrive for all tenants, and to
   * register consumers. Once one was named, no other role can. Default: `appRole`.
   */
  readonly relayRole?: string | undefined
  /**
   * A role that exists and is to remove what is old for all tenants, beside the owner,
   * and instead of the role that was named before. Default: nobody but the owner.
   */
  readonly retentionRole?: string | undefined
}

/** A step of the schema. @category models @since 0.1.0 */
export interface Migration {
  /** Starts at 1, and rises by 1. */
  readonly id: number
  readonly name: string
  readonly statements: ReadonlyArray<string>
}

/** @category models @since 0.1.0 */
export interface Standing {
  /** The newest migration that was run here; 0 where none was. */
  readonly version: number
  /** The newest one that this build knows. */
  readonly latest: number
  /** What `run` would do, in order. */
  readonly pending: ReadonlyArray<Migration>
}

/** How far the schema is up to date. Writes nothing, and needs no schema. @category readers @since 0.1.0 */
export const standing: Effect.Effect<Standing, SqlError, SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient
  const [found] = yield* sql<{ is_there: boolean }>`select to_regclass('tidemark.migration') is not null as is_there`
  if (found?.is_there !== true) return nothingYet
  const done = new Set((yield* sql<{ id: number }>`select id from tidemark.migration`).map(({ id }) => id))
  return {
    version: Math.max(0, ...done),
    latest: nothingYet.latest,
    pending: migrations.filter(({ id }) => !done.has(id))
  }
})

/**
 * Brings the schema up to date, as its owner. Fails where the role may not create
 * a schema, or a role does not exist.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (options: Options = {}): Effect.Effect<void, SqlError, SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    yield* sql.withTransaction(
      Effect.gen(function* () {
        yield* sql`select pg_advisory_xact_lock(7461, 1)`
        yield* sql`create schema if not exists tidemark`
        yield* sql`create table if not exists tidemark.migration (
          id int primary key, name text not null, applied_at timestamptz not null default now())`
        const done = new Set((yield* sql<{ id: number }>`select id from tidemark.migration`).map(({ id }) => id))
        for (const { id, name, statements } of migrations) {
          if (done.has(id)) continue
          for (const statement of statements) yield* sql.unsafe(statement)
          yield* sql`insert into tidemark.migration (id, name) values (${id}, ${name})`
        }
        const { appRole, relayRole = appRole, retentionRole } = options
        if (appRole !== undefined)
          yield* grantAll(sql, appRole, [...grants, ...DeliveryTables.tenantGrants, ...LinkTable.grants])
        if (relayRole !== undefined)
          yield* grantAll(sql, relayRole, [...DeliveryTables.relayGrants, ...PgHorizon.grants])
        if (retentionRole !== undefined) yield* grantAll(sql, retentionRole, ExpiryFunctions.retentionGrants)
        if (options.relayRole !== undefined)
          yield* bind(sql, "relay", DeliveryTables.relayTables, sql`${sql(options.relayRole)}`)
        if (retentionRole !== undefined) {
          yield* bind(sql, "retention", ExpiryFunctions.retentionTables, sql`current_user, ${sql(retentionRole)}`)
        }
      })
    )
  })

/**
 * Statements that put a table under the tenant's policy. The table must have a
 * column `tenant`, and its name must be quoted where it has to be.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tenantPolicy = (table: string): ReadonlyArray<string> => [
  `alter table ${table} enable row level security`,
  `alter table ${table} force row level security`,
  // The sub-select is evaluated once per statement, not once per row.
  `create policy tenant on ${table} using (tenant = (select tidemark.current_tenant()))
     with check (tenant = (select tidemark.current_tenant()))`
]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Grants = ReadonlyArray<readonly [rights: string, on: string]>

const grantAll = (sql: SqlClient, role: string, rights: Grants): Effect.Effect<void, SqlError> =>
  Effect.forEach(rights, ([right, on]) => sql`grant ${sql.literal(`${right} on ${on}`)} to ${sql(role)}`, {
    discard: true
  })

/** Gives a policy to some roles alone. */
const bind = (sql: SqlClient, policy: string, tables: ReadonlyArray<string>, roles: Fragment) =>
  Effect.forEach(tables, (table) => sql`alter policy ${sql.literal(policy)} on ${sql.literal(table)} to ${roles}`, {
    discard: true
  })

const text = `text collate "C" not null`
const recordKey = `tenant ${text}, provider ${text}, account ${text}, entity ${text}, external_id ${text}`
/** The id comes first of what differs: keys are compared column by column, and a batch is of one entity. */
const recordIndex = "tenant, external_id, entity, provider, account"
const laneKey = `tenant ${text}, subscription ${text}, lane ${text}, partition ${text}`
const version = `domain text not null, value ${text}, version_at float8, mapping_epoch int not null, observed_at float8 not null`
/** What the ports do, and nothing else: audit and events are never changed, records never deleted. */
const grants = [
  ["usage", "schema tidemark"],
  ["select", "tidemark.migration"],
  ["select, insert", "tidemark.item, tidemark.event"],
  ["select, insert, update", "tidemark.lane, tidemark.ledger, tidemark.run, tidemark.quarantine"],
  ["select, insert, delete", "tidemark.intent"],
  ["select", "sequence tidemark.item_seq_seq"],
  ...PgHorizon.grants
] as const
const counts = [
  "read",
  "created",
  "updated",
  "deleted",
  "unchanged",
  "stale",
  "absent",
  "quarantined",
  "parked",
  "still_quarantined",
  "rejected",
  "adopted",
  "drifted",
  "unknown_fields",
  "unknown_values"
]

/**
 * Inserts rows that are likely to be new: all of them, or none where one is there
 * already, and answers which. It costs less than `on conflict`, which looks for
 * each row before it inserts it, and locks its insertion. Who inserts what another
 * transaction is inserting waits for it, row by row as they are given. Arrays are as
 * `Param.arrays` orders them. Events are inserted the same way.
 */
const ledgerInsert = `create function tidemark.ledger_insert(text, text, text, text, text[], text[], text[], text[], text[], text[],
       float8[], float8[], float8[], float8[]) returns boolean language plpgsql as $$
     begin
       insert into tidemark.ledger (tenant, provider, account, entity, external_id, local_id, domain, value, existence,
         fingerprint, revision, version_at, mapping_epoch, observed_at, token)
       select $1, $2, $3, $4, i.*, 1
       from (select unnest($5) as external_id, unnest($6), unnest($7), unnest($8), unnest($9), unnest($10),
         unnest($11), unnest($12), unnest($13), unnest($14)) as i;
       return true;
     exception when unique_violation then
       return false;
     end $$`

const migrations: ReadonlyArray<Migration> = [
  {
    id: 1,
    name: "first tables",
    statements: [
      `create function tidemark.current_tenant() returns text language plpgsql stable as $$
         declare tenant text := pg_catalog.current_setting('tidemark.tenant', true);
         begin
           if tenant is null or tenant = '' then
             raise exception 'no tenant is set: the setting tidemark.tenant is missing or empty' using errcode = '42501',
               hint = 'set tidemark.tenant with set_config(..., true) at the start of the transaction';
           end if;
           return tenant;
         end $$`,
      `create table tidemark.lane (${laneKey},
         epoch bigint not null, batch_no bigint not null, cursor json, codec_version int,
         mapping_epoch int not null, account text not null, lease_until timestamptz not null,
         brake jsonb not null, stopped text,
         primary key (tenant, subscription, lane, partition)) with (fillfactor = 50)`,
      `create table tidemark.ledger (${recordKey},
         local_id text not null, token bigint not null, revision bigint not null,
         ${version}, existence text not null, fingerprint text,
         primary key (${recordIndex})) with (fillfactor = 80)`,
      `create table tidemark.run (id uuid not null default gen_random_uuid(), ${laneKey},
         epoch bigint not null, trigger text not null, status text not null,
         ${counts.map((name) => `${name} bigint not null default 0`).join(", ")},
         error text, opened_at timestamptz not null default now(), closed_at timestamptz,
         seq bigint generated always as identity, item_from bigint not null default 0, item_to bigint,
         primary key (tenant, id))`,
      `create index run_list on tidemark.run (tenant, seq) where seq > 0`,
      `create index run_subscription on tidemark.run (tenant, subscription, seq) where seq > 0`,
      `create index run_open on tidemark.run (tenant, subscription, lane, partition) where status = 'Running'`,
      `create table tidemark.item (tenant ${text}, seq bigint generated always as identity, run uuid not null,
         sequence bigint not null, provider ${text}, account ${text}, entity ${text}, external_id ${text},
         local_id text, operation text not null, outcome text not null, reason text, message text, revision bigint,
         patch json, version json, origin text not null, recorded_at timestamptz not null default now(),
         primary key (tenant, seq))`,
      `create table tidemark.event (tenant ${text}, id ${text}, seq bigint generated always as identity,
         type text not null, entity text not null, key ${text}, revision bigint not null, payload json not null,
         appended_at timestamptz not null default now(), direction ${text} default 'change', version int not null default 1, primary key (tenant, id))`,
      // A delivery knows its event by the place alone; at the right end an insert costs least.
      `create unique index event_place on tidemark.event (seq)`,
      `create table tidemark.quarantine (id uuid not null default gen_random_uuid(), ${recordKey}, run uuid not null,
         seq bigint generated always as identity, ${version}, fingerprint text not null, code text not null,
         message text not null, observation text not null, status text not null, attempts int not null default 1,
         opened_at timestamptz not null default now(), closed_at timestamptz, primary key (tenant, id))`,
      `create index quarantine_open on tidemark.quarantine (${recordIndex})
         where status = 'Open'`,
      // Lists, newest first: of what waits, of all, of one record. Every row is in them; only who says `seq > 0`, which
      // always holds, may use them: a look-up by key planned while the table is empty would take them for as good.
      `create index quarantine_waiting on tidemark.quarantine (tenant, seq) where status = 'Open' and seq > 0`,
      `create index quarantine_code on tidemark.quarantine (tenant, code, seq) where status = 'Open' and seq > 0`,
      `create index quarantine_list on tidemark.quarantine (tenant, seq) where seq > 0`,
      `create index quarantine_record on tidemark.quarantine (tenant, external_id, seq) where seq > 0`,
      `create table tidemark.intent (${recordKey}, subscription ${text}, lane ${text}, partition ${text},
         token bigint not null, decision text not null,
         primary key (${recordIndex}))`,
      `create index intent_lane on tidemark.intent (tenant, subscription, lane, partition, external_id)`,
      ledgerInsert,
      ...DeliveryTables.tables,
      ...DeliveryFunctions.functions,
      ...PgHorizon.functions,
      ...LinkTable.tables,
      ...LinkTable.functions,
      ...ExpiryFunctions.indexes,
      ...ExpiryFunctions.functions,
      ...["lane", "ledger", "intent", "link"].flatMap((table) => tenantPolicy(`tidemark.${table}`)),
      ...DeliveryTables.tenantTables.flatMap(tenantPolicy),
      ...DeliveryTables.scopes,
      ...DeliveryTables.policies,
      ...ExpiryFunctions.policies
    ]
  }
]

/** The standing of a database where no migration was ever run. @category constants @since 0.1.0 */
export const nothingYet: Standing = {
  version: 0,
  latest: Math.max(0, ...migrations.map(({ id }) => id)),
  pending: migrations
}
