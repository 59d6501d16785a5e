// Goal: the relay of the example keeps its projection in step with what was synced, each event counted once.
// Method: relay and sync as processes, a simulated org, a real PostgreSQL. Guarantees: L25, L26, L27.
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import assert from "node:assert/strict"
import * as path from "node:path"
import { afterAll, beforeAll, describe, it } from "vitest"
import * as Command from "./support/command.ts"
import * as Server from "./support/server.ts"

const scope = Scope.makeUnsafe()
let org: Simulator.Simulator
let server: Server.Server
let database: Server.Database

beforeAll(async () => {
  org = await Effect.runPromise(Scope.provide(Simulator.make({ seed: 3, accounts: 30, contacts: 20 }), scope))
  server = await Server.start()
  database = await server.database()
})
afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await server.close()
})

const src = path.join(import.meta.dirname, "../src")
const objects = "--objects=Account,Contact"

const relay = (...flags: ReadonlyArray<string>) => Command.startFile(path.join(src, "relay.ts"), flags)

const sync = async () => {
  const reached = [`--url=${org.url}`, `--token=${org.token}`, `--database-url=${database.url}`]
  const args = ["sync", "--source=salesforce", ...reached, objects, "--settle=1s"]
  const { code, err } = await Command.startFile(path.join(src, "main.ts"), args).ended
  assert.equal(code, 0, err)
}

/** Records that are there, by object: as the tables say, and as the projection does. */
const present = async () => {
  const [found] = await database.run(`select
    (select count(*) from public.salesforce_account where deleted_at is null)::int as accounts,
    (select count(*) from public.projection_record where entity = 'account' and status <> 'deleted')::int as kept_accounts,
    (select count(*) from public.salesforce_contact where deleted_at is null)::int as contacts,
    (select count(*) from public.projection_record where entity = 'contact' and status <> 'deleted')::int as kept_contacts,
    (select count(*) from tidemark.event)::int as events, (select count(*) from public.projection_handled)::int as handled,
    (select count(distinct event) from public.projection_handled)::int as distinct,
    (select sum(events) from public.projection_record)::int as counted,
    (select count(*) from tidemark.delivery)::int as owed`)
  return found as Record<string, number>
}

const requireStep = async () => {
  const { accounts, contacts, events, ...found } = await present()
  const all = { kept_accounts: accounts, kept_contacts: contacts, handled: events, distinct: events, counted: events }
  assert.deepEqual(found, { ...all, owed: 0 })
  return { accounts, contacts, events }
}

const change = async (seed: number) => {
  await Effect.runPromise(org.control.mutate({ random: { count: 20, seed } }))
  await Effect.runPromise(org.control.advance(600_000))
}

describe("the relay", () => {
  it("L25 L26 drains what was synced before it came, once", async () => {
    await sync()
    const flags = [`--database-url=${database.url}`, objects, "--drain"]
    const first = await relay(...flags).ended
    assert.deepEqual([first.code, first.out, first.err], [0, "", ""])
    assert.deepEqual(await requireStep(), { accounts: 30, contacts: 20, events: 50 })
    assert.equal((await relay(...flags).ended).code, 0)
    assert.equal((await requireStep()).events, 50)
  })

  it("L27 hands on what is synced while it runs, and ends when it is told to", async () => {
    const running = relay(`--database-url=${database.url}`, objects, "--lease=5s")
    for (const seed of [1, 2]) {
      await change(seed)
      await sync()
    }
    while ((await database.count("tidemark.delivery")) > 0);
    running.child.kill("SIGTERM")
    assert.equal((await running.ended).code, 130)
    assert.ok(Number((await requireStep()).events) > 50)
    const wrong = await database.run(`select 1 from (select revision, lag(revision) over
      (partition by consumer, entity, external_id order by seq) as before from public.projection_handled) h
      where before >= revision`)
    assert.deepEqual(wrong, [])
  })

  it("names what is wrong with a call, with exit code 2", async () => {
    const named = await relay(`--database-url=${database.url}`, "--objects=,").ended
    assert.deepEqual([named.code, /objects/.test(named.err)], [2, true])
    const lease = await relay(`--database-url=${database.url}`, objects, "--lease=soon").ended
    assert.deepEqual([lease.code, /duration such as/.test(lease.err)], [2, true])
    const unreachable = await relay("--database-url=postgres://nobody@127.0.0.1:9/none", objects).ended
    assert.deepEqual([unreachable.code, unreachable.err === ""], [1, false])
  })
})
