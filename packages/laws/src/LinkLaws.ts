/**
 * What an application relies on in links between records: W44.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Links from "@tidemark/core/ports/Links"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Memory from "@tidemark/memory/Memory"
import * as Law from "./Law.ts"
import * as Store from "./Store.ts"

/** A store of links under test. @category models @since 0.1.0 */
export type LinkStore<R> = Store.Store<R | Links.Links>

/** The memory store. @category constructors @since 0.1.0 */
export const memory: LinkStore<Memory.Services> = { ...Store.memory, layer: Memory.layer() }

/** The laws of links. @category laws @since 0.1.0 */
export const verifyLinks = <R>(store: LinkStore<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "W44",
    claim: "between two records there is one link of a type, found from both ends, by nobody else, and in pieces",
    runs: 100,
    arbitrary: fc.array(step, { maxLength: 16, size: "max" }),
    holds: (steps) => kept(store, steps)
  }),
  Store.law(store, {
    id: "W44",
    claim: "a link that several put at once is there once",
    runs: 20,
    arbitrary: fc.integer({ min: 2, max: 4 }),
    holds: (rivals) =>
      Effect.gen(function* () {
        const { tenant } = yield* Store.subscription(store.name)
        const links = yield* Links.Links
        const puts = Array.from({ length: rivals }, (_, metadata) =>
          put(tenant, [{ ...first, metadata: { metadata } }])
        )
        yield* Effect.all(puts, { concurrency: "unbounded" })
        yield* Law.same("links", (yield* links.find(tenant)).length, 1)
      })
  })
]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const place = fc.record({
  system: fc.constantFrom("here", "crm"),
  entity: fc.constantFrom("note", "task"),
  id: fc.constantFrom("1", "2")
})

const link = fc.record({
  source: place,
  target: place,
  type: fc.constantFrom("reference" as const, "identity" as const, "other" as const),
  metadata: fc.record({ number: fc.nat(3) })
})

const step = fc.record({
  tenant: fc.nat(1),
  links: fc.array(link, { minLength: 1, maxLength: 3 }),
  act: fc.constantFrom("Put" as const, "Put" as const, "Remove" as const),
  isTakenBack: fc.constantFrom(false, false, false, true)
})

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

const at: Links.Place = { system: "here", entity: "note", id: "1" }
const first: Links.Link = { source: at, target: { ...at, system: "crm" }, type: "identity", metadata: {} }

const put = (tenant: Subscription.TenantId, all: readonly [Links.Link, ...ReadonlyArray<Links.Link>]) =>
  Effect.gen(function* () {
    const links = yield* Links.Links
    const uow = yield* UnitOfWork.UnitOfWork
    yield* uow.transact(tenant, links.put(tenant, all))
  })

const kept = Effect.fnUntraced(function* <R>(store: LinkStore<R>, steps: ReadonlyArray<Step>) {
  const tenants = [yield* Store.subscription(store.name), yield* Store.subscription(store.name)].map(
    ({ tenant }) => tenant
  )
  const links = yield* Links.Links
  const uow = yield* UnitOfWork.UnitOfWork
  const model = tenants.map(() => new Map<string, Links.Link>())
  for (const { act, isTakenBack, links: chosen, tenant: place } of steps) {
    const tenant = tenants[place]!
    const own = model[place]!
    const unique = [...new Map(chosen.map((one) => [keyOf(one), one])).values()]
    const [head, ...rest] = unique
    if (head === undefined) continue
    const doing = act === "Put" ? links.put(tenant, [head, ...rest]) : links.remove(tenant, [head, ...rest])
    yield* Effect.result(uow.transact(tenant, isTakenBack ? Effect.andThen(doing, Effect.fail("taken back")) : doing))
    if (isTakenBack) continue
    for (const one of unique) {
      if (act === "Put") own.set(keyOf(one), one)
      else own.delete(keyOf(one))
    }
  }
  for (const [index, tenant] of tenants.entries()) yield* requireFound(tenant, [...model[index]!.values()])
})

const requireFound = Effect.fnUntraced(function* (tenant: Subscription.TenantId, all: ReadonlyArray<Links.Link>) {
  const asked: ReadonlyArray<Links.FindOptions> = [
    {},
    ...all.flatMap(({ source, target, type }) => [{ source }, { target }, { source, type }, { source, target, type }])
  ]
  for (const options of asked) {
    const expected = all.filter(
      (one) =>
        (options.source === undefined || Law.show(one.source) === Law.show(options.source)) &&
        (options.target === undefined || Law.show(one.target) === Law.show(options.target)) &&
        (options.type === undefined || one.type === options.type)
    )
    const found = yield* piecesOf(tenant, options)
    const plain = found.map(({ metadata, source, target, type }) => Law.show({ metadata, source, target, type }))
    yield* Law.same(`links by ${Law.show(options)}`, plain.toSorted(), expected.map(Law.show).toSorted())
  }
})

/** All pieces of a list, two entries each. */
const piecesOf = Effect.fnUntraced(function* (tenant: Subscription.TenantId, options: Links.FindOptions) {
  const links = yield* Links.Links
  const found: Array<Links.Kept> = []
  for (let pieces = 0; pieces < 100; pieces++) {
    const piece = yield* links.find(tenant, { ...options, after: found.at(-1)?.position, limit: 2 })
    if (piece.length === 0) return found
    found.push(...piece)
  }
  return yield* new Law.Violation({ message: "a list does not end" })
})

const keyOf = ({ source, target, type }: Links.Link): string => Law.show([source, target, type])
