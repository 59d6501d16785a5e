// Goal: whatever an org goes through, and whatever the way to it, its copy is the org once all is calm.
// Method: simulated orgs whose records change between and beside runs, late commits and merges included, beneath random
// faults; runs are killed at random requests and steps, and sometimes half a month passes between two. What is left is
// judged from outside: records, one chain of patches each, one event for each revision, cursors that never go back. Waits
// of the client pass at once.
// `SEED` begins elsewhere, `RUNS` sets how many seeds, `TELL` prints what they met; a failing one says how to repeat it.
// Guarantees: L01, L02, L07, L13, L49.
import { Faults, type Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { afterAll, beforeAll, describe, it } from "vitest"
import * as Server from "./support/server.ts"
import * as Simulation from "./support/simulation.ts"
import * as Stores from "./support/stores.ts"

const { RUNS, SEED = "1", TELL } = process.env
const seeds = Array.from({ length: Number(RUNS ?? 100) }, (_, index) => Number(SEED) + index)

/** One seed of so many is played in PostgreSQL too. */
const share = 10

/** Seeds that are enough to meet every fault. */
const enough = 100

let server: Server.Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.close())

const total: Record<string, number> = {}

const play = async (seed: number, make: (org: Simulator.Simulator) => Effect.Effect<Simulation.Store>) => {
  const report = await Effect.runPromise(Effect.scoped(Simulation.play(seed, make))).catch((error: unknown) => {
    throw new Error(`SEED=${seed} RUNS=1 npx vitest run test/faultSimulation.test.ts`, { cause: error })
  })
  const { failed, fired, killed, records, revisions, runs } = report
  const sums = { runs, failed, killed, records, revisions, ...fired }
  for (const [name, count] of Object.entries(sums)) total[name] = (total[name] ?? 0) + count
}

describe("a copy of an org in bad weather", () => {
  it.each(seeds)("L01 L07 L13 L49 is the org once all is calm, in memory (seed %i)", (seed) =>
    play(seed, Stores.memory)
  )

  it.skipIf(seeds.length < enough)("met every fault, and runs that failed and were killed", () => {
    const missing = [...Faults.kinds, "failed", "killed"].filter((name) => (total[name] ?? 0) === 0)
    if (TELL !== undefined) console.log(total)
    assert.deepEqual(missing, [])
  })

  it.each(seeds.slice(0, Math.ceil(seeds.length / share)))(
    "L01 L07 L13 L49 is the org once all is calm, in PostgreSQL (seed %i)",
    async (seed) => {
      const database = await server.database()
      await play(seed, Stores.postgres(database))
    }
  )
})
