/**
 * What everybody relies on in the inbox: L26, L32, L33, I01 to I09, W31, W32, W38,
 * W48.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Inbox from "@tidemark/core/ports/Inbox"
import * as Outbox from "@tidemark/core/ports/Outbox"
import type * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Interleaving from "../Interleaving.ts"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as EventStore from "./EventStore.ts"

/** @category laws @since 0.1.0 */
export const inboxLaws = <R>(store: EventStore.EventStore<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L26",
    claim: "of all that handle a message at once, one has its effect, and a crash leaves neither effect nor claim",
    runs: 60,
    arbitrary: fc.record({
      tries: fc.array(fc.record({ message: fc.nat(1), isCrashing: fc.constantFrom(false, false, true) }), {
        minLength: 1,
        maxLength: 5
      }),
      schedule: fc.array(fc.record({ who: fc.nat(4), steps: fc.integer({ min: 1, max: 8 }) }), { maxLength: 12 })
    }),
    holds: (crowd) => once(store, crowd.tries, crowd.schedule)
  }),
  Store.law(store, {
    id: "I09",
    claim: "messages of two tenants and consumers do not meet, and one id with two contents is a conflict",
    runs: 60,
    arbitrary: fc.array(
      fc.record({
        tenant: fc.nat(1),
        consumer: fc.constantFrom("a", "b"),
        id: fc.constantFrom("m", "n"),
        digest: fc.constantFrom("1", "1", "2", undefined),
        isClaimed: fc.boolean()
      }),
      { maxLength: 12 }
    ),
    holds: (messages) => apart(store, messages)
  }),
  Store.law(store, {
    id: "L32",
    claim: "a message is claimed by one at a time, and finished by the last who claimed it",
    runs: 80,
    arbitrary: fc.array(
      fc.oneof(
        fc.record({ _tag: fc.constant("Claim" as const), isLost: fc.boolean() }),
        fc.record({ _tag: fc.constant("Finish" as const), back: fc.nat(2) }),
        fc.record({ _tag: fc.constant("Begin" as const) })
      ),
      { maxLength: 10 }
    ),
    holds: (steps) => leased(store, steps)
  })
]

// -----------------------------------------------------------------------------
// internal: once
// -----------------------------------------------------------------------------

const once = Effect.fnUntraced(function* <R>(
  store: EventStore.EventStore<R>,
  tries: ReadonlyArray<{ readonly message: number; readonly isCrashing: boolean }>,
  schedule: Interleaving.Schedule
) {
  const names = yield* EventStore.names(store.name)
  const [tenant] = names.tenants
  const consumer = names.consumer("inbox")
  const outbox = yield* Outbox.Outbox
  const committed: Array<number> = []
  const firsts: Array<number> = []
  yield* Interleaving.together<void, unknown, Context>(
    { schedule, isRealTime: store.isRealTime },
    tries.map(({ isCrashing, message }, who) => (turn) => {
      const effect = Effect.gen(function* () {
        yield* turn("effect")
        yield* outbox.append(tenant, [names.event(tenant, who, { type: "effect", key: String(who) })])
        yield* turn("commit")
        if (isCrashing) return yield* Effect.fail("crash")
      })
      return Effect.andThen(turn("begin"), Inbox.once({ tenant, consumer, id: `m${message}` }, effect)).pipe(
        Effect.tap((done) =>
          Effect.sync(() => {
            committed.push(message)
            if (done !== undefined) firsts.push(message)
          })
        ),
        Effect.ignore
      )
    })
  )
  for (const message of [0, 1]) {
    const had = firsts.filter((one) => one === message).length
    const tried = tries.filter((one) => one.message === message)
    const count = tried.some(({ isCrashing }) => !isCrashing) ? 1 : 0
    yield* Law.same(`effects of message ${message} among ${Law.show(tried)}`, had, count)
    const again = yield* Inbox.once({ tenant, consumer, id: `m${message}` }, Effect.void)
    yield* Law.same(`whether message ${message} can be handled again`, again !== undefined, count === 0)
  }
})

// -----------------------------------------------------------------------------
// internal: apart
// -----------------------------------------------------------------------------

interface Sent {
  readonly tenant: number
  readonly consumer: string
  readonly id: string
  readonly digest: string | undefined
  readonly isClaimed: boolean
}

const apart = Effect.fnUntraced(function* <R>(store: EventStore.EventStore<R>, messages: ReadonlyArray<Sent>) {
  const names = yield* EventStore.names(store.name)
  const inbox = yield* Inbox.Inbox
  const known = new Map<string, string | undefined>()
  for (const sent of messages) {
    const message = messageOf(names, sent)
    const key = JSON.stringify([sent.tenant, sent.consumer, sent.id])
    const before = known.get(key)
    const isConflict = known.has(key) && before !== undefined && sent.digest !== undefined && before !== sent.digest
    const handling: Effect.Effect<object | undefined, { readonly _tag: string }, Context> = sent.isClaimed
      ? claimed(inbox, message)
      : Inbox.once(message, Effect.void)
    const answer = yield* Effect.result(handling)
    if (isConflict) {
      yield* Law.same("the answer", Result.isFailure(answer) && answer.failure._tag, "InboxConflict")
      continue
    }
    if (Result.isFailure(answer)) return yield* Effect.fail(answer.failure)
    yield* Law.same(`whether ${Law.show(sent)} is the first`, answer.success !== undefined, !known.has(key))
    if (!known.has(key)) known.set(key, sent.digest)
  }
})

type Context = Inbox.Inbox | UnitOfWork.UnitOfWork

const messageOf = (names: EventStore.Names, { consumer, digest, id, tenant }: Sent): Inbox.Message => ({
  tenant: names.tenants[tenant] as Subscription.TenantId,
  consumer: names.consumer(consumer),
  id,
  ...(digest === undefined ? {} : { digest })
})

/** An effect elsewhere, from claim to finish; `undefined` when it was had before. */
const claimed = Effect.fnUntraced(function* (inbox: Inbox.Inbox["Service"], message: Inbox.Message) {
  const answer = yield* inbox.claim(message, Duration.minutes(10))
  if (answer._tag !== "Claimed") return undefined
  yield* Law.same("whether it is finished", yield* inbox.finish(answer.claim), true)
  return { value: undefined }
})

// -----------------------------------------------------------------------------
// internal: leases
// -----------------------------------------------------------------------------

type Step =
  | { readonly _tag: "Claim"; readonly isLost: boolean }
  | { readonly _tag: "Finish"; readonly back: number }
  | { readonly _tag: "Begin" }

const leased = Effect.fnUntraced(function* <R>(store: EventStore.EventStore<R>, steps: ReadonlyArray<Step>) {
  const names = yield* EventStore.names(store.name)
  const inbox = yield* Inbox.Inbox
  const message: Inbox.Message = { tenant: names.tenants[0], consumer: names.consumer("leased"), id: "m" }
  const claims: Array<Inbox.Claim> = []
  let status: "Free" | "Leased" | "Finished" = "Free"
  for (const step of steps) {
    if (step._tag === "Begin") {
      if (status === "Leased") continue
      const answer = yield* Effect.result(Inbox.once(message, Effect.void))
      const isFirst = Result.isSuccess(answer) && answer.success !== undefined
      yield* Law.same("whether it is the first time", isFirst, status === "Free")
      status = "Finished"
      claims.splice(0)
    } else if (step._tag === "Claim") {
      const answer = yield* inbox.claim(message, step.isLost ? Duration.millis(20) : Duration.minutes(10))
      const expected = { Free: "Claimed", Leased: "Busy", Finished: "Finished" }[status]
      yield* Law.same("the answer to a claim", answer._tag, expected)
      if (answer._tag !== "Claimed") continue
      yield* Law.same("the attempt", answer.claim.attempt, claims.length + 1)
      claims.push(answer.claim)
      status = step.isLost ? "Free" : "Leased"
      if (step.isLost) yield* Effect.sleep(60)
    } else {
      const claim = claims.at(-1 - step.back)
      if (claim === undefined || (status === "Finished" && step.back === 0)) continue
      const isLast = step.back === 0
      yield* Law.same(`whether claim ${claim.epoch} can be finished`, yield* inbox.finish(claim), isLast)
      if (isLast) status = "Finished"
    }
  }
})
