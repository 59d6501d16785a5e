/**
 * How fast events are published to consumers, and handed out and settled again.
 *
 *     node packages/sql-pg/bench/Deliveries.ts [--events 20000] [--rounds 3] [--keys 20000]
 *
 * Starts a durable server of its own. Each round publishes the events in units of
 * work of 500 with no consumer, with one and with two, in turn, and then one worker
 * drains what one consumer is owed: it claims 500 and settles 500, with nothing in
 * between. Prints events per second and CPU microseconds of the server and of this
 * process per event; for the server of the last round the statements that took
 * longest. Only CPU and only ratios mean anything on a shared machine. Linux only:
 * CPU is read from `/proc`.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import { Migrations, PgPipeline, PgStore } from "@tidemark/sql-pg"
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient } from "effect/sql/SqlClient"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"

const { values: flags } = parseArgs({
  options: {
    events: { type: "string", default: "20000" },
    rounds: { type: "string", default: "3" },
    keys: { type: "string" }
  }
})
const count = Number(flags.events)
const keys = Number(flags.keys ?? flags.events)
const batch = 500
const tenant = Subscription.TenantId.make("acme")

// -----------------------------------------------------------------------------
// CPU
// -----------------------------------------------------------------------------

/** Hundredths of a second, of a process and of its children that ended. */
const ticksOf = (pid: string): number => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)!.split(" ")
    return stat.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0)
  } catch {
    return 0
  }
}

const childrenOf = (pid: number): ReadonlyArray<string> =>
  readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readFileSync(`/proc/${name}/stat`, "latin1").split(") ").at(-1)!.split(" ")[1] === String(pid)
    } catch {
      return false
    }
  })

const serverMicros = (postmaster: number): number =>
  [String(postmaster), ...childrenOf(postmaster)].reduce((sum, pid) => sum + ticksOf(pid), 0) * 10_000

// -----------------------------------------------------------------------------
// phases
// -----------------------------------------------------------------------------

/** Prints rate and CPU of an effect that handles `count` events. */
const measured = <A, E, R>(phase: string, postmaster: number, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const server = serverMicros(postmaster)
    const own = process.cpuUsage()
    const [took, answer] = yield* Effect.timed(effect)
    const { system, user } = process.cpuUsage(own)
    const per = (micros: number) => (micros / count).toFixed(1).padStart(6)
    const rate = Math.round(count / Duration.toSeconds(took))
    const cpu = `server ${per(serverMicros(postmaster) - server)}  process ${per(system + user)}`
    console.log(`${phase.padEnd(24)} ${String(rate).padStart(7)} events/s   CPU us/event: ${cpu}`)
    return answer
  })

const publish = (name: string, type: string) =>
  Effect.gen(function* () {
    const uow = yield* UnitOfWork.UnitOfWork
    const outbox = yield* Outbox.Outbox
    for (let from = 0; from < count; from += batch) {
      const events = Arr.makeBy(batch, (index) => {
        const place = from + index
        const key = `salesforce/00D/${String(place % keys).padStart(8, "0")}`
        const id = `acme/${key}/${name}/${place}`
        return {
          id,
          tenant,
          type,
          entity: "account",
          key,
          revision: place,
          version: 1,
          direction: "change" as const,
          payload: { place, changedFields: ["name"] }
        }
      })
      yield* uow.transact(tenant, outbox.append(tenant, events))
    }
  })

const drain = (consumer: string, type: string) =>
  Effect.gen(function* () {
    const deliveries = yield* Deliveries.Deliveries
    const hosted = [{ consumer, versions: { [type]: 1 } }] as const
    const options = { hosted, direction: "change" as const, limit: batch, lease: Duration.seconds(30) }
    let settled = 0
    while (settled < count) {
      const held = yield* deliveries.claim(options)
      if (held.length === 0) continue
      const settlements = held.map((one) => ({ held: one, verdict: { _tag: "Ack" as const } }))
      settled += (yield* deliveries.settle(settlements as never)).length
    }
  })

const round = (number: number, postmaster: number) =>
  Effect.gen(function* () {
    const consumers = yield* Consumers.Consumers
    const consume = (name: string, type: string) =>
      Effect.andThen(consumers.register({ name, types: [type], start: "Now" }), consumers.activate(name, batch))
    const [none, one, two] = [`none_${number}`, `one_${number}`, `two_${number}`]
    yield* consume(`single-${number}`, one)
    yield* consume(`first-${number}`, two)
    yield* consume(`second-${number}`, two)
    yield* measured("publish, no consumer", postmaster, publish(none, none))
    yield* measured("publish, one consumer", postmaster, publish(one, one))
    yield* measured("publish, two consumers", postmaster, publish(two, two))
    yield* measured("drain", postmaster, drain(`single-${number}`, one))
  })

const printStatements = (sql: PgClient.PgClient) =>
  Effect.gen(function* () {
    const rows = yield* sql<{ micros: number; calls: number; wal: number; query: string }>`
      select (total_exec_time * 1000 / ${String(count)}::float8)::float8 as micros, calls::int as calls,
        (wal_bytes / ${String(count)}::float8)::float8 as wal,
        left(regexp_replace(query, '\\s+', ' ', 'g'), 100) as query
      from pg_stat_statements where total_exec_time * 1000 / ${String(count)}::float8 > 0.3
      order by total_exec_time desc limit 16`
    for (const { calls, micros, query, wal } of rows) {
      console.log(
        `  ${micros.toFixed(1).padStart(6)} us/event ${wal.toFixed(0).padStart(5)} B WAL  ${calls} x  ${query}`
      )
    }
  })

// -----------------------------------------------------------------------------
// main
// -----------------------------------------------------------------------------

const client = (url: string) => Effect.provide(PgClient.makeClient({ url: Redacted.make(url) }), Reactivity.layer)

const main = Effect.gen(function* () {
  const memory = { shared_buffers: "512MB", max_wal_size: "4GB" }
  const loaded = { shared_preload_libraries: "pg_stat_statements", "pg_stat_statements.track": "all" }
  const server = yield* EmbeddedPostgres.make({ durable: true, settings: { ...memory, ...loaded } })
  const postmaster = Number(readFileSync(join(server.dataDir, "postmaster.pid"), "latin1").split("\n")[0])
  const owner = yield* client(server.url)
  yield* owner`create role tidemark login`
  yield* owner`create extension pg_stat_statements`
  yield* Effect.provideService(Migrations.run({ appRole: "tidemark" }), SqlClient, owner)
  const url = Redacted.make(server.url.replace("postgres@", "tidemark@"))
  const ports = PgStore.layer().pipe(Layer.provide(PgPipeline.layer({ url, maxConnections: 4 })))
  yield* Effect.gen(function* () {
    for (let number = 1; number <= Number(flags.rounds); number++) {
      yield* owner`select pg_stat_statements_reset()`
      yield* round(number, postmaster)
      yield* owner`checkpoint`
    }
  }).pipe(Effect.provide(ports))
  yield* printStatements(owner)
})

await Effect.runPromise(Effect.scoped(main))
