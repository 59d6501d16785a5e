// Goal: a server that starts for whoever asks, keeps its data, ends with its owner, and says why when it cannot start.
// Method: real servers; owners that must die are processes of their own; waiting is polling with a bound.
import { it } from "@effect/vitest"
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import assert from "node:assert/strict"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { describe } from "vitest"
import * as Database from "../support/Database.ts"

// -----------------------------------------------------------------------------
// helpers
// -----------------------------------------------------------------------------

type Server = EmbeddedPostgres.EmbeddedPostgres["Service"]

const isRoot = process.getuid?.() === 0
const program = fileURLToPath(new URL("../support/embeddedProgram.ts", import.meta.url))

/** A path that does not exist yet, removed with the scope, with whatever is there then. */
const freshPath = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-test-"))),
    (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
  ),
  (directory) => {
    fs.chmodSync(directory, 0o755)
    return path.join(directory, "data")
  }
)

/** Starts a server in a scope of its own; `stop` closes it. */
const started = Effect.fnUntraced(function* (options: EmbeddedPostgres.Options) {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const server = yield* Scope.provide(EmbeddedPostgres.make(options), scope)
  return { ...server, stop: Scope.close(scope, Exit.void) }
})

const scalar = (url: string, statement: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const sql = yield* Database.client(url)
      const rows = yield* sql.unsafe<Record<string, unknown>>(statement)
      return Object.values(rows[0] ?? {})[0]
    })
  )

const isListening = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = net.connect(port, "127.0.0.1")
    const answer = (isOpen: boolean) => {
      socket.destroy()
      resume(Effect.succeed(isOpen))
    }
    socket.once("connect", () => answer(true))
    socket.once("error", () => answer(false))
    return Effect.sync(() => socket.destroy())
  })

/** Looks again and again, at most for ten seconds. */
const eventually = (what: string, look: Effect.Effect<boolean>) =>
  look.pipe(
    Effect.repeat({ until: (isSo) => isSo, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.die(new Error(`not seen: ${what}`)) })
  )

const Answer = Schema.fromJsonString(Schema.Struct({ url: Schema.String, dataDir: Schema.String, port: Schema.Int }))

/** A process that holds a server; killed with the scope at the latest, which then waits for the server's end. */
const owner = Effect.fnUntraced(function* (
  options: EmbeddedPostgres.Options,
  place: { readonly uid?: number; readonly gid?: number; readonly cwd?: string } = {}
) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [program, JSON.stringify(options)], { ...place, stdio: ["ignore", "pipe", "inherit"] })
    ),
    kill
  )
  const line = yield* Effect.callback<string>((resume) => {
    child.stdout.once("data", (data) => resume(Effect.succeed(String(data))))
    child.once("exit", (code) => resume(Effect.die(new Error(`the owner ended with ${code}`))))
  })
  const server: Server = yield* Schema.decodeEffect(Answer)(line)
  const hold = path.join(server.dataDir, "postmaster.pid")
  const end = Effect.andThen(
    kill(child),
    eventually(
      "the server gone",
      Effect.sync(() => !fs.existsSync(hold))
    )
  )
  yield* Effect.addFinalizer(() => end)
  return { ...server, kill: kill(child) }
})

const kill = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

/** Somebody without privileges who can read this checkout; ourselves where there is nobody else. */
const somebody = (): { readonly uid?: number; readonly gid?: number } => {
  const nobody = { uid: 65_534, gid: 65_534 }
  const canRead = isRoot && spawnSync(process.execPath, ["--check", program], { ...nobody, cwd: "/" }).status === 0
  return canRead ? nobody : {}
}

// -----------------------------------------------------------------------------
// laws
// -----------------------------------------------------------------------------

describe("starting and stopping", () => {
  it.live("a kept directory has its data after a restart, on another port", () =>
    Effect.gen(function* () {
      const dataDir = yield* freshPath
      const first = yield* started({ dataDir })
      yield* scalar(first.url, "create table kept as select 42 as answer")
      yield* first.stop
      assert.equal(yield* isListening(first.port), false)
      const second = yield* started({ dataDir })
      assert.equal(yield* scalar(second.url, "select answer from kept"), 42)
      assert.equal(second.dataDir, dataDir)
    })
  )

  it.live("a temporary directory is removed with its server", () =>
    Effect.gen(function* () {
      const server = yield* started({})
      assert.ok(fs.existsSync(server.dataDir))
      yield* server.stop
      assert.equal(fs.existsSync(server.dataDir), false)
    })
  )

  it.live("a kept directory is durable and a temporary one is not, unless one says so", () =>
    Effect.gen(function* () {
      const kept = yield* started({ dataDir: yield* freshPath })
      const temporary = yield* started({ settings: { work_mem: "7MB" } })
      const forced = yield* started({ durable: true })
      assert.equal(yield* scalar(kept.url, "show fsync"), "on")
      assert.equal(yield* scalar(temporary.url, "show fsync"), "off")
      assert.equal(yield* scalar(forced.url, "show fsync"), "on")
      assert.equal(yield* scalar(temporary.url, "show work_mem"), "7MB")
    })
  )

  it.live("the layer provides a server and stops it", () =>
    Effect.gen(function* () {
      const port = yield* Effect.gen(function* () {
        const server = yield* EmbeddedPostgres.EmbeddedPostgres
        assert.equal(yield* scalar(server.url, "select current_user::text"), "postgres")
        return server.port
      }).pipe(Effect.provide(EmbeddedPostgres.layer(), { local: true }))
      assert.equal(yield* isListening(port), false)
    })
  )

  it.live("the server is given no secret of its starter's environment", () =>
    Effect.gen(function* () {
      process.env["TIDEMARK_TEST_SECRET"] = "do-not-pass-on"
      const server = yield* started({})
      delete process.env["TIDEMARK_TEST_SECRET"]
      yield* scalar(server.url, "create table environment (line text)")
      yield* scalar(server.url, "copy environment from program 'env'")
      assert.equal(yield* scalar(server.url, "select count(*)::int from environment where line like '%do-not%'"), 0)
    })
  )
})

describe("whoever starts it", () => {
  it.live("an ordinary user in a directory that cannot be written", () =>
    Effect.gen(function* () {
      const cwd = path.dirname(yield* freshPath)
      fs.chmodSync(cwd, 0o555)
      const server = yield* owner({}, { ...somebody(), cwd })
      assert.equal(yield* scalar(server.url, "select 1"), 1)
    })
  )

  it.live("a directory keeps its owner", () =>
    Effect.gen(function* () {
      const dataDir = yield* freshPath
      const { gid, uid } = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, ...somebody() }
      fs.mkdirSync(dataDir)
      fs.chownSync(dataDir, uid, gid)
      const first = yield* started({ dataDir })
      yield* first.stop
      const owners =
        isRoot && uid === 0 ? [] : fs.readdirSync(dataDir).map((name) => fs.statSync(path.join(dataDir, name)).uid)
      assert.ok(owners.every((each) => each === uid))
    })
  )
})

describe("the end of its owner", () => {
  it.live("a killed owner leaves neither a server nor a temporary directory", () =>
    Effect.gen(function* () {
      const server = yield* owner({})
      assert.equal(yield* isListening(server.port), true)
      yield* server.kill
      yield* eventually(
        "the port closed",
        Effect.map(isListening(server.port), (isOpen) => !isOpen)
      )
      yield* eventually(
        "the directory gone",
        Effect.sync(() => !fs.existsSync(server.dataDir))
      )
    })
  )

  it.live("after a killed owner the same directory starts again, with what was committed", () =>
    Effect.gen(function* () {
      const dataDir = yield* freshPath
      const server = yield* owner({ dataDir })
      yield* scalar(server.url, "create table kept as select 42 as answer")
      yield* server.kill
      const next = yield* started({ dataDir })
      assert.equal(yield* scalar(next.url, "select answer from kept"), 42)
    })
  )

  it.live("a killed server leaves a directory that starts again", () =>
    Effect.gen(function* () {
      const dataDir = yield* freshPath
      const first = yield* started({ dataDir })
      yield* scalar(first.url, "create table kept as select 42 as answer")
      process.kill(Number.parseInt(fs.readFileSync(path.join(dataDir, "postmaster.pid"), "utf8"), 10), "SIGKILL")
      const next = yield* started({ dataDir })
      assert.equal(yield* scalar(next.url, "select answer from kept"), 42)
    })
  )
})

describe("why it does not start", () => {
  it.live("the directory is in use by another process", () =>
    Effect.gen(function* () {
      const dataDir = yield* freshPath
      const server = yield* owner({ dataDir })
      const error = yield* Effect.flip(started({ dataDir, patience: "100 millis" }))
      assert.equal(error.reason, "InUse")
      assert.match(error.message, /process id \d+.*Stop that process/)
      assert.equal(yield* scalar(server.url, "select 1"), 1)
    })
  )

  it.live("of two starts in one fresh directory one wins and the other is told so", () =>
    Effect.gen(function* () {
      const dataDir = yield* freshPath
      const start = Effect.result(started({ dataDir, patience: "100 millis" }))
      const both = yield* Effect.all([start, start], { concurrency: 2 })
      const reasons = both.map((each) => (each._tag === "Success" ? "started" : each.failure.reason))
      assert.deepEqual(reasons.toSorted(), ["InUse", "started"])
    })
  )

  it.live("another process is making the directory", () =>
    Effect.gen(function* () {
      const dataDir = yield* freshPath
      const made = `.initialising-${process.ppid}-0badcafe`
      fs.mkdirSync(path.join(dataDir, made), { recursive: true })
      const error = yield* Effect.flip(started({ dataDir, patience: "100 millis" }))
      assert.equal(error.reason, "InUse")
      assert.deepEqual(fs.readdirSync(dataDir), [made])
    })
  )

  it.live("the directory was made by another major version", () =>
    Effect.gen(function* () {
      const dataDir = yield* freshPath
      fs.mkdirSync(dataDir)
      fs.writeFileSync(path.join(dataDir, "PG_VERSION"), "12\n")
      const error = yield* Effect.flip(started({ dataDir }))
      assert.equal(error.reason, "OtherVersion")
      assert.match(error.message, /made by PostgreSQL 12; this is PostgreSQL \d+/)
    })
  )

  it.live("the directory holds something else, which stays", () =>
    Effect.gen(function* () {
      const dataDir = yield* freshPath
      fs.mkdirSync(dataDir)
      fs.writeFileSync(path.join(dataDir, "letter.txt"), "dear reader")
      const error = yield* Effect.flip(started({ dataDir }))
      assert.equal(error.reason, "NotADataDirectory")
      assert.deepEqual(fs.readdirSync(dataDir), ["letter.txt"])
    })
  )

  it.live("the directory cannot be made or reached", () =>
    Effect.gen(function* () {
      const file = path.dirname(yield* freshPath)
      fs.writeFileSync(path.join(file, "plain"), "")
      const below = yield* Effect.flip(started({ dataDir: path.join(file, "plain", "data") }))
      assert.equal(below.reason, "NotWritable")
      fs.mkdirSync(path.join(file, "closed"))
      fs.chmodSync(path.join(file, "closed"), isRoot ? 0o700 : 0o500)
      const closed = yield* Effect.flip(started({ dataDir: path.join(file, "closed", "data") }))
      assert.equal(closed.reason, "NotWritable")
      assert.match(closed.remedy, /owns and can reach/)
    })
  )

  it.live("the port is taken", () =>
    Effect.gen(function* () {
      const first = yield* started({})
      const error = yield* Effect.flip(started({ port: first.port }))
      assert.equal(error.reason, "PortTaken")
    })
  )

  it.live("a setting that does not exist is named", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(started({ settings: { no_such_setting: "1" } }))
      assert.equal(error.reason, "Failed")
      assert.match(error.message, /no_such_setting/)
    })
  )
})

describe("what an interrupted start leaves", () => {
  it.live("a half-made directory is made again", () =>
    Effect.gen(function* () {
      const dataDir = yield* freshPath
      const ended = spawnSync("/bin/sh", ["-c", "echo $$"]).stdout.toString().trim()
      fs.mkdirSync(path.join(dataDir, `.initialising-${ended}-0badcafe`), { recursive: true })
      fs.mkdirSync(path.join(dataDir, "base"))
      const server = yield* started({ dataDir })
      assert.equal(yield* scalar(server.url, "select 1"), 1)
      assert.deepEqual(
        fs.readdirSync(dataDir).filter((name) => name.startsWith(".")),
        []
      )
    })
  )

  it.live("a process id that now belongs to something else holds nothing", () =>
    Effect.gen(function* () {
      const dataDir = yield* freshPath
      const first = yield* started({ dataDir })
      yield* first.stop
      fs.writeFileSync(path.join(dataDir, "postmaster.pid"), `${process.pid}\n${dataDir}\n`)
      const server = yield* started({ dataDir, patience: "100 millis" })
      assert.equal(yield* scalar(server.url, "select 1"), 1)
    })
  )
})
