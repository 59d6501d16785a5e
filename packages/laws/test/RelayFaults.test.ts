// Goal: whatever fails between relay, handlers and store, every event has its effect once, in the order of its key.
// Guarantees: L25, L26, L27, L30.
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Consumer from "@tidemark/core/engine/Consumer"
import * as Relay from "@tidemark/core/engine/Relay"
import * as EventRegistry from "@tidemark/core/model/EventRegistry"
import * as EventType from "@tidemark/core/model/EventType"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Law from "@tidemark/laws/Law"
import * as Time from "@tidemark/laws/Time"
import * as Memory from "@tidemark/memory/Memory"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Facts from "./support/facts.ts"
import { settings } from "./support/settings.ts"

const { tenant } = Facts
const payload = Schema.Struct({ number: Schema.Int })
const said = EventType.define({ type: "said", direction: "change", aggregate: "note", payload })

const append = (entity: string, key: string, number: number) =>
  Facts.append({ id: `${entity}/${key}/${number}`, type: entity === "note" ? "said" : "effect", entity, key }, number)

interface Case {
  readonly keys: ReadonlyArray<string>
  /** Attempts of an event that fail, by its place. */
  readonly failing: ReadonlyArray<number>
  /** Points of the store at which the connection is cut, by their number. */
  readonly cuts: ReadonlyArray<number>
  readonly workers: number
  /** Most events of one unit of work. */
  readonly together: number
}

const cases: fc.Arbitrary<Case> = fc.record({
  keys: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 8, size: "max" }),
  failing: fc.array(fc.nat(2), { maxLength: 8, size: "max" }),
  cuts: fc.array(fc.nat(60), { maxLength: 6, size: "max" }),
  workers: fc.integer({ min: 1, max: 3 }),
  together: fc.integer({ min: 1, max: 3 })
})

type Acknowledge = (right: Deliveries.Deliveries["Service"]) => Deliveries.Deliveries["Service"]

/** Plays a case, and compares what is left with what should be. */
const play = (wrong: Acknowledge, { cuts, failing, keys, together, workers }: Case) => {
  const time = Time.make(1_000_000)
  const state = { points: 0, isCut: false }
  const hook = (point: string) =>
    Effect.suspend(() =>
      state.isCut && cuts.includes((state.points += 1))
        ? Effect.fail(new StoreError({ reason: "Unavailable", operation: point, message: "the connection was cut" }))
        : Effect.void
    )
  const effects: Array<string> = []
  const program = Effect.gen(function* () {
    const registry = yield* EventRegistry.make(said)
    const consumer = Consumer.make("notes", {
      on: [said],
      start: "Beginning",
      together,
      transactional: ({ key, payload: { number } }, { attempt }) =>
        Effect.gen(function* () {
          yield* append("effect", key, number * 100 + attempt)
          if (attempt <= (failing[number] ?? 0)) return yield* Effect.fail("not yet")
        })
    })
    // Its extensions are further apart than a nap of this clock.
    const options = { registry, consumers: [consumer], concurrency: { change: 3 }, lease: "30 seconds" } as const
    yield* Relay.prepare(options)
    const uow = yield* UnitOfWork.UnitOfWork
    for (const [number, key] of keys.entries()) yield* uow.transact(tenant, append("note", key, number))
    state.isCut = true
    const right = yield* Deliveries.Deliveries
    const worker = Effect.provideService(Effect.ignore(Relay.drainOnce(options)), Deliveries.Deliveries, wrong(right))
    for (let round = 0; round < 60; round++) {
      yield* Effect.all(
        Array.from({ length: workers }, () => worker),
        { concurrency: "unbounded" }
      )
      yield* time.advance(Duration.toMillis("20 seconds"))
    }
    for (const { key, revision, type } of yield* Memory.events(tenant)) {
      if (type === "effect") effects.push(`${key} ${Math.floor(revision / 100)}`)
    }
    for (const key of new Set(keys)) {
      const expected = keys.flatMap((one, number) => (one === key ? [`${key} ${number}`] : []))
      yield* Law.same(
        `effects of ${key}`,
        effects.filter((effect) => effect.startsWith(key)),
        expected
      )
    }
    const open = (yield* Memory.shares(tenant)).filter(({ as }) => as !== "Receipt")
    yield* Law.same("what is left", open, [])
  })
  return Time.during(time)(Effect.provide(program, Memory.layer({ hook }), { local: true }))
}

const law = (wrong: Acknowledge) =>
  Law.make({
    id: "L26",
    claim: "every event has its effect once and in order, whatever fails in between",
    runs: 60,
    arbitrary: cases,
    holds: (one) => play(wrong, one)
  })

const broken = (wrong: Acknowledge) =>
  law(wrong)
    .check({ ...settings(), runs: 300, isShrinking: false })
    .then(
      () => undefined,
      (error: unknown) => error
    )

describe("a relay over a store that fails", () => {
  it("L25 L26 L27 has every effect once and in order", () => law((right) => right).check(settings()))

  it("W38 that acknowledges whatever the store says is caught", async () => {
    const careless: Acknowledge = (right) => ({ ...right, acknowledge: (held) => Effect.succeed(held) })
    expect(await broken(careless)).toBeInstanceOf(Law.Broken)
  })

  it("W31 that settles apart from the effect is caught", async () => {
    const apart: Acknowledge = (right) => ({
      ...right,
      acknowledge: (held) =>
        Effect.as(
          Effect.ignore(
            Effect.forkDetach(right.settle(Arr.map(held, (one) => ({ held: one, verdict: { _tag: "Ack" } }))))
          ),
          held
        )
    })
    expect(await broken(apart)).toBeInstanceOf(Law.Broken)
  })
})
