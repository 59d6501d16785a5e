/**
 * The tables of delivery: who gets events, what they are owed, what was handled,
 * what was given up, and what came in.
 *
 * What belongs to a tenant is under its policy as everywhere. Deliveries are
 * claimed for all tenants together: a second policy shows them to a transaction
 * whose setting `tidemark.scope` is `relay`, and to the role that is named for it
 * where one is.
 *
 * @since 0.1.0
 */

const text = `text collate "C" not null`

/** That a delivery failed, or was handed out more than once; of a row that is named `alias.`. @category fragments @since 0.1.0 */
export const failing = (alias: string): string => `(${alias}error is not null or ${alias}attempts > 1)`

// -----------------------------------------------------------------------------
// tables
// -----------------------------------------------------------------------------

/**
 * A consumer is of no tenant, and few: no policy, no index but for its name.
 *
 * A delivery has two indexes, and each claim writes to both: one finds what is due,
 * by consumer and tenant; the other finds the neighbours of its key. Both begin with
 * the consumer, which is what claims and counts ask for. The key is a
 * number of 64 bits made of entity and key: two keys of a tenant that had the same
 * would wait for each other, and lose nothing. What stands behind another one of its
 * key has no date and is not in the first index.
 *
 * Rows of deliveries are short-lived, so they are vacuumed early.
 *
 * Receipts are only added, and go with their event. Partitions by day would have to
 * be made ahead of the day, by an owner that the application is not; a block index
 * costs an insert next to nothing and finds those of some events as well.
 *
 * @category statements
 * @since 0.1.0
 */
export const tables: ReadonlyArray<string> = [
  `create table tidemark.consumer (id int generated always as identity primary key, name ${text} unique
       check (name ~ '^[a-z][a-z0-9_.-]{0,99}$'),
     types text[] collate "C" not null check (cardinality(types) > 0), missed text[] collate "C" not null,
     start text not null, after bigint not null,
     upto bigint not null, given bigint not null, is_ready boolean not null default false,
     status text not null default 'Active', registered_at timestamptz not null default now(),
     changed_by text, changed_at timestamptz)`,
  `create table tidemark.delivery (seq bigint not null, key_id bigint not null,
     due_at timestamptz not null default now(), consumer int not null, epoch int not null default 0,
     attempts int not null default 0, version int not null, late boolean not null default false,
     held boolean not null default false, tenant ${text}, type ${text}, direction ${text}, error text, redriven_by text,
     primary key (consumer, tenant, key_id, seq))
     with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)`,
  `create index delivery_due on tidemark.delivery (consumer, direction, tenant, due_at, seq) where due_at < 'infinity'`,
  // What fails, few among many: a claim or an append of anything else does not write to it.
  `create index delivery_failing on tidemark.delivery (consumer, seq) where ${failing("")}`,
  `create table tidemark.receipt (seq bigint not null, settled_at timestamptz not null default now(),
     consumer int not null, attempts int not null, tenant ${text}, reason text, settled_by text)`,
  `create index receipt_age on tidemark.receipt using brin (settled_at, seq)
     with (pages_per_range = 16, autosummarize = on)`,
  `create table tidemark.dead_letter (id uuid not null default gen_random_uuid() primary key,
     place bigint generated always as identity, seq bigint not null, key_id bigint not null,
     died_at timestamptz not null default now(), consumer int not null, epoch int not null, attempts int not null,
     version int not null, tenant ${text}, type ${text}, direction ${text}, error text not null)`,
  // Every row is in it; only who says `place > 0`, which always holds, may use it: see the lists of `Migrations`.
  `create unique index dead_letter_list on tidemark.dead_letter (place) where place > 0`,
  `create index dead_letter_consumer on tidemark.dead_letter (consumer, place)`,
  `create index dead_letter_type on tidemark.dead_letter (type, place)`,
  `create table tidemark.inbox (tenant ${text}, consumer ${text}, id ${text}, digest text, epoch int not null,
     attempts int not null, lease_until timestamptz not null, finished_at timestamptz,
     received_at timestamptz not null default now(), place bigint generated always as identity,
     primary key (tenant, consumer, id))`,
  `create unique index inbox_place on tidemark.inbox (place)`,
  `create table tidemark.counter (tenant ${text}, entity ${text}, key ${text}, last bigint not null,
     primary key (tenant, key, entity)) with (fillfactor = 80)`
]

/** Under the policy of the tenant alone. @category constants @since 0.1.0 */
export const tenantTables = ["tidemark.counter"] as const

/** Under the policy of the tenant, and that of the relay. @category constants @since 0.1.0 */
export const relayTables = ["tidemark.event", "tidemark.delivery", "tidemark.receipt", "tidemark.dead_letter"] as const

// -----------------------------------------------------------------------------
// policies and grants
// -----------------------------------------------------------------------------

/** Whose rows a statement sees, and whether it is the relay's. @category statements @since 0.1.0 */
export const scopes: ReadonlyArray<string> = [
  `create function tidemark.is_relay() returns boolean language sql stable as $$
     select coalesce(pg_catalog.current_setting('tidemark.scope', true) = 'relay', false) $$`,
  `create function tidemark.is_retention() returns boolean language sql stable as $$
     select coalesce(pg_catalog.current_setting('tidemark.scope', true) = 'retention', false) $$`,
  // Relay and retention have no tenant, and are not refused for it; the tenant's policy then shows them nothing.
  `create function tidemark.visible_tenant() returns text language plpgsql stable as $$
     begin return case when tidemark.is_relay() or tidemark.is_retention() then null else tidemark.current_tenant() end; end $$`
]

/** @category statements @since 0.1.0 */
export const policies: ReadonlyArray<string> = relayTables.flatMap((table) => [
  `alter table ${table} enable row level security`,
  `alter table ${table} force row level security`,
  `create policy tenant on ${table} using (tenant = (select tidemark.visible_tenant()))
     with check (tenant = (select tidemark.visible_tenant()))`,
  `create policy relay on ${table} ${table === "tidemark.event" ? "for select" : ""}
     using ((select tidemark.is_relay())) ${table === "tidemark.event" ? "" : "with check ((select tidemark.is_relay()))"}`
])

/**
 * What a tenant's unit of work does: it makes deliveries with its events, and may
 * settle one with its effect.
 *
 * @category constants
 * @since 0.1.0
 */
export const tenantGrants = [
  ["select", "tidemark.consumer"],
  ["select, insert, update, delete", "tidemark.delivery"],
  ["insert", "tidemark.receipt, tidemark.dead_letter"],
  ["select, insert, update", "tidemark.inbox, tidemark.counter"]
] as const

/** What claims, settles and redrives for all tenants. @category constants @since 0.1.0 */
export const relayGrants = [
  ["usage", "schema tidemark"],
  ["select", "tidemark.event, tidemark.migration"],
  ["select, insert, update", "tidemark.consumer"],
  ["select, insert, update, delete", "tidemark.delivery"],
  ["insert", "tidemark.receipt"],
  ["select, insert, delete", "tidemark.dead_letter"],
  [
    "execute",
    "function tidemark.delivery_claim, tidemark.delivery_sweep, tidemark.delivery_renew, tidemark.delivery_skip"
  ]
] as const
