/**
 * What everybody relies on when what is old is removed: L31, L50, O20, W42.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Expiry from "@tidemark/core/ports/Expiry"
import * as Inbox from "@tidemark/core/ports/Inbox"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as EventStore from "./EventStore.ts"
import { auditLaw } from "./RetentionOfRuns.ts"
import type { RetentionStore } from "./RetentionStore.ts"

/** @category laws @since 0.1.0 */
export const retentionLaws = <R>(store: RetentionStore<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L31",
    claim: "an event goes with its receipts once it is old and nobody waits for it, and no other does",
    runs: 60,
    arbitrary: world,
    holds: (given) => settledOnly(store, given)
  }),
  Store.law(store, {
    id: "L31",
    claim: "a message of the inbox goes once it is old and finished, and there is no event of its id",
    runs: 60,
    arbitrary: fc.record({ messages: fc.array(message, { maxLength: 8 }), limit: fc.integer({ min: 1, max: 4 }) }),
    holds: ({ limit, messages }) => remembered(store, messages, limit)
  }),
  auditLaw(store)
]

// -----------------------------------------------------------------------------
// internal: what is given
// -----------------------------------------------------------------------------

const verdict = fc.constantFrom("Ack" as const, "Ack" as const, "Ack" as const, "DeadLetter" as const, "Leave" as const)

const world = fc.record({
  /** What becomes of each consumer once it has settled. */
  fates: fc.array(fc.constantFrom("Active" as const, "Active" as const, "Paused" as const, "Retired" as const), {
    minLength: 1,
    maxLength: 3
  }),
  events: fc.array(
    fc.record({
      key: fc.constantFrom("a", "b", "c"),
      isOld: fc.boolean(),
      verdicts: fc.tuple(verdict, verdict, verdict)
    }),
    { maxLength: 8 }
  ),
  isRedriven: fc.boolean(),
  /** A consumer registers behind them all, and is given what it missed only after the removal. */
  isLate: fc.constantFrom(false, false, false, true),
  limit: fc.integer({ min: 1, max: 6 })
})

type World = typeof world extends fc.Arbitrary<infer W> ? W : never

const message = fc.record({
  /** Of an event that a consumer waits for, by its id or by the key of the delivery; of one that is settled; of none. */
  of: fc.constantFrom("Event" as const, "Key" as const, "Settled" as const, "None" as const),
  isOld: fc.constantFrom(true, true, false),
  act: fc.constantFrom("Begin" as const, "Begin" as const, "Finish" as const, "Claim" as const)
})

type Message = typeof message extends fc.Arbitrary<infer M> ? M : never

/** Behind it what was there is old. */
const long = Duration.hours(2)
const age = Duration.hours(1)

// -----------------------------------------------------------------------------
// internal: events
// -----------------------------------------------------------------------------

const settledOnly = Effect.fnUntraced(function* <R>(store: RetentionStore<R>, given: World) {
  const names = yield* EventStore.names(store.name)
  const [tenant] = names.tenants
  const consumers = yield* Consumers.Consumers
  const hosts = given.fates.map((fate, place) => ({ name: names.consumer(`c${place}`), fate, place }))
  const type = names.type("made")
  for (const { name } of hosts) yield* registered(name, type)
  const events = given.events.map((one, number) => ({
    ...one,
    event: names.event(tenant, number, { type: "made", key: one.key })
  }))
  for (const isOld of [true, false]) {
    const some = events.filter((one) => one.isOld === isOld).map(({ event }) => event)
    if (Arr.isReadonlyArrayNonEmpty(some)) {
      const outbox = yield* Outbox.Outbox
      yield* (yield* UnitOfWork.UnitOfWork).transact(tenant, outbox.append(tenant, some))
    }
    yield* deliver(hosts, type, (id, place) => events.find(({ event }) => event.id === id)?.verdicts[place] ?? "Ack")
    if (isOld) yield* store.pass(long)
  }
  if (given.isRedriven) yield* (yield* DeadLetters.DeadLetters).redrive({ _tag: "Type", type }, "law", 100)
  for (const { fate, name } of hosts) {
    if (fate !== "Active") yield* consumers.change(name, { _tag: fate === "Paused" ? "Pause" : "Retire" }, "law")
  }
  const late = names.consumer("late")
  if (given.isLate) yield* consumers.register({ name: late, types: [type], start: "Beginning" })
  const before = yield* store.shares(tenant)
  const stays = events.filter(({ event, isOld }) => {
    const own = before.filter((share) => share.event === event.id)
    return !isOld || given.isLate || own.some(({ as }) => as !== "Receipt")
  })
  const kept = new Set(stays.map(({ event }) => event.id))
  const removed = yield* removeAll("events", given.limit, 2 + hosts.length)
  yield* Law.requires(
    removed.events >= events.length - stays.length,
    () => `${events.length - stays.length} events may go, and the store says that ${removed.events} went`
  )
  const expected = before.filter((share) => kept.has(share.event))
  yield* Law.same("what is owed, settled and given up", sorted(yield* store.shares(tenant)), sorted(expected))
  if (given.isLate) while (!(yield* consumers.activate(late, 3)));
  // Who begins at the beginning now is given all that is kept.
  const census = names.consumer("census")
  yield* registered(census, type)
  const shares = yield* store.shares(tenant)
  for (const consumer of given.isLate ? [late, census] : [census]) {
    const given = shares.filter((share) => share.consumer === consumer).map(({ event }) => event)
    yield* Law.same(`the events that ${consumer} is given`, given.toSorted(), [...kept].toSorted())
  }
})

const registered = Effect.fnUntraced(function* (name: string, type: string) {
  const consumers = yield* Consumers.Consumers
  yield* consumers.register({ name, types: [type], start: "Beginning" })
  while (!(yield* consumers.activate(name, 100)));
})

/** Hands out and settles until nothing is due. */
const deliver = Effect.fnUntraced(function* (
  hosts: ReadonlyArray<{ readonly name: string; readonly place: number }>,
  type: string,
  verdictOf: (event: string, place: number) => "Ack" | "DeadLetter" | "Leave"
) {
  const deliveries = yield* Deliveries.Deliveries
  const hosted = hosts.map(({ name }) => ({ consumer: name, versions: { [type]: 1 } }))
  if (!Arr.isReadonlyArrayNonEmpty(hosted)) return
  while (true) {
    const claimed = yield* deliveries.claim({ hosted, direction: "change", limit: 100, lease: Duration.days(1) })
    if (claimed.length === 0) return
    for (const held of claimed) {
      const place = hosts.find(({ name }) => name === held.consumer)?.place ?? 0
      const verdict = verdictOf(held.event.id, place)
      if (verdict === "Leave") continue
      yield* deliveries.settle([
        { held, verdict: verdict === "Ack" ? { _tag: "Ack" } : { _tag: "DeadLetter", error: "no" } }
      ])
    }
  }
})

const sorted = (shares: ReadonlyArray<EventStore.Share>): ReadonlyArray<string> => shares.map(Law.show).toSorted()

/** All pieces, none larger than `limit`, or than one event with its receipts. */
const removeAll = Effect.fnUntraced(function* (part: Expiry.Part, limit: number, least: number) {
  const expiry = yield* Expiry.Expiry
  let removed = Expiry.noCounts
  let from: number | undefined = 0
  for (let pieces = 0; from !== undefined; pieces++) {
    yield* Law.requires(pieces < 1_000, () => "pieces do not end")
    const piece: Expiry.Piece = yield* expiry.remove({ part, age, limit, from })
    const rows = Object.values(piece.removed).reduce((a, b) => a + b, 0)
    yield* Law.requires(
      rows <= Math.max(limit, least),
      () => `a piece of at most ${Math.max(limit, least)} rows removed ${rows}`
    )
    removed = Expiry.addCounts(removed, piece.removed)
    from = piece.next
  }
  return removed
})

// -----------------------------------------------------------------------------
// internal: messages
// -----------------------------------------------------------------------------

const remembered = Effect.fnUntraced(function* <R>(
  store: RetentionStore<R>,
  messages: ReadonlyArray<Message>,
  limit: number
) {
  const names = yield* EventStore.names(store.name)
  const [tenant] = names.tenants
  const consumer = names.consumer("inbox")
  yield* registered(names.consumer("waiting"), names.type("made"))
  yield* registered(names.consumer("settling"), names.type("settled"))
  const inbox = yield* Inbox.Inbox
  const told = messages.map((one, number) => {
    const type = one.of === "Settled" ? "settled" : "made"
    const event = names.event(tenant, number, { type, key: String(number) })
    const id = one.of === "Key" ? `${consumer}/${event.id}` : event.id
    return { ...one, event, message: { tenant, consumer, id } }
  })
  const owed = told.filter(({ of }) => of !== "None").map(({ event }) => event)
  if (Arr.isReadonlyArrayNonEmpty(owed)) {
    const outbox = yield* Outbox.Outbox
    yield* (yield* UnitOfWork.UnitOfWork).transact(tenant, outbox.append(tenant, owed))
  }
  yield* deliver([{ name: names.consumer("settling"), place: 0 }], names.type("settled"), () => "Ack")
  for (const isOld of [true, false]) {
    for (const { act, isOld: isIts, message } of told) {
      if (isIts !== isOld) continue
      if (act === "Begin") yield* Inbox.once(message, Effect.void)
      else {
        const answer = yield* inbox.claim(message, Duration.millis(1))
        if (act === "Finish" && answer._tag === "Claimed") yield* inbox.finish(answer.claim)
      }
    }
    if (isOld) yield* store.pass(long)
  }
  yield* removeAll("events", limit, 3)
  yield* removeAll("messages", limit, 1)
  yield* Effect.sleep(5)
  for (const { act, isOld, message, of } of told) {
    const isGone = isOld && (of === "None" || of === "Settled") && act !== "Claim"
    const what = `a message (of: ${of}) that was ${act} and is ${isOld ? "old" : "young"}`
    if (act === "Claim") {
      const answer = yield* inbox.claim(message, Duration.millis(1))
      yield* Law.same(`${what}, claimed again`, answer._tag === "Claimed" && answer.claim.attempt, 2)
    } else {
      const again = yield* Inbox.once(message, Effect.void)
      yield* Law.same(`whether ${what} is handled again`, again !== undefined, isGone)
    }
  }
})
