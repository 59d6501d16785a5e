// Goal: formulas, which move no stamp, are named by a plan and kept in step by --full-every, and not without it.
// Method: the command as a process, against a simulated org with a formula and a real PostgreSQL.
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
  org = await Effect.runPromise(Scope.provide(Simulator.make({ seed: 3, accounts: 30 }), scope))
  const field = { name: "Score__c", type: "double", calculated: true } as const
  await Effect.runPromise(org.control.mutate({ schema: [{ op: "addField", entity: "Account", field }] }))
  server = await Server.start()
  database = await server.database()
})
afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await server.close()
})

const main = path.join(import.meta.dirname, "../src/main.ts")

const command = (name: string, ...flags: ReadonlyArray<string>) =>
  new Promise<string>((resolve, reject) => {
    const reached = [`--url=${org.url}`, `--token=${org.token}`, `--database-url=${database.url}`]
    const args = [main, name, "--source=salesforce", ...reached, "--objects=Account", ...flags]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    let [out, err] = ["", ""]
    child.stdout.on("data", (data) => (out += data))
    child.stderr.on("data", (data) => (err += data))
    child.once("close", (code) =>
      code === 0 ? resolve(out) : reject(new Error(`${name} ended with ${code}: ${out}${err}`))
    )
  })

const counts = async (...flags: ReadonlyArray<string>) => {
  const { read, updated } = JSON.parse(await command("sync", "--json", ...flags)) as Record<string, number>
  return [read, updated]
}

const calculate = async (score: number) => {
  const { entities } = await Effect.runPromise(org.control.state)
  const [id] = Object.keys(entities["Account"]!)
  const values = { Score__c: score }
  await Effect.runPromise(org.control.advance(3_600_000))
  await Effect.runPromise(org.control.mutate({ schema: [{ op: "calculate", entity: "Account", id: id!, values }] }))
  return async () =>
    (
      await database.run(`select score__c::float as score from public.salesforce_account where score__c is not null`)
    )[0]?.["score"]
}

describe("--full-every", () => {
  it("keeps formulas in step, reads everything once in so long, and nothing in between", async () => {
    const plan = await command("plan", "--sample=0")
    assert.match(plan, /Formulas and roll-ups move no stamp.*or with --full-every: Score__c\n/)
    const json = await command("plan", "--sample=0", "--json", "--full-every=7d")
    assert.match(String(JSON.parse(json)["notes"]), /everything is read again every 7d: Score__c$/)
    assert.deepEqual(await counts("--full-every=7d"), [60, 0])
    const score = await calculate(42)
    assert.deepEqual(await counts("--full-every=7d"), [0, 0])
    assert.equal(await score(), undefined)
    await Effect.runPromise(org.control.advance(7 * 86_400_000))
    assert.deepEqual(await counts("--full-every=7d"), [30, 1])
    assert.equal(await score(), 42)
  })
})
