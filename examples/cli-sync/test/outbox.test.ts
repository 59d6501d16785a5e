// Goal: an operator sees what consumers are owed, what fails and what is dead, mends it, and gets it delivered once; and a
// wrong call writes nothing.
// Method: the commands as processes, on a PostgreSQL that a small application of two consumers has filled: one fails until
// a delivery is dead, and holds up another key; one is paused. Guarantees: L25, L30, C06, C12, C13, C20.
import { Consumer } from "@tidemark/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, beforeEach, describe, it, onTestFinished } from "vitest"
import * as Command from "./support/command.ts"
import * as Invoices from "./support/invoices.ts"
import * as Server from "./support/server.ts"

let server: Server.Server
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.close())

const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

interface Stage {
  readonly database: Server.Database
  readonly application: ReturnType<typeof Invoices.over>
  readonly outbox: (...args: ReadonlyArray<string>) => Promise<Command.Ended>
  /** The transaction that wrote each row of what an operator can change. */
  readonly written: () => Promise<unknown>
}

const tables = ["consumer", "delivery", "receipt", "dead_letter"]

const make = async (): Promise<Stage> => {
  const database = await server.database()
  return {
    database,
    application: Invoices.over(database.url),
    outbox: (...args) => Command.run("outbox", ...args, `--database-url=${database.url}`),
    written: () =>
      database.run(
        tables
          .map((table) => `select '${table}' as name, ctid::text, xmin::text from tidemark.${table}`)
          .join(" union all ")
      )
  }
}

/** One letter is given up, one is tried again in an hour with another behind it, one is sent; the books are paused. */
const filled = async (): Promise<Stage> => {
  const stage = await make()
  const { application, outbox } = stage
  Invoices.target.answer = (invoice) =>
    invoice === "a"
      ? Effect.fail(new Error("no such address \u001b[2J"))
      : invoice === "b"
        ? Effect.fail(new Consumer.RetryAfter({ after: Duration.hours(1), message: "come back later" }))
        : Effect.void
  await application.start()
  assert.equal((await outbox("pause", "books")).code, 0)
  await application.pay(["a", 1], ["b", 1], ["b", 2], ["c", 1])
  await application.drain()
  return stage
}

beforeEach(() => {
  Invoices.target.letters = []
  Invoices.target.answer = () => Effect.void
})

describe("an operator", () => {
  it("sees what every consumer is owed, what fails, what is dead, and who paused what", async () => {
    const { outbox } = await filled()
    const stats = await outbox("stats", "--json")
    assert.deepEqual([stats.code, stats.err], [0, ""])
    const [books, letters, all, ...others] = stats.lines
    assert.deepEqual(others, [])
    const none = { leased: 0, retrying: 0, behind: 0, failingKeys: 0, dead: 0, more: false }
    assert.ok(books!["lagSeconds"] > 0 && books!["lagSeconds"] < 600)
    const { lagSeconds } = books!
    assert.deepEqual(books, { consumer: "books", state: "Paused", ...none, waiting: 4, due: 3, behind: 1, lagSeconds })
    const held = { waiting: 2, due: 0, retrying: 1, behind: 1, failingKeys: 1, dead: 1, lagSeconds: 0 }
    assert.deepEqual(letters, { consumer: "letters", state: "Active", ...none, ...held })
    const sums = { waiting: 6, due: 3, retrying: 1, behind: 2, failingKeys: 1, dead: 1, lagSeconds }
    assert.deepEqual(all, { consumer: null, state: null, ...none, ...sums })
    assert.match(
      (await outbox("stats")).out,
      /^CONSUMER +STATE +WAITING +DUE .*\nbooks +Paused +4 +3 .*\nletters +Active +2 .*\nall +6 .*\n.*dead --failing.*\n.*redrive/
    )

    const [kept, ...rest] = (await outbox("consumers", "--json")).lines
    assert.equal(rest.length, 1)
    const { changedAt, changedBy, registeredAt, ...known } = kept!
    const start = { start: "Beginning", types: ["invoice_paid"] }
    assert.deepEqual(known, { consumer: "books", state: "Paused", ...start, owed: 4, owedMore: false })
    assert.equal(changedBy, `${os.userInfo().username}@${os.hostname()}`)
    assert.ok(changedAt >= registeredAt && changedAt.endsWith("Z"))
    assert.match(
      (await outbox("consumers")).out,
      new RegExp(`^books +Paused +4 +${time} +${time} +\\S+@\\S+ +invoice`, "m")
    )

    const [letter, ...letters2] = (await outbox("dead", "--json")).lines
    assert.deepEqual(letters2, [])
    assert.match(letter!["id"], new RegExp(`^${uuid}$`))
    assert.deepEqual(
      [letter!["consumer"], letter!["type"], letter!["key"], letter!["attempts"], letter!["error"]],
      ["letters", "invoice_paid", "a", 3, "Error: no such address \u001b[2J"]
    )
    assert.match((await outbox("dead")).out, /invoice a +1 +3 .*no such address \\u\{1b\}\[2J/)
    const whole = await outbox("dead", "--id", letter!["id"])
    assert.match(whole.out, /"cents": 1/)
    assert.ok(!whole.out.includes("\u001b"))

    const [failing, ...more] = (await outbox("dead", "--failing", "--json")).lines
    assert.deepEqual(more, [])
    assert.match(failing!["id"], /^letters\/\d+$/)
    assert.deepEqual(
      [failing!["key"], failing!["revision"], failing!["attempts"], failing!["error"], failing!["leased"]],
      ["b", 1, 1, "RetryAfter: come back later", false]
    )
    assert.ok(Date.parse(failing!["nextAt"]) > Date.now() + 3_000_000)
    assert.match(
      (await outbox("dead", "--failing")).out,
      new RegExp(`^letters/\\d+ +letters .*${time} +RetryAfter`, "m")
    )
  }, 120_000)

  it("L30 mends the cause, redrives twice, and each letter is sent once", async () => {
    const { application, database, outbox } = await filled()
    Invoices.target.answer = () => Effect.void
    const by = "--by=ann"
    const first = await outbox("redrive", "--type", "invoice_paid", "--json", by)
    assert.deepEqual([first.code, first.lines[0]!["redriven"], first.lines[0]!["by"]], [0, 1, "ann"])
    const again = await outbox("redrive", "--all", "--json", by)
    assert.deepEqual([again.code, again.lines[0]!["redriven"], again.lines[0]!["more"]], [0, 0, false])
    await application.drain()
    assert.deepEqual(Invoices.target.letters, ["c 1", "a 1"])
    assert.deepEqual((await outbox("dead", "--json")).lines, [])
    const settled = await database.run("select settled_by from tidemark.receipt where settled_by is not null")
    assert.deepEqual(settled, [{ settled_by: "ann" }])
  }, 120_000)

  it("redrives by id, as often as it dies, and is told that an id is no longer one", async () => {
    const { application, outbox } = await filled()
    const id = (await outbox("dead", "--json")).lines[0]!["id"]
    assert.match((await outbox("redrive", "--id", id, "--by", "ann")).out, /^1 dead letter is delivered again, by ann/)
    const again = await outbox("redrive", "--id", id)
    assert.deepEqual([again.code, again.out], [2, ""])
    assert.match(again.err, /There is no dead letter .*redriven or skipped/)
    await application.drain()
    const [other] = (await outbox("dead", "--json")).lines
    assert.notEqual(other!["id"], id)
    const both = await outbox("redrive", "--id", id, "--id", other!["id"], "--json")
    assert.deepEqual([both.code, both.lines[0]!["redriven"], both.lines[0]!["missing"]], [0, 1, 1])
  }, 120_000)

  it("skips what holds up its key, and a dead letter, with who and why", async () => {
    const { application, database, outbox } = await filled()
    const failing = (await outbox("dead", "--failing", "--json")).lines[0]!["id"] as string
    const behind = failing.replace(/\d+$/, (place) => String(Number(place) + 1))
    const refused = await outbox("skip", behind, "--reason", "too early")
    assert.deepEqual([refused.code, refused.out], [2, ""])
    assert.match(refused.err, /waits for no earlier one of its key/)
    const { code, out } = await outbox("skip", failing, "--reason", "sent by hand", "--by", "ann")
    assert.equal(code, 0)
    assert.match(out, new RegExp(`^Skipped the delivery ${failing}, by ann at .*: sent by hand\\..*goes on\\.\n$`))
    Invoices.target.answer = () => Effect.void
    await application.drain()
    assert.deepEqual(Invoices.target.letters, ["c 1", "b 2"])
    const letter = (await outbox("dead", "--json")).lines[0]!["id"]
    const skipped = await outbox("skip", letter, "--reason", "gone", "--by", "ann", "--json")
    const { at, ...line } = skipped.lines[0]!
    assert.deepEqual(line, { id: letter, skipped: "DeadLetter", reason: "gone", by: "ann" })
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 600_000)
    assert.equal((await outbox("skip", letter, "--reason", "gone")).code, 2)
    const receipts = await database.run(
      "select reason, settled_by from tidemark.receipt where reason is not null order by 1"
    )
    assert.deepEqual(receipts, [
      { reason: "gone", settled_by: "ann" },
      { reason: "sent by hand", settled_by: "ann" }
    ])
  }, 120_000)

  it("pauses delivery and never writing, and resumes where it was", async () => {
    const { application, outbox } = await filled()
    const paused = await outbox("pause", "books", "--by", "somebody else", "--json")
    assert.deepEqual([paused.code, paused.lines[0]!["state"]], [0, "Paused"])
    assert.notEqual(paused.lines[0]!["changedBy"], "somebody else")
    await application.pay(["c", 2])
    const waiting = async () => (await outbox("stats", "--json")).lines[0]!["waiting"]
    await application.drain()
    assert.equal(await waiting(), 5)
    const resumed = await outbox("resume", "books", "--by", "ann")
    assert.deepEqual([resumed.code, resumed.err], [0, ""])
    assert.match(resumed.out, new RegExp(`^books is active, by ann at ${time}\\.\n$`))
    await application.drain()
    assert.equal(await waiting(), 0)
  }, 120_000)

  it("renames or retires a consumer that nobody declares, as the start-up check says", async () => {
    const { application, outbox } = await filled()
    const refused = await application.start("post").then(
      () => "",
      (error: Error) => error.message
    )
    assert.match(refused, /nobody declares: letters\..*outbox rename letters NEW.*outbox retire letters.*--give-up/)
    const owed = await outbox("retire", "letters")
    assert.deepEqual([owed.code, owed.out], [2, ""])
    assert.match(owed.err, /^2 deliveries wait for letters.*outbox rename letters NEW.*outbox retire letters --give-up/)
    assert.match((await outbox("rename", "letters", "post", "--by", "ann")).out, /^letters is called post, by ann at /)
    await application.start("post")
    assert.match((await outbox("dead", "--failing")).out, /^post\/\d+ /m)
    const given = await outbox("retire", "post", "--give-up", "--by", "ann", "--json")
    const { changedBy, dropped, owed: left, state } = given.lines[0]!
    assert.deepEqual([given.code, state, dropped, changedBy, left], [0, "Retired", 2, "ann", 1])
    assert.match((await outbox("retire", "post")).out, /^post is retired, by ann at/)
    const stats = (await outbox("stats", "--json")).lines.find(({ consumer }) => consumer === "post")
    assert.deepEqual([stats!["state"], stats!["waiting"], stats!["dead"]], ["Retired", 0, 1])
    assert.equal((await outbox("resume", "post")).code, 2)
  }, 120_000)

  it("reads lists in pieces", async () => {
    const { application, outbox } = await filled()
    Invoices.target.answer = () => Effect.fail(new Error("down"))
    await application.pay(["d", 1], ["e", 1])
    await application.drain()
    const whole = (await outbox("dead", "--json")).lines
    assert.equal(whole.length, 3)
    const piece = await outbox("dead", "--limit", "2")
    const last = /\nolder: the same with --before (\S+)\n$/.exec(piece.out)?.[1]
    assert.equal(last, whole[1]!["id"])
    assert.deepEqual((await outbox("dead", "--json", "--before", last!)).lines, [whole[2]])
    assert.match((await outbox("dead", "--before", whole[2]!["id"])).out, /^Nothing is older\.\n$/)
    const failing = /\nmore: the same with --after (\S+)\n$/.exec(
      (await outbox("dead", "--failing", "--limit", "1")).out
    )
    assert.match((await outbox("dead", "--failing", "--after", failing![1]!)).out, /^Nothing more fails\.\n$/)
    assert.deepEqual((await outbox("dead", "--json", "--consumer", "books")).lines, [])
  }, 120_000)
})

describe("a wrong call", () => {
  let stage: Stage | undefined

  it.each<readonly [string, ReadonlyArray<string>, RegExp]>([
    ["a redrive of nothing", ["redrive"], /Give --type TYPE, or --id ID, or --all/],
    ["a redrive of two selections", ["redrive", "--all", "--type", "x"], /one of them, not several/],
    ["a redrive of what is no dead letter", ["redrive", "--id", "letters/2"], /There is no dead letter letters\/2/],
    ["a consumer that is not there", ["pause", "nobody \u001b[2J"], /There is no consumer nobody \\u\{1b\}\[2J/],
    ["a resumption of nobody", ["resume", "nobody"], /There is no consumer nobody.*outbox consumers/],
    ["a retirement of nobody", ["retire", "nobody", "--give-up"], /There is no consumer nobody/],
    ["a list of nobody's", ["dead", "--consumer", "nobody"], /There is no consumer nobody/],
    ["a name that belongs to another", ["rename", "letters", "books"], /The name books belongs to another consumer/],
    ["a name that is none", ["rename", "letters", "Big Letters"], /Big Letters is no name of a consumer: 1 to 100/],
    ["a skip without a reason", ["skip", "letters/2"], /reason/],
    ["a skip with an empty reason", ["skip", "letters/2", "--reason", " "], /a reason of 1 to 1000 characters/],
    ["a skip of what is not there", ["skip", "letters/999999", "--reason", "x"], /no delivery letters\/999999/],
    ["a skip of what has no id", ["skip", "'; drop table x; --", "--reason", "x"], /no dead letter '; drop/],
    ["a list from an unknown place", ["dead", "--before", "77"], /There is no dead letter 77/],
    ["a list of failures from no delivery", ["dead", "--failing", "--after", "77"], /no delivery 77/],
    ["a list that goes on the other way", ["dead", "--failing", "--before", "77"], /--after, not with --before/],
    ["one dead letter with conditions", ["dead", "--id", "77", "--type", "x"], /give it alone/],
    ["a limit beyond the bound", ["dead", "--limit", "1001"], /1000/],
    ["a command that is none", ["purge"], /purge/]
  ])(
    "%s is told of, with exit code 2, and nothing is written",
    async (_, args, expected) => {
      stage ??= await filled()
      const before = await stage.written()
      const { code, err, out } = await stage.outbox(...args)
      assert.equal(code, 2, err + out)
      assert.match(err + out, expected)
      assert.ok(!(err + out).includes("\u001b[2J"))
      assert.deepEqual(await stage.written(), before)
    },
    60_000
  )

  it("on a database without tables says so", async () => {
    const { database, outbox } = await make()
    for (const args of [["stats"], ["dead"], ["redrive", "--all"], ["pause", "x"], ["skip", "x/1", "--reason", "y"]]) {
      const { code, err, out } = await outbox(...args)
      assert.deepEqual([code, out], [2, ""])
      assert.match(err, /no tables of the engine.*migrate/)
    }
    assert.deepEqual(await database.tables(), [])
  }, 60_000)
})

describe("where the database is", () => {
  it("can be in the configuration file, or a folder", async () => {
    const { application, database } = await make()
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-outbox-"))
    onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
    // A server that root starts runs as another account.
    fs.chmodSync(folder, 0o755)
    await application.start()
    const file = path.join(folder, "tidemark.yaml")
    fs.writeFileSync(file, `database: { url: { file: url } }\n`)
    fs.writeFileSync(path.join(folder, "url"), database.url, { mode: 0o600 })
    const named = await Command.run("outbox", "consumers", "--json", `--config=${file}`)
    assert.deepEqual(
      named.lines.map(({ consumer }) => consumer),
      ["books", "letters"],
      named.err
    )
    const dataDir = `--data-dir=${path.join(folder, "data")}`
    assert.equal((await Command.run("migrate", dataDir)).code, 0)
    assert.match((await Command.run("outbox", "stats", dataDir)).out, /^Nobody gets events here/)
  }, 120_000)
})
