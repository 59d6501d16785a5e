/**
 * The source over an org in memory: everything is read, nothing is lost at any
 * stop point, and no position passes the horizon.
 *
 * Guarantees: ties at the edge of a page, ties larger than a page, late commits,
 * short pages, expired locators, order of Ids unknown here.
 */
import type * as Observation from "@tidemark/core/model/Observation"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Canonical from "../src/Canonical.ts"
import type * as SalesforceCursor from "../src/SalesforceCursor.ts"
import * as SalesforceSource from "../src/SalesforceSource.ts"
import * as FakeOrg from "./support/FakeOrg.ts"
import * as Reading from "./support/Reading.ts"

type Cursor = SalesforceCursor.SalesforceCursor

// -----------------------------------------------------------------------------
// generators: few stamps and Ids that differ by case only, so that ties happen
// -----------------------------------------------------------------------------

const idOf = (index: number): string =>
  Canonical.id(
    `001000000000${["aA0", "Aa0", "AA0", "aa0", "zZ1", "Zz1", "09a", "90A", "b00", "B00", "0b0", "0B0"][index]!}`
  )!

const versions = (lateMax: number) =>
  fc.array(
    fc
      .record({
        index: fc.integer({ min: 0, max: 11 }),
        stamp: fc.integer({ min: 0, max: 6 }),
        late: fc.integer({ min: 0, max: lateMax }),
        deleted: fc.boolean()
      })
      .map(({ deleted, index, late, stamp }) => ({
        id: idOf(index),
        stamp: stamp * 10,
        visible: stamp * 10 + late,
        name: `n${stamp}`,
        deleted
      })),
    { maxLength: 30 }
  )

const pageSizes = fc
  .array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 })
  .filter((sizes) => sizes.some((size) => size > 0))

/** Keeps only what a record can live through: stamps that do not go back. */
const inOrder = (all: ReadonlyArray<FakeOrg.Version>): Array<FakeOrg.Version> =>
  all
    .toSorted((a, b) => a.visible - b.visible)
    .filter((version, at, sorted) =>
      sorted.slice(0, at).every((earlier) => earlier.id !== version.id || earlier.stamp < version.stamp)
    )

const source = (org: FakeOrg.FakeOrg, options: Partial<SalesforceSource.Options> = {}) =>
  SalesforceSource.make({ client: org.client, object: "Account", ...options })

const truth = (org: FakeOrg.FakeOrg) =>
  FakeOrg.visible(org)
    .map(({ deleted, id, stamp }) => `${id} ${FakeOrg.stampAt(stamp)} ${deleted === true ? "Delete" : "Upsert"}`)
    .toSorted()

const told = (all: ReadonlyArray<Observation.Observation<Canonical.Record, Cursor>>) =>
  all.map(
    (one) => `${one.externalId} ${one._tag === "Upsert" || one._tag === "Delete" ? one.version?.value : ""} ${one._tag}`
  )

const isBefore = (a: Cursor, b: { readonly stamp: number; readonly id: string }): boolean => {
  const at = FakeOrg.stampAt(b.stamp)
  return a.at < at || (a.at === at && (a.id === null || FakeOrg.compareIds(a.id, b.id) < 0))
}

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)

// -----------------------------------------------------------------------------
// laws
// -----------------------------------------------------------------------------

describe("SalesforceSource laws", () => {
  it("a run reads every visible record once, over ties and pages of any size", () =>
    fc.assert(
      fc.asyncProperty(versions(0), pageSizes, fc.integer({ min: 0, max: 80 }), (all, sizes, settle) =>
        run(
          Effect.gen(function* () {
            const org = FakeOrg.make(inOrder(all))
            org.now = 70
            org.pageSizes = sizes
            const pages = yield* Reading.read(yield* source(org), { from: undefined, settle })
            assert.deepEqual(told(Reading.observations(pages)).toSorted(), truth(org))
          })
        )
      )
    ))

  it("no position passes the horizon, and none goes back", () =>
    fc.assert(
      fc.asyncProperty(
        versions(0),
        pageSizes,
        fc.integer({ min: 0, max: 100 }),
        fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
        (all, sizes, settle, from) =>
          run(
            Effect.gen(function* () {
              const org = FakeOrg.make(inOrder(all))
              org.now = 65
              org.pageSizes = sizes
              const made = yield* source(org)
              const start = from === undefined ? undefined : { at: FakeOrg.stampAt(from), id: null }
              const left = Reading.positions(yield* Reading.read(made, { from: start, settle }))
              let before: Cursor | undefined = start
              for (const position of left) {
                assert.ok(position.at <= FakeOrg.stampAt(65 - settle), `${position.at} is above the horizon`)
                if (before !== undefined)
                  assert.ok((made.rule.order?.(before, position) ?? 0) <= 0, "a position went back")
                before = position
              }
            })
          )
      )
    ))

  it("a run that resumes from any position that left reads everything after it", () =>
    fc.assert(
      fc.asyncProperty(versions(0), pageSizes, fc.integer({ min: 0, max: 70 }), fc.nat(), (all, sizes, settle, pick) =>
        run(
          Effect.gen(function* () {
            const org = FakeOrg.make(inOrder(all))
            org.now = 70
            org.pageSizes = sizes
            const made = yield* source(org)
            const left = Reading.positions(yield* Reading.read(made, { from: undefined, settle }))
            if (left.length === 0) return
            const from = left[pick % left.length]!
            const resumed = new Set(told(Reading.observations(yield* Reading.read(made, { from, settle }))))
            const after = FakeOrg.visible(org).filter((version) => isBefore(from, version))
            assert.equal(resumed.size, after.length)
            for (const { id } of after) assert.ok([...resumed].some((text) => text.startsWith(id)))
          })
        )
      )
    ))

  it("what commits late is read, however runs are spaced and wherever they crash", () =>
    fc.assert(
      fc.asyncProperty(
        versions(12),
        pageSizes,
        fc.array(fc.record({ wait: fc.integer({ min: 0, max: 20 }), most: fc.integer({ min: 0, max: 6 }) }), {
          maxLength: 12
        }),
        (all, sizes, runs) =>
          run(
            Effect.gen(function* () {
              const org = FakeOrg.make(inOrder(all))
              org.pageSizes = sizes
              const made = yield* source(org)
              const applied = new Map<string, string>()
              let from: Cursor | undefined
              for (const { most, wait } of [...runs, { wait: 100, most: 1000 }]) {
                org.now += wait
                const pages = yield* Reading.read(made, { from, settle: 12, most })
                for (const one of Reading.observations(pages)) applied.set(one.externalId, told([one])[0]!)
                from = Reading.committed(from, pages)
              }
              assert.deepEqual([...applied.values()].toSorted(), truth(org))
            })
          )
      ),
      { numRuns: 300 }
    ))

  it("a query the server forgets half-way is asked again from the last row", () =>
    fc.assert(
      fc.asyncProperty(versions(0), pageSizes, fc.array(fc.boolean(), { maxLength: 10 }), (all, sizes, expiries) =>
        run(
          Effect.gen(function* () {
            const org = FakeOrg.make(inOrder(all))
            org.now = 70
            org.pageSizes = sizes.map((size) => Math.max(1, size))
            let more = 0
            org.onMore = () => (expiries[more++] === true ? org.expire() : undefined)
            const pages = yield* Reading.read(yield* source(org), { from: undefined, settle: 40 })
            assert.deepEqual(told(Reading.observations(pages)).toSorted(), truth(org))
          })
        )
      )
    ))

  it("records that are edited while a run reads are read in a later one, and none is lost", () =>
    fc.assert(
      fc.asyncProperty(
        versions(0),
        pageSizes,
        fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 10 }),
        (all, sizes, edits) =>
          run(
            Effect.gen(function* () {
              const org = FakeOrg.make(inOrder(all))
              org.now = 70
              org.pageSizes = sizes
              const pending = [...edits]
              org.onMore = () => {
                const index = pending.pop()
                if (index === undefined) return
                org.now += 3
                org.versions.push({ id: idOf(index), stamp: org.now, visible: org.now, name: "edited" })
              }
              const made = yield* source(org)
              const applied = new Map<string, string>()
              let from: Cursor | undefined
              for (let round = 0; round < 14; round++) {
                if (round === 13) org.onMore = () => {}
                const pages = yield* Reading.read(made, { from, settle: 5 })
                for (const one of Reading.observations(pages)) applied.set(one.externalId, told([one])[0]!)
                from = Reading.committed(from, pages)
                org.now += 1
              }
              assert.deepEqual([...applied.values()].toSorted(), truth(org))
            })
          )
      )
    ))
})
