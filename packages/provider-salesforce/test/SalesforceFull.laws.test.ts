/**
 * Everything read again while the live lane runs: values that move no stamp are
 * seen, and nothing newer is overwritten with something older.
 *
 * Method: the engine over memory, and an org in memory whose records count their
 * changes. Some changes move the stamp and some do not. While a page of the full
 * lane is on its way, records change and the live lane commits. The same property
 * must fail for a lane that takes its rows for newer than they are.
 *
 * Guarantees: L10, L49, S26, W63.
 */
import * as Sync from "@tidemark/core/engine/Sync"
import * as Lane from "@tidemark/core/model/Lane"
import { Memory, MemorySink } from "@tidemark/memory"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Canonical from "../src/Canonical.ts"
import * as SalesforceFull from "../src/SalesforceFull.ts"
import * as SalesforceSource from "../src/SalesforceSource.ts"
import * as FakeOrg from "./support/FakeOrg.ts"
import { subscription } from "./support/Reading.ts"

const idOf = (index: number): string => Canonical.id(`00100000000000${"abABc"[index]!}`)!

type Step =
  /** `moves`: an edit, which moves the stamp; otherwise a formula. */
  | { readonly _tag: "Change"; readonly index: number; readonly moves: boolean; readonly wait: number }
  | { readonly _tag: "Live" }
  | { readonly _tag: "Full" }

const change: fc.Arbitrary<Step> = fc.record({
  _tag: fc.constant("Change" as const),
  index: fc.nat(4),
  moves: fc.boolean(),
  wait: fc.integer({ min: 0, max: 20 })
})
const live: fc.Arbitrary<Step> = fc.constant({ _tag: "Live" })
const full: fc.Arbitrary<Step> = fc.constant({ _tag: "Full" })

interface Script {
  readonly steps: ReadonlyArray<Step>
  /** Done while a page of the full lane is on its way. */
  readonly between: ReadonlyArray<Step>
  readonly pageSize: number
}

const scripts: fc.Arbitrary<Script> = fc.record({
  steps: fc.array(fc.oneof({ weight: 3, arbitrary: change }, live, { weight: 2, arbitrary: full }), { maxLength: 14 }),
  between: fc.array(fc.oneof({ weight: 2, arbitrary: change }, live), { maxLength: 14 }),
  pageSize: fc.integer({ min: 1, max: 3 })
})

type Full = Effect.Success<ReturnType<typeof SalesforceFull.make>>

/** An org, and the two lanes over one copy of it. */
const stage = Effect.fnUntraced(function* (script: Script, wrong: (full: Full) => Full) {
  const org = FakeOrg.make([0, 1, 2, 3, 4].map((index) => ({ id: idOf(index), stamp: 0, visible: 0, name: "0" })))
  org.now = 100
  let count = 0
  const source = yield* SalesforceSource.make({ client: org.client, object: "Account" })
  const made = wrong(
    yield* SalesforceFull.make({ client: org.client, source, every: "1 second", pageSize: script.pageSize })
  )
  const sink = yield* MemorySink.make<Canonical.Record>({ label: "accounts" })
  const settle = Duration.seconds(30)
  const common = { subscription, schema: source.schema, sink, settle, batchSize: 2 }
  const runLive = Sync.run(Sync.make({ ...common, source }), { lane: Lane.live(subscription) })
  const pending = script.between.toReversed()
  const take = Effect.fnUntraced(function* (step: Step) {
    if (step._tag === "Live") return yield* Effect.asVoid(runLive)
    if (step._tag === "Full") return yield* Effect.asVoid(runFull)
    org.now += step.wait
    const before = org.versions.findLast(({ id }) => id === idOf(step.index))!
    const stamp = step.moves ? Math.max(org.now, before.stamp + 1) : before.stamp
    org.now = Math.max(org.now, stamp)
    org.versions.push({ ...before, stamp, visible: org.now, name: String(++count) })
  })
  const services = yield* Effect.context<Memory.Services>()
  const interrupted: Full = {
    ...made,
    read: (asked) =>
      Stream.tap(made.read(asked), () => {
        const steps = pending.splice(-2)
        return Effect.forEach(steps, take, { discard: true }).pipe(Effect.provideContext(services), Effect.orDie)
      })
  }
  const runFull = Sync.run(Sync.make({ ...common, source: interrupted }), { lane: SalesforceFull.lane(subscription) })
  return { org, take, runLive, runFull, pending }
})

const holds = (wrong: (full: Full) => Full = (full) => full) =>
  fc.asyncProperty(scripts, (script) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const { org, pending, runFull, runLive, take } = yield* stage(script, wrong)
        for (const step of script.steps) yield* take(step)
        pending.length = 0
        for (let round = 0; round < 2; round++) {
          org.now += 100
          yield* runLive
          yield* runFull
        }
        const applied = new Map<string, number>()
        for (const { externalId, outcome } of yield* Memory.items(subscription)) {
          if (outcome._tag !== "Applied") continue
          const patch = outcome.patch as { readonly Name?: { readonly after: string } }
          const [before, after] = [applied.get(externalId) ?? -1, Number(patch.Name?.after ?? -1)]
          assert.ok(after > before || patch.Name === undefined, `${externalId} went from ${before} to ${after}`)
          applied.set(externalId, Math.max(before, after))
        }
        const rows = yield* Memory.rows<Canonical.Record>(subscription)
        assert.deepEqual(
          new Map([...rows].map(([id, row]) => [id as string, row.record["Name"]] as const)),
          new Map(FakeOrg.visible(org).map(({ id, name }) => [id, name] as const))
        )
        const items = (yield* Memory.items(subscription)).length
        org.now += 100
        yield* runLive
        yield* runFull
        const again = (yield* Memory.items(subscription)).length
        assert.equal(again, items, "a reading of what is there already caused something")
      }).pipe(Effect.provide(Memory.layer()))
    )
  )

const later =
  (millis: number) =>
  (full: Full): Full => ({
    ...full,
    read: (asked) =>
      Stream.map(full.read(asked), (page) => ({
        ...page,
        observations: page.observations.map((one) =>
          one._tag === "Upsert"
            ? { ...one, version: { ...one.version, observedAt: one.version.observedAt + millis } }
            : one
        )
      }))
  })

describe("everything read again, while the live lane runs", () => {
  it("shows what moved no stamp, overwrites nothing newer, and comes to rest", () =>
    fc.assert(holds(), { numRuns: 200 }))

  it("would overwrite what is newer, if its rows bore a later time than that of their query", async () => {
    const { failed } = await fc.check(holds(later(60_000)), { numRuns: 200 })
    assert.ok(failed, "rows that bear a later time were not caught")
  })

  it("would miss what moved no stamp, if its rows bore an earlier time", async () => {
    const { failed } = await fc.check(holds(later(-1_000_000)), { numRuns: 200 })
    assert.ok(failed, "rows that bear an earlier time were not caught")
  })
})
