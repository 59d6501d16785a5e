// Goal: a plan tells exactly what the sync after it does, and writes nothing.
// Method: both commands as processes, against a simulated org that was changed at random and a real PostgreSQL.
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { afterAll, beforeAll, describe, it } from "vitest"
import * as Server from "./support/server.ts"

const scope = Scope.makeUnsafe()
let org: Simulator.Simulator
let server: Server.Server
let database: Server.Database

beforeAll(async () => {
  const population = { accounts: 600, contacts: 200, opportunities: 100 }
  org = await Effect.runPromise(Scope.provide(Simulator.make({ seed: 7, ...population }), scope))
  server = await Server.start()
  database = await server.database()
})
afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await server.close()
})

const main = path.join(import.meta.dirname, "../src/main.ts")

const command = (name: string, ...flags: ReadonlyArray<string>) =>
  new Promise<ReadonlyArray<Record<string, unknown>>>((resolve, reject) => {
    const reached = [`--url=${org.url}`, `--token=${org.token}`, `--database-url=${database.url}`]
    const args = [main, name, "--source=salesforce", ...reached, "--objects=Account,Contact,Opportunity", ...flags]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    let [out, err] = ["", ""]
    child.stdout.on("data", (data) => (out += data))
    child.stderr.on("data", (data) => (err += data))
    child.once("close", (code) => {
      if (code === 0) resolve(out.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : [])))
      else reject(new Error(`${name} ended with ${code}: ${err}`))
    })
  })

/** The next transaction that writes gets this number. */
const nextTransaction = async () =>
  (await database.run("select pg_snapshot_xmax(pg_current_snapshot())::text as x"))[0]!["x"]

/** What the runs after `since` did, in the words of a plan. */
const done = async (since: string) => {
  const rows = await database.run(`select i.entity, i.external_id, i.operation, i.outcome, i.revision::int as revision,
      i.patch::text as patch from tidemark.item i join tidemark.run r on r.id = i.run
    where r.opened_at > '${since}' order by r.opened_at, i.sequence, i.seq`)
  return rows.map((row) => ({
    object: String(row["entity"]),
    externalId: row["external_id"],
    decision: row["outcome"] === "Applied" ? row["operation"] : row["outcome"],
    revision: row["revision"],
    patch: JSON.parse(String(row["patch"]))
  }))
}

const counts = ["object", "read", "created", "updated", "deleted", "unchanged", "quarantined"]
const countsOf = (lines: ReadonlyArray<Record<string, unknown>>) =>
  lines.filter((line) => "status" in line).map((line) => counts.map((name) => line[name]))

const agree = async () => {
  const before = await nextTransaction()
  const planned = await command("plan", "--json", "--sample=1000000")
  assert.equal(await nextTransaction(), before, "a plan took a transaction number, so it wrote something")
  const since = String((await database.run("select clock_timestamp()::text as now"))[0]!["now"])
  const synced = await command("sync", "--json")
  assert.deepEqual(countsOf(planned), countsOf(synced))
  const entries = planned.filter((line) => "decision" in line)
  assert.deepEqual(
    entries.map((one) => ({ ...one, object: String(one["object"]).toLowerCase() })),
    await done(since)
  )
  return entries
}

describe("plan", () => {
  it("tells what a first sync does, of a database where nothing is yet", async () => {
    assert.deepEqual(await database.tables(), [])
    assert.equal((await agree()).length, 900)
  })

  it("tells what a sync does after 1,000 random changes", async () => {
    await Effect.runPromise(org.control.mutate({ random: { count: 1_000, seed: 11, lateMaxMs: 60_000 } }))
    await Effect.runPromise(org.control.advance(600_000))
    const entries = await agree()
    const decisions = new Set(entries.map((one) => one["decision"]))
    assert.deepEqual([...decisions].toSorted(), ["Created", "Deleted", "Updated"])
  })
})
