/**
 * What the engine relies on in a ledger: L10, L13, L32, L36, W07, W63, W74.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as fc from "fast-check"
import type * as Entry from "@tidemark/core/model/Entry"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as Made from "./Made.ts"

/** @category laws @since 0.1.0 */
export const ledgerLaws = <R>(store: Store.Store<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L10",
    claim: "an advance takes effect if and only if the row still has the token it was planned against",
    runs: 100,
    arbitrary: fc.array(advances, { maxLength: 10 }),
    holds: (batches) => obeys(store, batches)
  }),
  Store.law(store, {
    id: "L10",
    claim: "no local id is made twice",
    runs: 20,
    arbitrary: fc.array(fc.nat(20), { minLength: 2, maxLength: 4 }),
    holds: (counts) =>
      Effect.gen(function* () {
        const ledger = yield* Ledger.Ledger
        const made = yield* Effect.forEach(counts, ledger.localIds, { concurrency: "unbounded" })
        const lengths = made.map((ids) => ids.length)
        yield* Law.same("how many were made", lengths, counts)
        yield* Law.same("how many differ", new Set(made.flat()).size, made.flat().length)
        yield* Law.requires(!made.flat().includes(""), () => "a local id is empty")
      })
  }),
  Store.law(store, {
    id: "L13",
    claim: "records that are here and were read earlier are told once each, however small the pieces",
    runs: 30,
    arbitrary: fc.tuple(fc.array(read, { maxLength: 12 }), fc.nat(4), fc.integer({ min: 1, max: 5 })),
    holds: ([records, time, limit]) => tells(store, records, time, limit)
  }),
  Store.law(store, {
    id: "W63",
    claim: "of advances at once that were planned against one token, exactly one takes effect",
    runs: 30,
    arbitrary: fc.record({ known: fc.boolean(), rivals: fc.integer({ min: 2, max: 4 }) }),
    holds: ({ known, rivals }) => race(store, known, rivals)
  }),
  Store.law(store, {
    id: "W07",
    claim: "an advance waits for the transaction that moved the row, and then sees what became of it",
    runs: 8,
    arbitrary: fc.record({ known: fc.boolean(), isTakenBack: fc.boolean() }),
    holds: ({ isTakenBack, known }) => serial(store, known, isTakenBack)
  }),
  Store.law(store, {
    id: "L36",
    claim: "a record belongs to its tenant, connection and entity",
    runs: 10,
    arbitrary: fc.constantFrom("tenant" as const, "account" as const, "entity" as const, "provider" as const),
    holds: (part) =>
      Effect.gen(function* () {
        const own = yield* Store.subscription(store.name)
        const other = elsewhere(own, part)
        const ledger = yield* Ledger.Ledger
        yield* Made.transact(own, ledger.advance(own, [Made.advance("a", 0, { localId: "mine" })]))
        yield* Law.same("what the other finds", (yield* ledger.find(other, [Made.id("a")])).size, 0)
        yield* Made.transact(other, ledger.advance(other, [Made.advance("a", 0, { localId: "theirs" })]))
        const row = (yield* ledger.find(own, [Made.id("a")])).get(Made.id("a"))
        yield* Law.same("the own row", [row?.token, row?.localId], [1, "mine"])
      })
  })
]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** An advance, and how many tokens behind it was planned. */
type Planned = Pick<Entry.Advance, "revision" | "existence" | "fingerprint" | "localId"> & {
  readonly name: string
  readonly behind: number
}

const advances: fc.Arbitrary<ReadonlyArray<Planned>> = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom("a", "b", "c"),
      behind: fc.constantFrom(0, 0, 0, 1),
      revision: fc.integer({ min: 0, max: 5 }),
      existence: fc.constantFrom("Present" as const, "Deleted" as const, "Weak" as const),
      fingerprint: fc.constantFrom(undefined, "x", "y"),
      localId: fc.constantFrom("one", "other")
    }),
    { selector: ({ name }) => name, comparator: "IsStrictlyEqual", maxLength: 3 }
  )
  .map((all) => all.toSorted((a, b) => (a.name < b.name ? -1 : 1)))

/** Advances one after another, against a model. */
const obeys = Effect.fnUntraced(function* <R>(store: Store.Store<R>, batches: ReadonlyArray<ReadonlyArray<Planned>>) {
  const subscription = yield* Store.subscription(store.name)
  const ledger = yield* Ledger.Ledger
  const rows = new Map<string, Entry.Entry>()
  for (const batch of batches) {
    const planned = batch.map(({ behind, name, ...change }) =>
      Made.advance(name, Math.max(0, (rows.get(name)?.token ?? 0) - behind), change)
    )
    const [first, ...rest] = planned
    if (first === undefined) continue
    const won = yield* Made.transact(subscription, ledger.advance(subscription, [first, ...rest]))
    const winners = planned.filter(({ expected, externalId }) => expected === (rows.get(externalId)?.token ?? 0))
    yield* Law.same("who won", [...won.keys()].toSorted(), winners.map(({ externalId }) => externalId).toSorted())
    for (const { expected, ...entry } of winners) rows.set(entry.externalId, { ...entry, token: expected + 1 })
    yield* Law.same("rows as answered", sorted(won), sorted(pick(rows, [...won.keys()])))
  }
  const found = yield* ledger.find(subscription, [Made.id("a"), Made.id("b"), Made.id("c")])
  yield* Law.same("rows as found", sorted(found), sorted(rows))
})

const read = fc.record({
  existence: fc.constantFrom("Present" as const, "Present" as const, "Deleted" as const, "Weak" as const),
  observedAt: fc.nat(4)
})

/** Records that were read at some time, and one of another entity. */
const tells = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  records: ReadonlyArray<{ readonly existence: Entry.Existence; readonly observedAt: number }>,
  time: number,
  limit: number
) {
  const subscription = yield* Store.subscription(store.name)
  const ledger = yield* Ledger.Ledger
  const advances = records.map(({ existence, observedAt }, index) => {
    const made = Made.advance(`record ${index}`, 0, { existence })
    return { ...made, version: { ...made.version, observedAt } }
  })
  for (const one of advances) yield* Made.transact(subscription, ledger.advance(subscription, [one]))
  const other = elsewhere(subscription, "entity")
  yield* Made.transact(other, ledger.advance(other, [Made.advance("elsewhere", 0)]))
  const told: Array<string> = []
  let after: Entry.Entry["externalId"] | undefined
  for (;;) {
    const ids = yield* ledger.unreadSince(subscription, { time, after, limit })
    yield* Law.requires(ids.length <= limit, () => `${ids.length} records of at most ${limit}`)
    told.push(...ids)
    after = ids.at(-1)
    if (after === undefined || told.length > records.length) break
  }
  const expected = advances.filter(({ existence, version }) => existence === "Present" && version.observedAt < time)
  yield* Law.same("who is told", told.toSorted(), expected.map(({ externalId }) => externalId).toSorted())
})

/** Advances at once, planned against one token. */
const race = Effect.fnUntraced(function* <R>(store: Store.Store<R>, known: boolean, rivals: number) {
  const subscription = yield* Store.subscription(store.name)
  const ledger = yield* Ledger.Ledger
  const write = (expected: number, revision: number) =>
    Made.transact(
      subscription,
      Effect.tap(ledger.advance(subscription, [Made.advance("a", expected, { revision })]), () => Effect.yieldNow)
    )
  if (known) yield* write(0, 1)
  const expected = known ? 1 : 0
  const answers = yield* Effect.all(
    Array.from({ length: rivals }, (_, place) => write(expected, 10 + place)),
    { concurrency: "unbounded" }
  )
  yield* Law.same("winners", answers.filter(({ size }) => size === 1).length, 1)
  const row = (yield* ledger.find(subscription, [Made.id("a")])).get(Made.id("a"))
  yield* Law.same("the revision", row?.revision, 10 + answers.findIndex(({ size }) => size === 1))
  yield* Law.same("the token", row?.token, expected + 1)
})

const sorted = (rows: ReadonlyMap<string, Entry.Entry>) => [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))

const pick = (rows: ReadonlyMap<string, Entry.Entry>, ids: ReadonlyArray<string>) =>
  new Map([...rows].filter(([id]) => ids.includes(id)))

const elsewhere = (
  { connection, entity, id, tenant }: Subscription.Subscription,
  part: "tenant" | "account" | "entity" | "provider"
): Subscription.Subscription =>
  Subscription.make({
    id,
    tenant: part === "tenant" ? `${tenant}-other` : tenant,
    entity: part === "entity" ? `${entity}-other` : entity,
    connection: {
      provider: part === "provider" ? "other" : connection.provider,
      account: part === "account" ? "other" : connection.account
    }
  })

/** One transaction moves a row and stays open; a second moves it too, and a reader looks at it. */
const serial = Effect.fnUntraced(function* <R>(store: Store.Store<R>, known: boolean, isTakenBack: boolean) {
  const subscription = yield* Store.subscription(store.name)
  const ledger = yield* Ledger.Ledger
  const expected = known ? 1 : 0
  if (known) yield* Made.transact(subscription, ledger.advance(subscription, [Made.advance("a", 0)]))
  const advance = (revision: number) => ledger.advance(subscription, [Made.advance("a", expected, { revision })])
  const isMoved = Deferred.makeUnsafe<void>()
  const isOver = Deferred.makeUnsafe<void>()
  const first = yield* Effect.forkChild(
    Made.transact(
      subscription,
      Effect.gen(function* () {
        yield* advance(10)
        yield* Deferred.succeed(isMoved, undefined)
        yield* Deferred.await(isOver)
        if (isTakenBack) return yield* Effect.fail("taken back" as const)
      })
    ).pipe(
      Effect.catchIf(
        (error) => error === "taken back",
        () => Effect.void
      )
    )
  )
  yield* Deferred.await(isMoved)
  const before = (yield* ledger.find(subscription, [Made.id("a")])).get(Made.id("a"))
  yield* Law.same("what a reader sees of an open transaction", before?.revision, known ? 1 : undefined)
  const second = yield* Effect.forkChild(
    Made.transact(
      subscription,
      Effect.gen(function* () {
        const won = yield* advance(20)
        const now = (yield* ledger.find(subscription, [Made.id("a")])).get(Made.id("a"))
        return { isWinner: won.size === 1, revision: now?.revision }
      })
    )
  )
  yield* Store.pause(store)
  yield* Law.requires(second.pollUnsafe() === undefined, () => "a second advance did not wait for the first")
  yield* Deferred.succeed(isOver, undefined)
  yield* Fiber.join(first)
  const end = yield* Fiber.join(second)
  yield* Law.same("the second", end, isTakenBack ? { isWinner: true, revision: 20 } : { isWinner: false, revision: 10 })
})
