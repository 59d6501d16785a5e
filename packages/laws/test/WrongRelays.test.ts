// Goal: what a relay owes to handlers with effects elsewhere holds for ours, and each wrong relay is caught.
// Method: reactions that call a target which counts and knows keys; a reaction that fails by a refused statement of its own,
// a target that is down for a while, a settlement that is lost; all in virtual time over the memory store.
// Guarantees: L25, L26, L29, W25, W26, W27, W28, W35, O07, O08, O12, O16, O19.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Clock from "effect/Clock"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Law from "@tidemark/laws/Law"
import * as Time from "@tidemark/laws/Time"
import * as Memory from "@tidemark/memory/Memory"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Facts from "./support/facts.ts"
import * as Relays from "./support/relays.ts"
import { settings } from "./support/settings.ts"

const { tenant } = Facts

const transact = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(UnitOfWork.UnitOfWork, (uow) => uow.transact(tenant, effect))

const append = (id: string, key: string, number: number) =>
  Facts.append({ id, type: "said", entity: "note", key }, number)

interface Case {
  /** Their keys. */
  readonly events: ReadonlyArray<string>
  readonly reactions: number
  /** The reaction that fails with one event, and how often. */
  readonly failing: { readonly reaction: number; readonly event: number; readonly times: number }
  /** How long the target is down, in seconds. */
  readonly outage: number
  /** The answer to the first settlement is lost with its process. */
  readonly isCrashing: boolean
}

const cases: fc.Arbitrary<Case> = fc.record({
  events: fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 5 }),
  reactions: fc.integer({ min: 1, max: 3 }),
  failing: fc.record({ reaction: fc.nat(2), event: fc.nat(4), times: fc.nat(3) }),
  outage: fc.constantFrom(0, 0, 5, 600),
  isCrashing: fc.constantFrom(false, false, true)
})

const play = (relay: Relays.Relaying, { events, failing, isCrashing, outage, reactions }: Case) => {
  const time = Time.make(1_000_000)
  let hasCrashed = !isCrashing
  const hook = (point: string) =>
    Effect.suspend(() => {
      if (hasCrashed || point !== "Deliveries.settle") return Effect.void
      hasCrashed = true
      return Effect.fail(new StoreError({ reason: "Unavailable", operation: point, message: "the process died" }))
    })
  const program = Effect.gen(function* () {
    const up = (yield* Clock.currentTimeMillis) + Duration.toMillis(Duration.seconds(outage))
    for (const [number, key] of events.entries()) yield* transact(append(`e${number}`, key, number))
    const calls: Array<{ readonly pair: string; readonly key: string }> = []
    let failures = 0
    const all = Array.from({ length: reactions }, (_, place): Relays.Reaction => ({
      name: `r${place}`,
      react: (number, key) =>
        Effect.gen(function* () {
          if (place === failing.reaction && number === failing.event && failures < failing.times) {
            failures += 1
            // An id that another event has: the statement is refused.
            yield* (yield* Effect.serviceOption(UnitOfWork.Transaction))._tag === "Some"
              ? refusedInside
              : transact(append("e0", "other", 99))
          }
          if ((yield* Clock.currentTimeMillis) < up) return yield* Effect.fail("the target is down")
          calls.push({ pair: `${place} ${number}`, key })
        })
    }))
    for (let round = 0; round < 80; round++) {
      yield* Effect.ignore(relay(all))
      yield* time.advance(Duration.toMillis("40 seconds"))
      const open = (yield* Memory.shares(tenant)).filter(({ as }) => as === "Delivery")
      if (open.length === 0) break
    }
    const pairs = all.flatMap((_, place) => events.map((_, number) => `${place} ${number}`))
    const dead = (yield* Memory.shares(tenant)).filter(({ as }) => as === "DeadLetter")
    yield* Law.same("what was given up", dead, [])
    for (const pair of pairs) {
      const own = calls.filter((call) => call.pair === pair)
      yield* Law.same(`keys of ${pair}`, new Set(own.map(({ key }) => key)).size, 1)
      if (!isCrashing) yield* Law.same(`calls of ${pair}`, own.length, 1)
    }
    const left = (yield* Memory.shares(tenant)).filter(({ as }) => as === "Delivery")
    yield* Law.same("what is left", left, [])
  })
  return Time.during(time)(Effect.provide(program, Memory.layer({ hook }), { local: true }))
}

/** In the transaction that the relay opened. */
const refusedInside = append("e0", "other", 99) as Effect.Effect<void, StoreError, Memory.Services>

const law = (relay: Relays.Relaying) =>
  Law.make({
    id: "L26",
    claim: "each reaction has each event once under one key, whatever fails beside it and for how long",
    runs: 60,
    arbitrary: cases,
    holds: (one) => play(relay, one)
  })

const caught = async (relay: Relays.Relaying, finding: RegExp) => {
  const error = await law(relay)
    .check({ ...settings(), runs: 300, isShrinking: false })
    .then(
      () => undefined,
      (error: unknown) => error
    )
  expect(error).toBeInstanceOf(Law.Broken)
  expect(String(((error as Law.Broken).cause as Error).message)).toMatch(finding)
}

describe("a relay to targets elsewhere", () => {
  it("L26 L29 asks each reaction once with one key, whatever fails beside it", () =>
    law(Relays.right).check(settings()))

  it("W25 that keeps its claim open while handlers run is caught", () => caught(Relays.holdsTheClaim, /calls of/))
  it("W26 that tries three times in a row is caught", () => caught(Relays.triesThrice, /given up/))
  it("W27 that gives an event to one process alone is caught", () => caught(Relays.firstComeOnly, /keys of/))
  it("W28 that has one status for all reactions is caught", () => caught(Relays.oneStatus, /calls of/))
  it("W35 that makes a new key for each attempt is caught", () => caught(Relays.newKeys, /keys of/))
})
