/**
 * What the engine relies on in units of work: L11, L36.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as fc from "fast-check"
import * as Lane from "@tidemark/core/model/Lane"
import * as Run from "@tidemark/core/model/Run"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Intents from "@tidemark/core/ports/Intents"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as Made from "./Made.ts"

/** @category laws @since 0.1.0 */
export const transactionLaws = <R>(store: Store.Store<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L11",
    claim: "a unit of work leaves all or nothing, and an inner one takes back its own writes and no others",
    runs: 150,
    arbitrary: unit,
    holds: (unit) =>
      Effect.gen(function* () {
        const subscription = yield* Store.subscription(store.name)
        const tokens = new Map<string, number>()
        yield* play(subscription, unit, tokens)
        yield* Law.same("what is left", yield* Made.tokens(subscription), Object.fromEntries(tokens))
      })
  }),
  Store.law(store, {
    id: "L11",
    claim: "what all ports wrote in one unit of work is there with it, or not at all",
    runs: 20,
    arbitrary: fc.constantFrom(...ends),
    holds: (end) => everything(store, end)
  }),
  Store.law(store, {
    id: "L11",
    claim: "nobody else sees a unit of work before it is committed",
    runs: 5,
    arbitrary: fc.constantFrom("Succeed" as const, "Fail" as const),
    holds: (end) =>
      Effect.gen(function* () {
        const subscription = yield* Store.subscription(store.name)
        const ledger = yield* Ledger.Ledger
        const isWritten = Deferred.makeUnsafe<void>()
        const isOver = Deferred.makeUnsafe<void>()
        const writing = yield* Effect.forkChild(
          Made.transact(
            subscription,
            Effect.gen(function* () {
              yield* ledger.advance(subscription, [Made.advance("a", 0)])
              yield* Law.same("what it sees itself", yield* Made.tokens(subscription), { a: 1 })
              yield* Deferred.succeed(isWritten, undefined)
              yield* Deferred.await(isOver)
              return yield* endOf(end)
            })
          ).pipe(Effect.exit)
        )
        yield* Deferred.await(isWritten)
        yield* Law.same("what others see before", yield* Made.tokens(subscription), {})
        yield* Deferred.succeed(isOver, undefined)
        yield* Fiber.join(writing)
        yield* Law.same("what others see after", yield* Made.tokens(subscription), end === "Succeed" ? { a: 1 } : {})
      })
  }),
  Store.law(store, {
    id: "L11",
    claim: "a step of a pipeline sees what those before it wrote, and the first that fails takes back all",
    runs: 30,
    arbitrary: fc.record({
      names: fc.array(fc.constantFrom("a", "b"), { minLength: 2, maxLength: 6 }),
      failing: fc.uniqueArray(fc.nat(3), { maxLength: 3 })
    }),
    holds: (steps) => pipelined(store, steps)
  }),
  Store.law(store, {
    id: "L36",
    claim: "a unit of work is of one tenant, and none can be written to once it is over",
    runs: 3,
    arbitrary: fc.constantFrom("inner" as const, "call" as const, "late" as const),
    holds: (way) => strangers(store, way)
  })
]

// -----------------------------------------------------------------------------
// internal: a tree of units of work
// -----------------------------------------------------------------------------

const ends = ["Succeed", "Fail", "Die", "Interrupt"] as const
type End = (typeof ends)[number]

/** Writes, and units of work inside it, in order. */
interface Unit {
  readonly steps: ReadonlyArray<string | Unit>
  readonly end: End
}

const { unit } = fc.letrec<{ readonly unit: Unit }>((tie) => ({
  unit: fc.record({
    steps: fc.array(
      fc.oneof({ depthSize: "small", withCrossShrink: true }, fc.constantFrom("a", "b", "c", "d"), tie("unit")),
      { maxLength: 4 }
    ),
    end: fc.constantFrom("Succeed", "Succeed", ...ends)
  })
}))

const endOf = (end: End): Effect.Effect<void, "failed"> => {
  switch (end) {
    case "Succeed":
      return Effect.void
    case "Fail":
      return Effect.fail("failed")
    case "Die":
      return Effect.die("died")
    case "Interrupt":
      return Effect.interrupt
  }
}

/** Plays a unit; `tokens` become what it leaves. Every write must win: nobody else writes. */
const play = (
  subscription: Subscription.Subscription,
  { end, steps }: Unit,
  tokens: Map<string, number>
): Effect.Effect<void, unknown, Effect.Services<ReturnType<typeof Made.tokens>> | Services> =>
  Effect.gen(function* () {
    const before = new Map(tokens)
    const ledger = yield* Ledger.Ledger
    const body = Effect.gen(function* () {
      for (const step of steps) {
        if (typeof step === "string") {
          const expected = tokens.get(step) ?? 0
          const won = yield* ledger.advance(subscription, [Made.advance(step, expected)])
          yield* Law.same("writes that won", won.size, 1)
          tokens.set(step, expected + 1)
        } else {
          yield* play(subscription, step, tokens)
          yield* Law.same("what it sees", yield* Made.tokens(subscription), Object.fromEntries(tokens))
        }
      }
      yield* endOf(end)
    })
    const exit = yield* Effect.exit(Made.transact(subscription, body))
    yield* Law.requires(Exit.isSuccess(exit) === (end === "Succeed"), () => `${end} became ${Law.show(exit)}`)
    if (end === "Succeed") return
    tokens.clear()
    for (const [name, token] of before) tokens.set(name, token)
  })

type Services = Effect.Services<ReturnType<typeof Made.transact<void, never, never>>>

// -----------------------------------------------------------------------------
// internal: pipelines
// -----------------------------------------------------------------------------

/** Each step writes one name once more; some fail behind their write. */
const pipelined = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  { failing, names }: { readonly names: ReadonlyArray<string>; readonly failing: ReadonlyArray<number> }
) {
  const subscription = yield* Store.subscription(store.name)
  const ledger = yield* Ledger.Ledger
  const { pipeline } = yield* UnitOfWork.UnitOfWork
  const tokens: Record<string, number> = {}
  const steps = names.map((name, place) => {
    const expected = tokens[name] ?? 0
    tokens[name] = expected + 1
    return Effect.flatMap(ledger.advance(subscription, [Made.advance(name, expected)]), (won) =>
      failing.includes(place) || won.size !== 1 ? Effect.fail(`step ${place}, ${won.size} written`) : Effect.void
    )
  })
  const first = failing.toSorted((a, b) => a - b).find((place) => place < names.length)
  const exit = yield* Effect.exit(Made.transact(subscription, pipeline(steps)))
  const expected = first === undefined ? Exit.void : Exit.fail(`step ${first}, 1 written`)
  yield* Law.same("how it ended", Law.show(exit), Law.show(expected))
  yield* Law.same("what is left", yield* Made.tokens(subscription), first === undefined ? tokens : {})
})

// -----------------------------------------------------------------------------
// internal: all ports
// -----------------------------------------------------------------------------

const everything = Effect.fnUntraced(function* <R>(store: Store.Store<R>, end: End) {
  const subscription = yield* Store.subscription(store.name)
  const { tenant } = subscription
  const lane = Lane.live(subscription)
  const ledger = yield* Ledger.Ledger
  const recorder = yield* RunRecorder.RunRecorder
  const quarantine = yield* Quarantine.Quarantine
  const outbox = yield* Outbox.Outbox
  const intents = yield* Intents.Intents
  const sink = yield* store.sink
  const held = yield* Made.claim(subscription)
  const runId = yield* Made.openRun(subscription, held.epoch)
  const [a] = [Made.id("a")] as const
  const look = Effect.gen(function* () {
    return {
      recorded: yield* store.read(subscription),
      tokens: yield* Made.tokens(subscription),
      rows: yield* sink.find(subscription, [a]),
      intents: yield* intents.list(lane, 10),
      checkpoint: (yield* (yield* Lanes.Lanes).peek(lane))?.checkpoint
    }
  })
  const before = yield* look
  const exit = yield* Effect.exit(
    Made.transact(
      subscription,
      Effect.gen(function* () {
        yield* ledger.advance(subscription, [Made.advance("a", 0, { localId: "local-a" })])
        const record = { name: "x", size: 1, remark: null }
        yield* sink.write(subscription, [
          { _tag: "Put", externalId: a, localId: "local-a", revision: 1, idempotencyKey: "key", record }
        ])
        yield* recorder.record({
          runId,
          lane,
          items: [
            {
              sequence: 0,
              externalId: a,
              origin: "Poll",
              outcome: { _tag: "Applied", operation: "Created", localId: "local-a", revision: 1, patch: {} },
              version: Made.version(1)
            }
          ],
          counts: { ...Run.noCounts, read: 1, created: 1 },
          patchToText: () => "{}"
        })
        yield* quarantine.put(subscription, [Made.refusal(runId, "b", 1)])
        yield* outbox.append(tenant, [Made.event(tenant, "a", 1)])
        yield* intents.open(lane, [{ externalId: Made.id("c"), token: 1, decision: {} }])
        yield* Made.commit(held, 1)
        yield* endOf(end)
      })
    )
  )
  yield* Law.requires(Exit.isSuccess(exit) === (end === "Succeed"), () => `${end} became ${Law.show(exit)}`)
  const after = yield* look
  if (end !== "Succeed") return yield* Law.same(`what is left after ${end}`, after, before)
  const { items, events, refusals, lanes, runs } = after.recorded
  yield* Law.same(
    "what is there",
    [items.length, events.length, refusals.length, lanes.length, runs.map(({ counts }) => counts["read"])],
    [1, 1, 1, 1, [1]]
  )
  yield* Law.same(
    "and else",
    [after.tokens, after.rows.size, after.intents.length, after.checkpoint?.batchNo],
    [{ a: 1 }, 1, 1, 1]
  )
})

// -----------------------------------------------------------------------------
// internal: strangers
// -----------------------------------------------------------------------------

const strangers = Effect.fnUntraced(function* <R>(store: Store.Store<R>, way: "inner" | "call" | "late") {
  const own = yield* Store.subscription(store.name)
  const { connection, entity, id, tenant } = own
  const other = Subscription.make({ id, tenant: `${tenant}-other`, connection, entity })
  const ledger = yield* Ledger.Ledger
  const write = ledger.advance(other, Arr.of(Made.advance("a", 0)))
  const late = Effect.flatMap(Made.transact(other, Effect.context<UnitOfWork.Transaction>()), (context) =>
    Effect.provideContext(write, context)
  )
  const wrong = { inner: Made.transact(own, Made.transact(other, write)), call: Made.transact(own, write), late }[way]
  const exit = yield* Effect.exit(wrong)
  yield* Law.requires(Exit.isFailure(exit), () => `a write by ${way} was accepted`)
  yield* Law.same("what is left", [yield* Made.tokens(own), yield* Made.tokens(other)], [{}, {}])
})
