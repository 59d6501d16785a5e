// Goal: a command is safe to stop, and to read as far as one likes.
// Method: real processes, real signals, pipes that are closed before anything is written; a PostgreSQL and an org on
// loopback. Guarantees: C01, C02, C03.
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest"
import * as Command from "./support/command.ts"
import * as Org from "./support/org.ts"
import * as Server from "./support/server.ts"

let org: Org.Org
let server: Server.Server
let database: Server.Database

/** Three pages. */
const count = 4500

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
})

const sync = (...flags: ReadonlyArray<string>) => [
  "sync",
  `--url=${org.url}`,
  "--token=good",
  "--objects=Account",
  `--database-url=${database.url}`,
  ...flags
]
const look = (...args: ReadonlyArray<string>) => [...args, `--database-url=${database.url}`]

describe("a signal", () => {
  it.each(["SIGINT", "SIGTERM"] as const)(
    "%s ends a sync between batches: told, counted, and gone on from",
    async (signal) => {
      org.fault = "silence"
      const { child, ended, told } = Command.start(sync("--progress", "--json"))
      await told(/Account +\d[\d,]* of about 4,500 records/)
      child.kill(signal)
      const { code, err, lines } = await ended
      assert.deepEqual([code, lines], [130, []], err)
      assert.match(err, /Ending once the batch under way/)
      assert.ok(!/\bat .*:\d+:\d+/.test(err), err)
      const [run] = (await Command.run(...look("runs", "--json"))).lines
      assert.deepEqual([run?.["status"], run?.["closedAt"] !== null], ["Interrupted", true])
      assert.equal(await database.count("public.salesforce_account"), run?.["created"])
      assert.ok(run?.["created"] < count)
      org.fault = undefined
      const after = await Command.run(...sync("--json"))
      assert.equal(after.code, 0, after.err)
      assert.equal(after.lines[0]?.["created"], count - run?.["created"], "nothing is lost, and nothing happens twice")
    }
  )

  const stubborn = path.join(import.meta.dirname, "support/stubborn.ts")

  it("a second one ends at once what the first could not end", async () => {
    const { child, ended, told } = Command.startFile(stubborn, ["100000000"])
    await told(/ready/)
    child.kill("SIGINT")
    await told(/Again: end at once/)
    child.kill("SIGTERM")
    assert.equal((await ended).code, 130)
  })

  it("what does not end is not waited for longer than it is given", async () => {
    const { child, ended, told } = Command.startFile(stubborn, ["50"])
    await told(/ready/)
    child.kill("SIGTERM")
    assert.equal((await ended).code, 130)
  })
})

describe("a reader", () => {
  /** Started with a stdout that nobody reads any more. */
  const unread = (args: ReadonlyArray<string>) => {
    const started = Command.start(args)
    started.child.stdout?.destroy()
    return started
  }

  it("that goes away ends what only tells, in silence", async () => {
    await Command.run(...look("migrate"))
    for (const args of [look("runs"), look("status", "--json"), ["--help"]]) {
      assert.deepEqual(await unread(args).ended, { code: 0, out: "", err: "", lines: [] }, args.join(" "))
    }
  })

  it("that goes away ends no sync: it is done, says that its results were lost, and how it ended", async () => {
    const started = unread(sync("--json", "--progress"))
    const { code, err } = await started.ended
    assert.equal(code, 0, err)
    assert.match(err, /Nobody reads the results any more\. The command goes on; its exit code tells how it ended\./)
    assert.ok(!/\bat .*:\d+:\d+/.test(err), err)
    assert.equal(await database.count("public.salesforce_account"), count)
  })

  it("of the progress that goes away changes nothing", async () => {
    const started = Command.start(sync("--json", "--progress"))
    started.child.stderr?.destroy()
    const { code, lines } = await started.ended
    assert.deepEqual([code, lines[0]?.["created"]], [0, count])
  })

  it.skipIf(!fs.existsSync("/dev/full"))("that has no room is told of, and no success", async () => {
    await Command.run(...look("migrate"))
    const full = fs.openSync("/dev/full", "w")
    const { code, err } = await Command.start(look("status"), full).ended
    fs.closeSync(full)
    assert.equal(code, 1)
    assert.match(err, /could not be written: .*ENOSPC/)
  })
})
