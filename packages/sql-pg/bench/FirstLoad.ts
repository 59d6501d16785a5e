/**
 * How fast the sync command brings an org into an empty database, and where the
 * time goes.
 *
 *     node packages/sql-pg/bench/FirstLoad.ts [--records 20000] [--rounds 3] [--profile FOLDER]
 *
 * Starts a simulated org and a durable server of its own, and runs the example
 * command against them as its users do, in three phases: the first load, a read
 * of everything again with nothing changed, and a run with nothing to read, whose
 * cost is what the command costs before its first record. Prints for each phase
 * records per second, by the command's own clock, and CPU microseconds per record
 * of the command, the server and the org, and for the server the statements that
 * took longest. Only CPU and only ratios mean anything on a shared machine. With
 * `--profile` each run of the command leaves a CPU profile in the folder. Linux
 * only: CPU is read from `/proc`.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Reactivity from "effect/reactivity/Reactivity"
import { type ChildProcess, spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { basename, dirname, join, resolve } from "node:path"
import { parseArgs } from "node:util"

const { values: flags } = parseArgs({
  options: {
    records: { type: "string", default: "20000" },
    rounds: { type: "string", default: "3" },
    profile: { type: "string" }
  }
})
const records = Number(flags.records)
const root = fileURLToPath(new URL("../../..", import.meta.url))

// -----------------------------------------------------------------------------
// CPU
// -----------------------------------------------------------------------------

/** `/proc` counts in hundredths of a second, whatever the kernel's own tick is. */
const microsPerTick = 10_000

/** Fields of `/proc/PID/stat` behind the name, which may hold spaces; `undefined` once the process is gone. */
const statOf = (pid: number | "self"): ReadonlyArray<string> | undefined => {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)!.split(" ")
  } catch {
    return undefined
  }
}

const sum = (stat: ReadonlyArray<string> | undefined, from: number, to: number): number =>
  (stat ?? []).slice(from, to).reduce((total, ticks) => total + Number(ticks), 0) * microsPerTick

/** Of children that ended. */
const endedCpu = (): number => sum(statOf("self"), 13, 15)
const ownCpu = (pid: number): number => sum(statOf(pid), 11, 13)

/** Of a process, its children, and those of its children that ended. */
const treeCpu = (pid: number): number => {
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && statOf(Number(name))?.[1] === String(pid))
    .map((name) => ownCpu(Number(name)))
  return sum(statOf(pid), 11, 15) + children.reduce((a, b) => a + b, 0)
}

// -----------------------------------------------------------------------------
// processes
// -----------------------------------------------------------------------------

const node = (args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] })

const firstLine = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ""
    child.stdout!.setEncoding("utf8").on("data", (more: string) => {
      text += more
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")))
    })
    child.once("close", (code) => reject(new Error(`${child.spawnargs.join(" ")} ended with ${code}: ${text}`)))
  })

interface Org {
  readonly url: string
  readonly token: string
  readonly apiVersion: string
}

/** One run of the command: its line of output, once it has ended. */
const sync = async (org: Org, databaseUrl: string, profile: string | undefined): Promise<{ seconds: number }> => {
  const child = node([
    ...(profile === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${dirname(profile)}`, `--cpu-prof-name=${basename(profile)}`]),
    "examples/cli-sync/src/main.ts",
    ..."sync --source salesforce --objects Account --json --settle 1s --take-over".split(" "),
    ...Object.entries({
      url: org.url,
      token: org.token,
      "api-version": org.apiVersion,
      "database-url": databaseUrl
    }).map(([name, value]) => `--${name}=${value}`)
  ])
  const ended = new Promise((resolve) => child.once("close", resolve))
  const line = JSON.parse(await firstLine(child)) as { seconds: number }
  await ended
  return line
}

// -----------------------------------------------------------------------------
// phases
// -----------------------------------------------------------------------------

interface Usage {
  readonly seconds: number
  readonly command: number
  readonly server: number
  readonly org: number
}

interface Pids {
  readonly server: number
  readonly org: number
}

const measure = async (pids: Pids, run: () => Promise<{ seconds: number }>): Promise<Usage> => {
  const before = { command: endedCpu(), server: treeCpu(pids.server), org: ownCpu(pids.org) }
  const { seconds } = await run()
  return {
    seconds,
    command: endedCpu() - before.command,
    server: treeCpu(pids.server) - before.server,
    org: ownCpu(pids.org) - before.org
  }
}

/** What starting costs is taken off. */
const print = (phase: string, usage: Usage, idle: Usage): void => {
  const perRecord = (of: "command" | "server" | "org") => ((usage[of] - idle[of]) / records).toFixed(0).padStart(4)
  const rate = Math.round(records / usage.seconds)
  const cpu = `command ${perRecord("command")}  server ${perRecord("server")}  org ${perRecord("org")}`
  console.log(`${phase.padEnd(10)} ${String(rate).padStart(6)} records/s   CPU us/record: ${cpu}`)
}

const printStatements = (sql: PgClient.PgClient) =>
  Effect.gen(function* () {
    const rows = yield* sql<{ micros: number; calls: number; wal: number; query: string }>`
      select (total_exec_time * 1000 / ${String(records)}::float8)::float8 as micros, calls::int as calls,
        (wal_bytes / ${String(records)}::float8)::float8 as wal,
        left(regexp_replace(query, '\\s+', ' ', 'g'), 90) as query
      from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())
        and total_exec_time * 1000 / ${String(records)}::float8 > 0.3
      order by total_exec_time desc limit 12`
    for (const { calls, micros, query, wal } of rows) {
      console.log(
        `  ${micros.toFixed(1).padStart(6)} us/record ${wal.toFixed(0).padStart(5)} B WAL  ${calls} x  ${query}`
      )
    }
    yield* sql`select pg_stat_statements_reset()`
  })

const client = (url: string) =>
  Effect.provide(PgClient.makeClient({ url: Redacted.make(url) }), Reactivity.layer, { local: true })

const round = Effect.fnUntraced(function* (number: number, serverUrl: string, org: Org, pids: Pids) {
  const name = `load_${number}`
  const admin = yield* client(serverUrl)
  yield* admin`create database ${admin(name)} owner tidemark strategy file_copy`
  const url = serverUrl.replace(/\/postgres$/, `/${name}`)
  const sql = yield* client(url)
  yield* sql`create extension pg_stat_statements`
  const run = (phase: string) =>
    Effect.promise(() =>
      measure(pids, () =>
        sync(
          org,
          url.replace("postgres@", "tidemark@"),
          flags.profile === undefined ? undefined : resolve(flags.profile, `${phase}-${number}.cpuprofile`)
        )
      )
    )
  const first = yield* run("first")
  const isLast = number === Number(flags.rounds)
  if (isLast) yield* printStatements(sql)
  const idle = yield* run("idle")
  yield* sql`update tidemark.lane set cursor = null`
  yield* sql`select pg_stat_statements_reset()`
  const again = yield* run("again")
  if (isLast) yield* printStatements(sql)
  print("first load", first, idle)
  print("re-read", again, idle)
  yield* sql`checkpoint`
})

// -----------------------------------------------------------------------------
// main
// -----------------------------------------------------------------------------

const main = Effect.gen(function* () {
  // The memory that a server in production is given; PostgreSQL's own default is 128 MB.
  const memory = { shared_buffers: "512MB", max_wal_size: "4GB" }
  const settings = { ...memory, shared_preload_libraries: "pg_stat_statements" }
  const server = yield* EmbeddedPostgres.make({ durable: true, settings })
  const simulator = yield* Effect.acquireRelease(
    Effect.sync(() => node(["torture/src/main.ts", "simulator", "salesforce", "--accounts", String(records)])),
    (child) => Effect.sync(() => child.stdin!.end())
  )
  const org = JSON.parse(yield* Effect.promise(() => firstLine(simulator))) as Org
  const postmaster = Number(readFileSync(join(server.dataDir, "postmaster.pid"), "latin1").split("\n")[0])
  const admin = yield* client(server.url)
  yield* admin`create role tidemark login`
  for (let number = 1; number <= Number(flags.rounds); number++) {
    yield* Effect.scoped(round(number, server.url, org, { server: postmaster, org: simulator.pid! }))
  }
})

await Effect.runPromise(Effect.scoped(main))
