/**
 * How fast events are published to consumers, handed out and settled again, and how
 * soon a handler has one.
 *
 *     node packages/sql-pg/bench/Deliveries.ts [--events 20000] [--rounds 3] [--keys 20000]
 *
 * Starts a durable server of its own. Each round publishes the events in units of
 * work of 500 with no consumer, with one and with two, in turn. Then what consumers
 * are owed is drained: by hand, which claims 500 and settles 500 with nothing in
 * between; by one relay whose handler does nothing; by four; and, of a tenth of the
 * events, by one whose handler does nothing in a unit of work. Prints for each
 * phase events per second, CPU microseconds of the server and of this process, and
 * statements per event, `begin` and `commit` apart. At the end events come one by
 * one, at most fifty a second, to a relay that listens.
 *
 * For the server of the last round the statements that took longest are printed. Only
 * CPU, statements and ratios mean anything on a shared machine. Linux only: CPU is
 * read from `/proc`.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Consumer from "@tidemark/core/engine/Consumer"
import * as Relay from "@tidemark/core/engine/Relay"
import * as EventRegistry from "@tidemark/core/model/EventRegistry"
import * as EventType from "@tidemark/core/model/EventType"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import type * as Wake from "@tidemark/core/ports/Wake"
import { Migrations, PgPipeline, PgStore, PgWake } from "@tidemark/sql-pg"
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
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

interface Bench {
  readonly postmaster: number
  readonly owner: PgClient.PgClient
  /** The ports of one more process. */
  readonly ports: Layer.Layer<PgStore.Services | Wake.Wake, SqlError>
  /** Seconds of phases of this round. */
  readonly took: Map<string, number>
}

/** Statements that clients sent to the server, `begin` and `commit` apart. */
const statements = (owner: PgClient.PgClient) =>
  Effect.map(
    owner<{ calls: number }>`select coalesce(sum(calls), 0)::float8 as calls from pg_stat_statements where toplevel`,
    ([row]) => row!.calls
  )

/** Prints rate, CPU and statements of an effect that handles `events` events. */
const measured = <A, E, R>(
  { owner, postmaster, took }: Bench,
  phase: string,
  effect: Effect.Effect<A, E, R>,
  events = count
) =>
  Effect.gen(function* () {
    const calls = yield* statements(owner)
    const server = serverMicros(postmaster)
    const own = process.cpuUsage()
    const [time, answer] = yield* Effect.timed(effect)
    const { system, user } = process.cpuUsage(own)
    const per = (amount: number) => (amount / events).toFixed(1).padStart(6)
    const rate = Math.round(events / Duration.toSeconds(time))
    const cpu = `server ${per(serverMicros(postmaster) - server)}  process ${per(system + user)}`
    const sent = (((yield* statements(owner)) - calls) / events).toFixed(3)
    console.log(
      `${phase.padEnd(28)} ${String(rate).padStart(7)} events/s   CPU us/event: ${cpu}   statements/event: ${sent}`
    )
    took.set(phase, Duration.toSeconds(time) / events)
    return answer
  })

/** Events from one place to another, in units of work of `batch`. */
const publish = (name: string, type: string, to = count, start = 0) =>
  Effect.gen(function* () {
    const uow = yield* UnitOfWork.UnitOfWork
    const outbox = yield* Outbox.Outbox
    for (let from = start; from < to; from += batch) {
      const events = Arr.makeBy(Math.min(batch, to - from), (index) => {
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

/** A consumer that does nothing with events of a type. */
const consuming = (type: string, name: string, isTransactional: boolean) =>
  Effect.gen(function* () {
    const definition = EventType.define({
      type,
      direction: "change",
      aggregate: "account",
      payload: Schema.Struct({ place: Schema.Int, changedFields: Schema.Array(Schema.String) })
    })
    const registry = yield* EventRegistry.make(definition)
    const consumer = isTransactional
      ? Consumer.make(name, { on: [definition], transactional: () => Effect.void })
      : Consumer.make(name, { on: [definition], handler: () => Effect.void })
    return { registry, consumers: [consumer], concurrency: { change: batch } } as const
  })

/** Each relay has a pool of its own, as a process would. */
const relayed = (bench: Bench, relays: number, name: string, type: string) =>
  Effect.flatMap(consuming(type, name, name.startsWith("unit")), (options) =>
    Effect.all(
      Arr.makeBy(relays, () => Effect.provide(Relay.drainOnce(options), Layer.fresh(bench.ports), { local: true })),
      { concurrency: "unbounded" }
    )
  )

const consume = Effect.fnUntraced(function* (name: string, type: string) {
  const consumers = yield* Consumers.Consumers
  yield* consumers.register({ name, types: [type], start: "Now" })
  yield* consumers.activate(name, batch)
})

const round = (number: number, bench: Bench) =>
  Effect.gen(function* () {
    const [none, one, two, three] = ["none", "one", "two", "three"].map((name) => `${name}_${number}`) as [
      string,
      string,
      string,
      string
    ]
    const named = (name: string) => `${name}-${number}`
    yield* consume(named("hand"), one)
    yield* consume(named("relay"), two)
    yield* consume(named("relays"), two)
    yield* consume(named("unit"), three)
    yield* measured(bench, "publish, no consumer", publish(none, none))
    yield* measured(bench, "publish, one consumer", publish(one, one))
    yield* measured(bench, "publish, two consumers", publish(two, two))
    yield* measured(bench, "drain by hand", drain(named("hand"), one))
    yield* measured(bench, "drain by one relay", relayed(bench, 1, named("relay"), two))
    yield* measured(bench, "drain by four relays", relayed(bench, 4, named("relays"), two))
    const tenth = Math.ceil(count / 10 / batch) * batch
    yield* publish(three, three, tenth)
    yield* measured(bench, "drain, a unit of work each", relayed(bench, 1, named("unit"), three), tenth)
    const ratio = (phase: string, to: string) =>
      `${phase} / ${to}: ${(bench.took.get(to)! / bench.took.get(phase)!).toFixed(2)}`
    console.log(
      [
        ratio("publish, one consumer", "publish, no consumer"),
        ratio("publish, two consumers", "publish, no consumer"),
        ratio("drain by one relay", "drain by hand"),
        ratio("drain by four relays", "drain by one relay")
      ].join("   ")
    )
  })

/** One event after the other, twenty milliseconds apart, to a relay that hears of each. */
const latency = (bench: Bench) =>
  Effect.gen(function* () {
    const number = Math.min(500, count)
    const type = "low_load"
    yield* consume("low-load", type)
    const [begun, answered, handled] = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>()]
    const { consumers, registry } = yield* consuming(type, "low-load", false)
    const [consumer] = consumers
    const handle: typeof consumer.handle = ({ revision }) => Effect.sync(() => handled.set(revision, performance.now()))
    const relay = Relay.run({ registry, consumers: [{ ...consumer, handle }] })
    const running = yield* Effect.forkChild(Effect.provide(relay, Layer.fresh(bench.ports), { local: true }))
    yield* Effect.sleep("2 seconds")
    for (let place = 0; place < number; place++) {
      begun.set(place, performance.now())
      yield* publish(type, type, place + 1, place)
      answered.set(place, performance.now())
      yield* Effect.sleep("20 millis")
    }
    while (handled.size < number) yield* Effect.sleep("20 millis")
    yield* Fiber.interrupt(running)
    const told = (since: ReadonlyMap<number, number>) => {
      const waits = [...handled].map(([place, at]) => Math.max(0, at - since.get(place)!)).toSorted((a, b) => a - b)
      const at = (share: number) =>
        `${waits[Math.min(waits.length - 1, Math.floor(share * waits.length))]!.toFixed(1)} ms`
      return `p50 ${at(0.5)}  p99 ${at(0.99)}`
    }
    console.log(`to the handler, from the answer to the commit: ${told(answered)}   from the begin: ${told(begun)}`)
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
  const ports = Layer.merge(
    PgStore.layer().pipe(Layer.provide(PgPipeline.layer({ url, maxConnections: 4 }))),
    PgWake.layer.pipe(Layer.provide(PgClient.layer({ url, maxConnections: 1 })))
  )
  const bench: Bench = { postmaster, owner, ports, took: new Map() }
  yield* Effect.gen(function* () {
    for (let number = 1; number <= Number(flags.rounds); number++) {
      yield* owner`select pg_stat_statements_reset()`
      yield* round(number, bench)
      yield* owner`checkpoint`
    }
    yield* printStatements(owner)
    yield* latency(bench)
  }).pipe(Effect.provide(ports))
})

await Effect.runPromise(Effect.scoped(main))
