/** What the parts of the simulator claim for all inputs, against an independent statement of it. */
import * as fc from "fast-check"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as App from "../../src/simulator/App.ts"
import * as Control from "../../src/simulator/Control.ts"
import * as Faults from "../../src/simulator/Faults.ts"
import * as Org from "../../src/simulator/Org.ts"
import type * as Shape from "../../src/simulator/Shape.ts"
import * as Store from "../../src/simulator/Store.ts"
import * as Usage from "../../src/simulator/Usage.ts"
import * as World from "../../src/simulator/World.ts"

const day = 86_400_000
const start = Date.UTC(2026, 4, 1, 8)
const app = Effect.runSync(App.make({}))
const make = (seed: number) => {
  let now = start
  const forward = (ms: number) => {
    now += ms
  }
  const counts = { Account: 12, Contact: 8 }
  const options = { seed, org: 1, counts, start, spreadMs: 60_000, tie: 0 }
  const switches = { shortPages: false, rotation: false, ignoresSeconds: false }
  return Org.make({ ...options, ...switches }, { now: () => now, forward }, app)
}
const mutate = (org: Org.Org, request: Control.MutateRequest) => Result.getOrThrow(Control.mutate(org, request))

describe("Usage", () => {
  it("a call is forgotten when it is a day old, never earlier and at most a minute later", () => {
    const steps = fc.array(fc.tuple(fc.constantFrom(0, 1, 59_999, 60_000, 3_600_000, day - 60_000, day), fc.nat(3)), {
      maxLength: 30
    })
    fc.assert(
      fc.property(steps, fc.nat(59_999), (steps, from) => {
        const usage = Usage.make(undefined)
        const made: Array<readonly [at: number, calls: number]> = []
        let now = start + from
        for (const [ms, calls] of steps) {
          now += ms
          Usage.add(usage, now, calls)
          made.push([now, calls])
          const since = (ms: number) => made.reduce((sum, [at, calls]) => (at > now - ms ? sum + calls : sum), 0)
          const told = Usage.used(usage, now)
          assert.ok(told >= since(day) && told <= since(day + 60_000), `${told}`)
        }
      })
    )
  })
})

describe("Faults", () => {
  it("a fault alone is met by the nth match and one of so many after it, as often as planned", () => {
    const plan = fc.record(
      { nth: fc.integer({ min: 1, max: 5 }), every: fc.integer({ min: 1, max: 5 }), times: fc.nat(5) },
      { requiredKeys: [] }
    )
    fc.assert(
      fc.property(plan, fc.array(fc.boolean(), { maxLength: 40 }), (plan, requests) => {
        const faults = Faults.make([])
        Faults.add(faults, { match: "/query", kind: "500", ...plan })
        const met = requests.map((isMatch) => Faults.meet(faults, isMatch ? "/query?q=" : "/limits") !== undefined)
        const { every = 1, nth = 1, times = plan.every === undefined ? 1 : 1000 } = plan
        const turns = Array.from({ length: times }, (_, turn) => nth + turn * every)
        let matches = 0
        const expected = requests.map((isMatch) => isMatch && turns.includes(++matches))
        assert.deepEqual(met, expected)
        assert.equal(Faults.counts(faults)["500"] ?? 0, expected.filter(Boolean).length)
      })
    )
  })

  it("of several that match everything none loses a turn: one that is due waits for the next request", () => {
    const plans = fc.uniqueArray(
      fc.record({ kind: fc.constantFrom(...Faults.kinds), every: fc.integer({ min: 8, max: 10 }) }),
      { maxLength: 6, selector: ({ kind }) => kind }
    )
    fc.assert(
      fc.property(plans, (plans) => {
        const faults = Faults.make([])
        for (const plan of plans) Faults.add(faults, { match: "", ...plan })
        for (let request = 0; request < 100; request++) Faults.meet(faults, "/")
        for (const { every, kind } of plans) {
          // So many turns came up to six requests before the end.
          const met = Faults.counts(faults)[kind] ?? 0
          assert.ok(met >= Math.ceil(94 / every) && met <= Math.ceil(100 / every), `${kind} ${met}`)
        }
      })
    )
  })
})

describe("Shape", () => {
  const field = fc.constantFrom("A__c", "B__c", "External_Id__c", "Phone")
  const change: fc.Arbitrary<Shape.Change> = fc.oneof(
    fc.record({
      op: fc.constant("addField" as const),
      entity: fc.constant("Account"),
      field: fc.record({ name: field, type: fc.constantFrom("string", "boolean", "double") })
    }),
    fc.record({
      op: fc.constantFrom("removeField", "hideField", "showField"),
      entity: fc.constant("Account"),
      name: field
    })
  )
  const values = (org: Org.Org) => World.state(org.world)["Account"] ?? {}

  it("no customisation moves a stamp, and every record has a value for every field there is and no other", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(fc.tuple(change, fc.boolean()), { maxLength: 12 }), (seed, changes) => {
        const org = make(seed)
        for (const [change, isBusy] of changes) {
          if (isBusy) mutate(org, { random: { count: 5, seed, entity: "Account", lateMaxMs: 3000 } })
          const before = Object.entries(values(org)).map(([id, record]) => [id, record["SystemModstamp"]])
          const lines = Org.drain(org).length
          Control.mutate(org, { schema: [change] })
          assert.deepEqual(
            Object.entries(values(org)).map(([id, record]) => [id, record["SystemModstamp"]]),
            before
          )
          assert.equal(Org.drain(org).length, 0, String(lines))
          Result.getOrThrow(Control.clock(org, { advance: 1000 }))
          const store = World.storeOf(org.world, "Account")
          const names = (store?.entity.fields ?? []).filter(({ type }) => type !== "address").map(({ name }) => name)
          for (const { latest } of store?.list ?? []) {
            assert.deepEqual(Object.keys(latest.values).toSorted(), names.toSorted())
          }
        }
      }),
      {
        numRuns: 60,
        examples: [
          [
            718,
            [
              [{ op: "removeField", entity: "Account", name: "External_Id__c" }, false],
              [{ op: "addField", entity: "Account", field: { name: "External_Id__c", type: "double" } }, true],
              [{ op: "addField", entity: "Account", field: { name: "A__c", type: "string" } }, true]
            ]
          ]
        ]
      }
    )
  })

  it("what is open when fields come and go commits all the same, and is not lost in the recycle bin", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(change, { maxLength: 6 }), (seed, changes) => {
        const [plain, shaped] = [make(seed), make(seed)]
        for (const org of [plain, shaped]) {
          mutate(org, { random: { count: 20, seed, entity: "Contact", lateMaxMs: 3000 } })
          mutate(org, { random: { count: 20, seed, entity: "Account", lateMaxMs: 3000, delete: 1, update: 1 } })
        }
        for (const change of changes) Control.mutate(shaped, { schema: [change] })
        const told = [plain, shaped].map((org) => {
          Result.getOrThrow(Control.clock(org, { advance: 5000 }))
          const list = World.storeOf(org.world, "Account")?.list ?? []
          return {
            visible: list.map(({ visible }) => [visible?.stamp, visible !== undefined && Store.isDeleted(visible)]),
            bin: [...org.world.bin.keys()].map(({ id }) => id),
            open: org.world.open.length,
            stale: list.filter(({ latest, visible }) => visible !== latest).length
          }
        })
        assert.deepEqual(told[1], told[0])
        assert.deepEqual([told[0]?.open, told[0]?.stale], [0, 0])
      }),
      { numRuns: 60 }
    )
  })
})

describe("Merge", () => {
  it("after any merges nothing that can be seen points at a record that went into another", () => {
    const picks = fc.array(fc.tuple(fc.nat(100), fc.array(fc.nat(100), { minLength: 1, maxLength: 2 })), {
      maxLength: 6
    })
    fc.assert(
      fc.property(fc.nat(1000), picks, (seed, picks) => {
        const org = make(seed)
        const gone = new Map<string, string>()
        const all = Object.keys(World.state(org.world)["Account"] ?? {})
        mutate(org, {
          ops: all.map((id, index) => ({
            op: "update",
            entity: "Account",
            id,
            fields: { ParentId: all[(index * 5 + seed) % all.length] }
          }))
        })
        for (const [winner, losers] of picks) {
          const ids = Object.keys(World.state(org.world)["Account"] ?? {})
          const [id = "", ...others] = [winner, ...losers].map((pick) => ids[pick % ids.length] ?? "")
          const merged = Control.mutate(org, { ops: [{ op: "merge", entity: "Account", id, losers: others }] })
          assert.equal(Result.isSuccess(merged), new Set([id, ...others]).size === others.length + 1)
          if (Result.isSuccess(merged)) for (const other of others) gone.set(other, id)
        }
        const { Account = {}, Contact = {} } = World.state(org.world)
        for (const record of [...Object.values(Account), ...Object.values(Contact)]) {
          for (const name of ["ParentId", "AccountId"]) assert.ok(!gone.has(String(record[name])))
        }
        // Those that began as their own parents are left aside.
        const began = new Set(all.filter((id, index) => all[(index * 5 + seed) % all.length] === id))
        for (const [id, { ParentId }] of Object.entries(Account)) assert.ok(ParentId !== id || began.has(id))
        for (const [id, master] of gone) {
          const values = World.storeOf(org.world, "Account")?.holders.get(id)?.visible?.values
          assert.deepEqual([values?.["IsDeleted"], values?.["MasterRecordId"]], [true, master])
        }
      }),
      { numRuns: 60 }
    )
  })
})
