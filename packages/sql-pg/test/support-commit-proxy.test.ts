// Goal: each fault of the proxy is the fault it claims to be, seen from the client and from the server.
// Method: the real client through the proxy; a second connection past the proxy says what the server has.
import { it } from "@effect/vitest"
import type * as PgClient from "@effect/sql-pg/PgClient"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import assert from "node:assert/strict"
import * as net from "node:net"
import { describe } from "vitest"
import * as CommitProxy from "./support/CommitProxy.ts"
import * as Database from "./support/Database.ts"
import * as Fault from "./support/Fault.ts"
import * as Wire from "./support/Wire.ts"

// -----------------------------------------------------------------------------
// helpers
// -----------------------------------------------------------------------------

/** A table `note (id)`, a client through the proxy, and one past it. */
const stage = Effect.fnUntraced(function* (options: { readonly prepare?: boolean } = {}) {
  const database = yield* Database.freshDatabase
  const past = yield* Database.client(database.ownerUrl)
  yield* past`create table note (id int primary key)`
  const proxy = yield* CommitProxy.make({ target: database.ownerUrl })
  const sql = yield* Database.pool(proxy.url, { maxConnections: 2, ...options })
  const ids = Effect.map(past<{ readonly id: number }>`select id from note order by id`, (rows) =>
    rows.map((row) => row.id)
  )
  return { database, past, proxy, sql, ids }
})

const insert = (sql: PgClient.PgClient, id: number) => sql.withTransaction(sql`insert into note values (${id})`)

/** The error of a statement that must fail. */
const refused = <A>(effect: Effect.Effect<A, SqlError>) => Effect.orDie(Effect.flip(effect))

/** Kinds and tags of everything that went wrong. */
const reasonsOf = (exit: Exit.Exit<unknown, SqlError>): ReadonlyArray<string> =>
  Exit.isSuccess(exit)
    ? []
    : exit.cause.reasons.map((reason) => {
        const error = Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : undefined
        return `${reason._tag} ${isSqlError(error) ? error.reason._tag : String(error)}`
      })

/** The client rolls back whatever fails, and takes a rollback that it cannot send for a defect, with what led to it. */
const connectionLost = ["Die ConnectionError", "Die ConnectionError"]

const sqlState = (error: SqlError): unknown => {
  const cause = error.reason.cause
  return typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
}

// -----------------------------------------------------------------------------
// laws
// -----------------------------------------------------------------------------

describe.each([{ prepare: true }, { prepare: false }])("with $prepare for prepared statements", (options) => {
  it.live("a commit dropped before the server leaves nothing", () =>
    Effect.gen(function* () {
      const { ids, proxy, sql } = yield* stage(options)
      yield* insert(sql, 1)
      const armed = yield* proxy.arm(Fault.dropBeforeCommit)
      const error = yield* Effect.flip(insert(sql, 2))
      assert.equal(error.reason._tag, "ConnectionError")
      assert.equal(yield* armed.fired, 1)
      assert.deepEqual(yield* ids, [1])
      yield* insert(sql, 3)
      assert.deepEqual(yield* ids, [1, 3])
      assert.equal(yield* proxy.commits, 2)
    })
  )

  it.live("a commit whose confirmation is dropped has happened, and looks the same to the client", () =>
    Effect.gen(function* () {
      const { ids, proxy, sql } = yield* stage(options)
      const armed = yield* proxy.arm(Fault.dropAfterCommit, { times: 2 })
      for (const id of [1, 2]) {
        const error = yield* Effect.flip(insert(sql, id))
        assert.equal(error.reason._tag, "ConnectionError")
        yield* armed.first
      }
      assert.equal(yield* armed.fired, 2)
      assert.deepEqual(yield* ids, [1, 2])
      yield* insert(sql, 3)
      assert.deepEqual(yield* ids, [1, 2, 3])
      assert.equal(yield* proxy.commits, 3)
    })
  )

  it.live.each([
    ["40001", "SerializationError"],
    ["40P01", "DeadlockError"],
    ["23505", "UniqueViolation"],
    ["55P03", "LockTimeoutError"],
    ["57P01", "UnknownError"],
    ["53100", "UnknownError"]
  ] as const)("an injected %s arrives as %s, rolls back, and leaves the connection usable", ([code, reason]) =>
    Effect.gen(function* () {
      const { ids, proxy, sql } = yield* stage(options)
      const armed = yield* proxy.arm(Fault.injectError(code, "note_pkey"), {
        when: ({ statement }) => statement?.startsWith("insert") === true
      })
      const body = Effect.gen(function* () {
        yield* sql`delete from note`
        const error = yield* refused(sql`insert into note values (1)`)
        const after = yield* refused(sql`select 1`)
        assert.equal(sqlState(after), "25P02")
        return yield* error
      })
      const error = yield* Effect.flip(sql.withTransaction(body))
      assert.equal(error.reason._tag, reason)
      assert.equal(sqlState(error), code)
      if (error.reason._tag === "UniqueViolation") assert.equal(error.reason.constraint, "note_pkey")
      assert.equal(yield* armed.fired, 1)
      assert.deepEqual(yield* ids, [])
      yield* insert(sql, 1)
      assert.deepEqual(yield* ids, [1])
      assert.equal((yield* proxy.counters).connections, 1)
    })
  )

  it.live("an error injected into a commit rolls back", () =>
    Effect.gen(function* () {
      const { ids, proxy, sql } = yield* stage(options)
      yield* proxy.arm(Fault.injectError("40001"), { when: ({ statement }) => statement === "COMMIT" })
      const error = yield* Effect.flip(insert(sql, 1))
      assert.equal(error.reason._tag, "SerializationError")
      assert.deepEqual(yield* ids, [])
      yield* insert(sql, 2)
      assert.deepEqual(yield* ids, [2])
    })
  )

  it.live("an error may be injected outside a transaction, again and again on one connection", () =>
    Effect.gen(function* () {
      const { ids, proxy, sql } = yield* stage(options)
      const armed = yield* proxy.arm(Fault.injectError("40P01"), { times: 3 })
      for (let n = 0; n < 3; n += 1) {
        const error = yield* Effect.flip(sql`insert into note values (1)`)
        assert.equal(error.reason._tag, "DeadlockError")
      }
      yield* sql`insert into note values (1)`
      assert.equal(yield* armed.fired, 3)
      assert.equal(yield* proxy.fired, 3)
      assert.deepEqual(yield* ids, [1])
      assert.equal((yield* proxy.counters).connections, 1)
    })
  )
})

describe("cuts and silence", () => {
  it.live("a connection cut at its nth message fails that statement; the next connection works", () =>
    Effect.gen(function* () {
      const { ids, proxy, sql } = yield* stage()
      // The session starts with message 1; an insert of its own is Parse, Bind, Describe, Execute, Sync.
      const armed = yield* proxy.arm(Fault.cutAtMessage(5))
      const error = yield* Effect.flip(sql`insert into note values (1)`)
      assert.equal(error.reason._tag, "ConnectionError")
      assert.equal(yield* armed.fired, 1)
      assert.deepEqual(yield* ids, [])
      yield* sql`insert into note values (2)`
      assert.deepEqual(yield* ids, [2])
    })
  )

  it.live("a connection cut inside a transaction rolls back, and is a defect at the client", () =>
    Effect.gen(function* () {
      const { ids, proxy, sql } = yield* stage()
      const armed = yield* proxy.arm(Fault.cutAtMessage(12))
      const two = Effect.andThen(sql`insert into note values (1)`, sql`insert into note values (2)`)
      const exit = yield* Effect.exit(sql.withTransaction(two))
      assert.deepEqual(reasonsOf(exit), connectionLost)
      assert.equal(yield* armed.fired, 1)
      assert.deepEqual(yield* ids, [])
      yield* insert(sql, 3)
      assert.deepEqual(yield* ids, [3])
    })
  )

  it.live("a refused start of a session is a connection error", () =>
    Effect.gen(function* () {
      const { proxy, sql } = yield* stage()
      yield* proxy.arm(Fault.cutAtMessage(1))
      const error = yield* Effect.flip(sql`select 1`)
      assert.equal(error.reason._tag, "ConnectionError")
    })
  )

  it.live("in a black hole nothing arrives, nobody is told, and the server keeps the transaction", () =>
    Effect.gen(function* () {
      const { database, ids, past, proxy, sql } = yield* stage()
      const armed = yield* proxy.arm(Fault.blackhole, { when: ({ statement }) => statement?.includes("(2)") === true })
      const waiting = yield* Effect.forkChild(
        sql.withTransaction(Effect.andThen(sql`insert into note values (1)`, sql`insert into note values (2)`))
      )
      yield* Effect.addFinalizer(() => proxy.cutAll)
      yield* armed.first
      assert.equal(waiting.pollUnsafe(), undefined)
      const held = past<{ readonly count: number }>`select count(*)::int as count from pg_stat_activity
        where datname = ${database.name} and state = 'idle in transaction'`
      assert.deepEqual(yield* held, [{ count: 1 }])
      assert.deepEqual(yield* ids, [])
      assert.equal(yield* proxy.cutAll, 1)
      assert.deepEqual(reasonsOf(yield* Fiber.await(waiting)), connectionLost)
      yield* held.pipe(
        Effect.repeat({ until: (rows) => rows[0]?.count === 0, schedule: Schedule.spaced("20 millis") }),
        Effect.timeout("10 seconds")
      )
      assert.deepEqual(yield* ids, [])
    })
  )

  it.live("all connections are cut at once, and the pool opens others", () =>
    Effect.gen(function* () {
      const { proxy, sql } = yield* stage()
      yield* sql`select 1`
      assert.equal(yield* proxy.cutAll, 1)
      yield* Effect.retry(sql`select 1`, { times: 1 })
      assert.equal((yield* proxy.counters).connections, 2)
    })
  )
})

describe("when a fault fires", () => {
  it.live("an aborted transaction does not use up a fault that waits for a commit", () =>
    Effect.gen(function* () {
      const { ids, proxy, sql } = yield* stage()
      const armed = yield* proxy.arm(Fault.dropAfterCommit)
      yield* refused(sql.withTransaction(Effect.ignore(sql`insert into note values (1), (1)`)))
      assert.equal(yield* armed.fired, 0)
      yield* Effect.flip(insert(sql, 2))
      assert.equal(yield* armed.fired, 1)
      assert.deepEqual(yield* ids, [2])
    })
  )

  it.live("a disarmed fault does not fire", () =>
    Effect.gen(function* () {
      const { ids, proxy, sql } = yield* stage()
      const armed = yield* proxy.arm(Fault.dropBeforeCommit)
      yield* armed.disarm
      yield* insert(sql, 1)
      assert.equal(yield* armed.fired, 0)
      assert.deepEqual(yield* ids, [1])
    })
  )

  it.live("of many transactions at once exactly the named one is lost", () =>
    Effect.gen(function* () {
      const { ids, proxy, sql } = yield* stage()
      const all = Array.from({ length: 20 }, (_, id) => id)
      let commits = 0
      yield* proxy.arm(Fault.dropBeforeCommit, { when: () => (commits += 1) === 7 })
      const outcomes = yield* Effect.forEach(all, (id) => Effect.result(insert(sql, id)), { concurrency: 2 })
      const committed = all.filter((id) => outcomes[id]?._tag === "Success")
      assert.equal(committed.length, 19)
      assert.deepEqual(yield* ids, committed)
    })
  )
})

describe("what passes unharmed", () => {
  it.live("a multiplexed pool, large rows, notifications and the cancelling of a statement", () =>
    Effect.gen(function* () {
      const database = yield* Database.freshDatabase
      const proxy = yield* CommitProxy.make({ target: database.ownerUrl })
      const sql = yield* Database.pool(proxy.through(database.appUrl), { multiplex: true, maxConnections: 3 })
      const many = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, n) => n),
        (n) => sql<{ readonly n: number; readonly text: string }>`select ${n}::int as n, repeat('x', 100000) as text`,
        { concurrency: "unbounded" }
      )
      assert.deepEqual(
        many.map((rows) => [rows[0]?.n, rows[0]?.text.length]),
        many.map((_, n) => [n, 100_000])
      )
      const single = yield* Database.client(proxy.url)
      const stopped = yield* Effect.timeoutOption(single`select pg_sleep(60)`, "100 millis")
      assert.equal(stopped._tag, "None")
      assert.deepEqual(yield* single`select 1 as one`, [{ one: 1 }])
    })
  )

  it.live("a transaction of one statement costs three round trips", () =>
    Effect.gen(function* () {
      const { proxy, sql } = yield* stage()
      yield* insert(sql, 1)
      const before = yield* proxy.counters
      yield* insert(sql, 2)
      const after = yield* proxy.counters
      assert.equal(after.roundTrips - before.roundTrips, 3)
      assert.equal(after.transactions - before.transactions, 1)
      assert.equal(after.commits - before.commits, 1)
      assert.equal(after.connections, before.connections)
    })
  )
})

describe("simple queries", () => {
  /** Speaks the protocol by hand: each entry is one `Query`; answers the types of the messages and the tags. */
  const converse = (url: string, statements: ReadonlyArray<string>) =>
    Effect.callback<ReadonlyArray<string>>((resume) => {
      const address = new URL(url)
      const socket = net.connect(Number(address.port), "127.0.0.1")
      const heard: Array<string> = []
      const next = [...statements]
      const start = Buffer.alloc(8)
      const parameters = Buffer.from(`user\0postgres\0database\0${address.pathname.slice(1)}\0\0`)
      start.writeInt32BE(8 + parameters.length)
      start.writeInt32BE(196_608, 4)
      socket.write(Buffer.concat([start, parameters]))
      const read = Wire.makeReader({
        isTyped: () => true,
        onMessage: (message) => {
          if (message.type === "C") heard.push(Wire.texts(message.body, 1)[0] ?? "")
          if (message.type === "E") heard.push(/\0C(\w{5})\0/.exec(message.body.toString())?.[1] ?? "?")
          if (message.type !== "Z") return
          heard.push(`ready ${message.body.toString()}`)
          const statement = next.shift()
          if (statement === undefined) socket.end()
          else socket.write(Wire.encode("Q", statement))
        }
      })
      socket.on("data", read)
      socket.on("error", () => socket.destroy())
      socket.on("close", () => resume(Effect.succeed(heard)))
      return Effect.sync(() => socket.destroy())
    })

  it.live("are injected, dropped before and dropped after like prepared ones", () =>
    Effect.gen(function* () {
      const { database, ids, proxy } = yield* stage()
      const url = proxy.through(database.ownerUrl)
      yield* proxy.arm(Fault.injectError("40001"), { when: ({ statement }) => statement?.includes("(1)") === true })
      const injected = yield* converse(url, ["begin", "insert into note values (1)", "rollback"])
      const serialization = ["ready I", "BEGIN", "ready T", "40001", "ready E", "ROLLBACK", "ready I"]
      assert.deepEqual(injected, serialization)
      yield* proxy.arm(Fault.dropBeforeCommit)
      const before = yield* converse(url, ["begin; insert into note values (2)", "commit"])
      assert.deepEqual(before, ["ready I", "BEGIN", "INSERT 0 1", "ready T"])
      yield* proxy.arm(Fault.dropAfterCommit)
      const after = yield* converse(url, ["begin; insert into note values (3); commit;"])
      assert.equal(after.includes("COMMIT"), false)
      yield* proxy.arm(Fault.injectError("40001"), { when: ({ statement }) => statement === "commit" })
      const failed = yield* converse(url, ["begin; insert into note values (4)", "commit", "select 1"])
      assert.deepEqual(failed.slice(3), ["ready T", "40001", "ready I", "SELECT 1", "ready I"])
      assert.equal(yield* proxy.fired, 4)
      assert.deepEqual(yield* ids, [3])
    })
  )
})
