// Goal: the command does the job, and a wrong call writes nothing and says what to do.
// Method: the command as a process of its own, against a small org on loopback and a real PostgreSQL.
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import assert from "node:assert/strict"
import { afterAll, beforeAll, beforeEach, describe, it, onTestFinished } from "vitest"
import * as Org from "./support/org.ts"
import * as Server from "./support/server.ts"

let org: Org.Org
let server: Server.Server
let database: Server.Database

beforeAll(async () => {
  org = await Org.start(count)
  server = await Server.start()
})
afterAll(async () => {
  await org.close()
  await server.close()
})
beforeEach(async () => {
  database = await server.database()
  org.fault = undefined
  org.id = "00D000000000001"
})

/** Three pages. */
const count = 4500

const main = path.join(import.meta.dirname, "../src/main.ts")

/** The command, with flags that replace the usual ones. */
const sync = (flags: Readonly<Record<string, string>> = {}) => {
  const usual = { source: "salesforce", url: org.url, token: "good", objects: "Account" }
  const where = "data-dir" in flags ? {} : { "database-url": database.url }
  const args = Object.entries({ ...usual, ...where, ...flags }).flatMap(([name, value]) => [`--${name}`, value])
  return new Promise<{ code: number | null; out: string; err: string; lines: ReadonlyArray<Record<string, unknown>> }>(
    (resolve) => {
      const child = spawn(process.execPath, [main, "sync", "--json", ...args], { stdio: ["ignore", "pipe", "pipe"] })
      let [out, err] = ["", ""]
      child.stdout.on("data", (data) => (out += data))
      child.stderr.on("data", (data) => (err += data))
      child.once("close", (code) => {
        const lines = out.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []))
        resolve({ code, out, err, lines })
      })
    }
  )
}

describe("sync", () => {
  it("brings an object in, then only what changed", async () => {
    const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-cli-"))
    onTestFinished(() => fs.rmSync(dataDir, { recursive: true, force: true }))
    const first = await sync({ "data-dir": dataDir })
    assert.equal(first.code, 0, first.err)
    const { cursor, seconds, ...line } = first.lines[0]!
    assert.deepEqual(line, {
      object: "Account",
      status: "Succeeded",
      read: count,
      created: count,
      updated: 0,
      deleted: 0,
      unchanged: 0,
      quarantined: 0
    })
    assert.ok(typeof seconds === "number" && cursor !== null)
    org.rows.push({ ...Org.account(count - 1, Date.now()), Name: "Renamed" })
    const second = await sync({ "data-dir": dataDir })
    assert.deepEqual([second.code, second.lines[0]?.["read"], second.lines[0]?.["updated"]], [0, 1, 1], second.err)
    org.rows.pop()
  })

  it.each([
    ["an unknown object", { objects: "Account,Nothing" }, /Nothing/],
    ["a refused token", { token: "bad" }, /session|token/i],
    ["an address that is none", { url: "not an address" }, /My Domain/],
    ["a server that does not answer", { url: "http://127.0.0.1:9" }, /127\.0\.0\.1:9/],
    ["a database that does not answer", { "database-url": "postgres://nobody@127.0.0.1:9/none" }, /--database-url/],
    ["a database address that is none", { "database-url": "mysql://x" }, /postgres:\/\//],
    ["a duration that is none", { settle: "soon" }, /5m/]
  ])("%s is refused with its remedy, and nothing is written", async (_, flags, expected) => {
    const { code, err, out } = await sync(flags)
    assert.equal(code, 2, err)
    assert.match(err, expected)
    assert.deepEqual(
      out.split("\n").filter((line) => line.startsWith("{")),
      []
    )
    assert.deepEqual(await database.tables(), [])
  })

  it.each([
    ["other columns", "id int", /salesforce_account.*tenant/s],
    ["other types", "name int", /salesforce_account/]
  ])("a table with %s is refused with its remedy, and nothing is written", async (_, columns, expected) => {
    await database.run(`create table public.salesforce_account (${columns})`)
    const { code, err } = await sync()
    assert.equal(code, 2, err)
    assert.match(err, expected)
    assert.deepEqual(await database.tables(), ["public.salesforce_account"])
    assert.equal(await database.count("public.salesforce_account"), 0)
  })

  it("the cursor of another account is not moved", async () => {
    await sync()
    org.id = "00D000000000002"
    const { code, err } = await sync()
    assert.equal(code, 2)
    assert.match(err, /00D000000000001EAA.*00D000000000002EAA/s)
  })

  it.each(["html", "repeat"] as const)("trouble behind a commit (%s) keeps what was committed", async (fault) => {
    org.fault = fault
    const { code, err } = await sync()
    assert.equal(code, 1, err)
    org.fault = undefined
    assert.equal(await database.count("public.salesforce_account"), 2000)
    const after = await sync()
    assert.equal(after.code, 0)
    assert.equal(after.lines[0]?.["created"], count - 2000, "the first page was committed, and nothing after it")
  })
})
