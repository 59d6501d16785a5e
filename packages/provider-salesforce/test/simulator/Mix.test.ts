/** Made-up changes, and the histories they leave. */
import * as fc from "fast-check"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as App from "../../src/simulator/App.ts"
import * as Mix from "../../src/simulator/Mix.ts"
import * as Org from "../../src/simulator/Org.ts"
import * as World from "../../src/simulator/World.ts"

const start = Date.UTC(2026, 4, 1, 8)
const options: Org.Options = {
  seed: 5,
  org: 5,
  counts: { Account: 100, Contact: 20, Opportunity: 20 },
  start,
  spreadMs: 1_000_000,
  tie: 0,
  shortPages: false,
  rotation: false,
  ignoresSeconds: false
}
const app = Effect.runSync(App.make({}))
const org = (now: () => number = () => start) => Org.make(options, { now, forward: () => {} }, app)

describe("Mix", () => {
  it("the same seed makes the same changes", () => {
    const [a, b] = [org(), org()]
    for (const each of [a, b]) Result.getOrThrow(Mix.apply(each, { count: 200, seed: 3, lateMaxMs: 1000 }))
    assert.deepEqual(World.state(a.world), World.state(b.world))
    assert.deepEqual(Org.drain(a), Org.drain(b))
  })

  it("changes are of the kinds asked for, on the object asked for", () => {
    const each = org()
    Result.getOrThrow(Mix.apply(each, { count: 30, seed: 3, entity: "Contact", delete: 1, undelete: 1 }))
    const lines = Org.drain(each).filter(({ file }) => file === "upstream")
    assert.equal(lines.length, 30)
    assert.ok(lines.every(({ line }) => line["entity"] === "Contact"))
    const kinds = new Set(lines.map(({ line }) => line["op"]))
    assert.ok(kinds.has("delete") && kinds.has("undelete") && !kinds.has("create"))
  })

  it("the visible world is what the last visible line of each record says", () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 0, max: 5000 }), (seed, lateMaxMs) => {
        let now = start
        const each = org(() => now)
        const entries = [...World.population(each.world)]
        for (let step = 0; step < 4; step++) {
          Result.getOrThrow(Mix.apply(each, { count: 25, seed: seed + step, lateMaxMs }))
          now += 1700
          Org.tick(each)
        }
        entries.push(...Org.drain(each))
        // Each record's changes become visible in order: as many of its changes as it has visible lines.
        const changes = new Map<string, Array<unknown>>()
        const seen = new Map<string, number>()
        for (const { file, line } of entries) {
          const id = String(line["id"])
          if (file === "upstream") changes.set(id, [...(changes.get(id) ?? []), line["fields"]])
          else seen.set(id, (seen.get(id) ?? 0) + 1)
        }
        const said = [...changes].flatMap(([id, all]) => {
          const last = all[(seen.get(id) ?? 0) - 1] ?? null
          return last === null ? [] : [[id, last] as const]
        })
        const state = Object.values(World.state(each.world)).flatMap((records) => Object.entries(records))
        const canonical = state.map(([id, values]) => {
          const {
            Id: _id,
            IsDeleted: _deleted,
            LastModifiedDate: _modified,
            SystemModstamp: _stamp,
            ...content
          } = values
          return [id, JSON.parse(JSON.stringify(content).replaceAll("+0000", "Z"))]
        })
        assert.deepEqual(new Map(said), new Map(canonical as Array<[string, unknown]>))
      }),
      { numRuns: 20 }
    )
  })
})
