// Goal: an operator sees what was refused and why, mends it and gets it in, with nothing but the database's address until
// something is to be read again; and a wrong call writes nothing.
// Method: the commands as processes, against a simulated org and a real PostgreSQL whose constraint refuses what changed.
// Guarantees: C04, C12, C13, C20.
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, describe, it, onTestFinished } from "vitest"
import * as Command from "./support/command.ts"
import * as Server from "./support/server.ts"

const scope = Scope.makeUnsafe()
let org: Simulator.Simulator
let server: Server.Server
let database: Server.Database

beforeAll(async () => {
  org = await Effect.runPromise(
    Scope.provide(Simulator.make({ seed: 3, accounts: 40, contacts: 10, opportunities: 1 }), scope)
  )
  server = await Server.start()
  database = await server.database()
})
afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await server.close()
})

const look = (...args: ReadonlyArray<string>) => Command.run(...args, `--database-url=${database.url}`)
const reach = (...args: ReadonlyArray<string>) =>
  look(...args, `--url=${org.url}`, `--token=${org.token}`, "--objects=Account,Contact")

const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`

describe("a database", () => {
  it.each([
    ["where nothing was made yet", () => ["status"], /no tables of the engine.*migrate/],
    ["that does not answer", () => ["runs", "--database-url=postgres://no@127.0.0.1:9/none"], /cannot be reached.*9/],
    ["that knows nothing to redrive", () => ["quarantine", "redrive", "--all"], /no tables of the engine/]
  ])("%s is told of in a sentence, and nothing is written", async (_, args, expected) => {
    const given = args()
    const { code, err, out } = await (given.length > 1 && given[1]!.startsWith("--")
      ? Command.run(...given)
      : look(...given))
    assert.deepEqual([code, out, err.trimEnd().split("\n").length], [2, "", 1], err)
    assert.match(err, expected)
    assert.deepEqual(await database.tables(), [])
  })

  it("that was never made is not made to look into it", async () => {
    const parent = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-none-"))
    onTestFinished(() => fs.rmSync(parent, { recursive: true, force: true }))
    const dataDir = path.join(parent, "data")
    const status = await Command.run("status", `--data-dir=${dataDir}`)
    assert.equal(status.code, 2)
    assert.match(status.err, /nothing was ever synced/)
    const { code, lines } = await Command.run("migrate", "--dry-run", "--json", `--data-dir=${dataDir}`)
    assert.deepEqual([code, lines[0]?.["from"], lines[0]?.["status"]], [0, 0, "Pending"])
    assert.ok(!fs.existsSync(dataDir))
  })

  it("is brought up to date by migrate, once", async () => {
    assert.match(
      (await look("migrate", "--dry-run")).out,
      /^Would bring .* from no tables to version \d+[^]*create table/
    )
    assert.deepEqual(await database.tables(), [])
    assert.match(
      (await look("migrate")).out,
      /^Brought the engine's tables from no tables to version \d+:\n {2}1 first tables/
    )
    assert.match((await look("migrate")).out, /up to date.*nothing to do/)
    assert.equal(
      (await look("status")).out,
      "Nothing was ever synced into this database. sync brings the first records.\n"
    )
  })
})

describe("an operator", () => {
  it("finds what was refused, mends it, and gets it in, once", async () => {
    assert.equal((await reach("sync")).code, 0)
    assert.equal((await look("status")).code, 0)

    await database.run("alter table public.salesforce_account add constraint mistaken check (false) not valid")
    const [first, second] = Object.keys((await Effect.runPromise(org.control.state)).entities["Account"]!)
    const rename = (id: string | undefined) =>
      ({ op: "update", entity: "Account", id: id!, fields: { Name: "Mended \u001b[2J" } }) as const
    await Effect.runPromise(org.control.mutate({ ops: [rename(first), rename(second)] }))
    await Effect.runPromise(org.control.advance(600_000))
    assert.equal((await reach("sync")).code, 3)

    const status = await look("status")
    assert.equal(status.code, 3)
    assert.match(status.out, new RegExp(`^Account  live     Free   Partial    ${time} +2 +0 +2  \\{"at"`, "m"))
    assert.match(status.out, new RegExp(`^ +deletes  Free   Succeeded  ${time} .*\\{"until"`, "m"))
    assert.match(status.out, /^Account: 2 records wait in quarantine\. quarantine list --object Account tells why/m)

    const listed = (await look("quarantine", "list", "--json", "--object", "account")).lines
    assert.deepEqual(
      listed.map((one) => [one["object"], one["status"], one["code"], one["attempts"]]),
      [1, 2].map(() => ["Account", "Open", "23514", 1])
    )
    assert.deepEqual(listed.map((one) => one["externalId"]).toSorted(), [first, second].toSorted())
    const [{ id, run } = { id: "", run: "" }, other] = listed
    const pieces = await look("quarantine", "list", "--json", "--limit", "1", "--before", id)
    assert.deepEqual(pieces.lines, [other])

    const shown = (await look("quarantine", "show", id)).out
    assert.match(shown, /A check of the table does not hold\..*quarantine redrive/)
    assert.match(shown, /"Name": "Mended \\u001b\[2J"/)
    const items = (await look("runs", "show", run)).out
    assert.match(items, /refused: .*mistaken.* \(23514\)/)
    assert.match(
      (await look("runs", "--object", "Account", "--limit", "1")).out,
      new RegExp(`\nolder: runs --before ${uuid} --object Account\n$`)
    )

    const again = await reach("quarantine", "redrive", "--code", "23514", "--json")
    assert.deepEqual(
      [again.code, ...again.lines.map((one) => [one["object"], one["tried"], one["applied"], one["refused"]])],
      [3, ["Account", 2, 0, 2], ["Contact", 0, 0, 0]]
    )
    await database.run("alter table public.salesforce_account drop constraint mistaken")
    const dry = await reach("quarantine", "redrive", id, "--dry-run")
    assert.match(dry.out, /^~ Account \w+ {2}would be updated, revision 2\n.*\n.*1 tried: 1 applied/m)
    assert.match(dry.out, /Nothing was written\.\n$/)
    assert.equal((await look("status")).code, 3)
    const one = await reach("quarantine", "redrive", id)
    assert.equal(one.code, 0, one.err)
    assert.match(one.out, /^Account +Succeeded +1 tried: 1 applied, 0 refused again, 0 no longer needed/)
    const rest = await reach("quarantine", "redrive", "--all", "--object", "Account", "--json")
    assert.deepEqual([rest.code, rest.lines[0]?.["tried"], rest.lines[0]?.["applied"]], [0, 1, 1])
    const twice = await reach("quarantine", "redrive", id, "--json")
    assert.deepEqual([twice.code, twice.lines[0]?.["tried"], twice.lines[0]?.["unneeded"]], [0, 0, 1])
    assert.equal((await look("status")).code, 0)
    const names = await database.run("select name from public.salesforce_account where name like 'Mended %'")
    assert.equal(names.length, 2)
  }, 300_000)

  it.each([
    [["runs", "show", "00000000-0000-0000-0000-000000000000"], /no run 0000/],
    [["quarantine", "show", "'; drop table tidemark.run; --"], /no refusal '; drop/],
    [["runs", "--object", "Lead"], /Lead was never synced .* There is Account, Contact\./]
  ])("who asks for what is not there (%j) is told so, and nothing is written", async (args, expected) => {
    // The transaction that wrote each row: autovacuum takes numbers too, but changes none of these.
    const written = () =>
      database.run(`select 'run', id::text, xmin::text from tidemark.run union all
        select 'lane', lane, xmin::text from tidemark.lane union all
        select 'quarantine', id::text, xmin::text from tidemark.quarantine order by 1, 2, 3`)
    const before = await written()
    const { code, err, out } = await look(...args)
    assert.deepEqual([code, out], [2, ""], err)
    assert.match(err, expected)
    assert.deepEqual(await written(), before)
  })

  it("is never told the token", async () => {
    const all = [await reach("sync", "--progress"), await reach("quarantine", "redrive", "x")]
    for (const { err, out } of all) assert.ok(!`${out}${err}`.includes(org.token))
  })
})
