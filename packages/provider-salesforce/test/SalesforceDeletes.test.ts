/** The lane of deletions: windows to the present, positions that only marks move. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import type * as Canonical from "../src/Canonical.ts"
import * as Mapping from "../src/Mapping.ts"
import * as SalesforceDeletes from "../src/SalesforceDeletes.ts"
import * as SalesforceSource from "../src/SalesforceSource.ts"
import * as FakeOrg from "./support/FakeOrg.ts"
import * as Reading from "./support/Reading.ts"
import { client, run as runHttp } from "./support/Script.ts"

const a = "001000000000001AAA"
const day = 86_400

const deletes = (org: FakeOrg.FakeOrg, options: Partial<SalesforceDeletes.Options> = {}) =>
  Effect.gen(function* () {
    const source = yield* SalesforceSource.make({ client: org.client, object: "Account" })
    return yield* SalesforceDeletes.make({ client: org.client, source, ...options })
  })

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)
const until = (second: number): SalesforceDeletes.Cursor => ({ until: FakeOrg.stampAt(second) })

describe("SalesforceDeletes", () => {
  it("a deletion has evidence and the time of the read, and no version", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make()
        org.now = 1000
        org.deletions = [{ id: a, second: 900 }]
        const pages = yield* Reading.read(yield* deletes(org), { from: until(500), settle: 60 })
        assert.deepEqual(pages, [
          {
            observations: [
              {
                _tag: "Delete",
                externalId: a,
                position: until(500),
                origin: "Poll",
                evidence: { _tag: "Tombstone" },
                version: undefined,
                observedAt: FakeOrg.start + 1_000_000
              }
            ],
            mark: { position: until(940) }
          }
        ])
      })
    ))

  it("a first run begins as far back as the feed reaches, in windows of a bounded length", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make()
        org.now = 20 * day
        yield* Reading.read(yield* deletes(org), { from: undefined, settle: 0 })
        assert.equal(org.windows.length, 14)
        const [first] = org.windows[0]!
        assert.equal(first, FakeOrg.start + 6 * day * 1000)
        for (const [at, [start, end]] of org.windows.entries()) {
          assert.ok(end - start > 60_000 && end - start <= day * 1000)
          if (at > 0) assert.equal(start, org.windows[at - 1]![1])
        }
        assert.equal(org.windows.at(-1)![1], FakeOrg.start + 20 * day * 1000)
      })
    ))

  it("a day without deletions is told of with the next that has some, or with the end", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make()
        org.now = 5 * day
        org.deletions = [{ id: a, second: 2.5 * day }]
        const source = yield* deletes(org)
        const pages = yield* Reading.read(source, { from: until(0), settle: 0 })
        assert.equal(org.windows.length, 5)
        assert.deepEqual(
          pages.map(({ mark, observations }) => [observations.length, mark]),
          [
            [1, { position: until(3 * day) }],
            [0, { position: until(5 * day) }]
          ]
        )
      })
    ))

  it("every deletion is told, however runs are spaced, however far the server's list lags", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 20 }),
        fc.array(fc.record({ wait: fc.integer({ min: 0, max: 400 }), most: fc.integer({ min: 0, max: 3 }) }), {
          maxLength: 10
        }),
        fc.integer({ min: 0, max: 300 }),
        (seconds, runs, lag) =>
          run(
            Effect.gen(function* () {
              const org = FakeOrg.make()
              const made = yield* deletes(org, { window: "5 minutes" })
              const all = seconds.map((second, index) => ({
                id: `00100000000${String(index).padStart(4, "0")}AAA`,
                second
              }))
              org.covered = () => Math.max(0, org.now - lag)
              const told = new Set<string>()
              let from: SalesforceDeletes.Cursor | undefined = until(0)
              for (const { most, wait } of [...runs, { wait: 3000, most: 1000 }]) {
                org.now += wait
                // What the list is not yet complete for is not in it.
                org.deletions = all.filter(({ second }) => second < org.covered())
                const pages: Reading.Read<Canonical.Record, SalesforceDeletes.Cursor> = yield* Reading.read(made, {
                  from,
                  settle: 10,
                  most
                })
                for (const one of Reading.observations(pages)) told.add(one.externalId)
                const next: SalesforceDeletes.Cursor | undefined = Reading.committed(from, pages)
                assert.ok(next!.until >= from!.until, "a position went back")
                assert.ok(next!.until <= FakeOrg.stampAt(Math.max(0, org.now - 10)), "a position is above the horizon")
                from = next
              }
              assert.equal(told.size, all.length)
            })
          )
      )
    ))

  it("a list that lags holds the position back", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make()
        org.now = 1000
        org.covered = () => 300
        const made = yield* deletes(org)
        assert.deepEqual(Reading.positions(yield* Reading.read(made, { from: until(200), settle: 0 })), [until(300)])
        assert.deepEqual(yield* Reading.read(made, { from: until(400), settle: 0 }), [])
      })
    ))

  it("a list that stops short of a window is read on from where it stops, in the same run", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make()
        org.now = 3 * day
        const made = yield* deletes(org)
        const stops = [day - 30, 2 * day - 60]
        org.covered = () => stops.shift() ?? org.now
        yield* Reading.read(made, { from: until(0), settle: 0 })
        assert.deepEqual(
          org.windows.map(([start]) => (start - FakeOrg.start) / 1000),
          [0, day - 30, 2 * day - 60, 3 * day - 120]
        )
      })
    ))

  it("a window is long enough even right after the last run", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make()
        org.now = 1000
        yield* Reading.read(yield* deletes(org), { from: until(999), settle: 0 })
        const [[start, end]] = org.windows as [readonly [number, number]]
        assert.equal(end - start, 120_000)
      })
    ))

  it("deletions are confirmed by the object's own records", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make([{ id: a, stamp: 1, visible: 1, name: "undeleted" }])
        org.now = 10
        const made = yield* deletes(org)
        assert.equal((yield* made.fetch([Mapping.externalId(a)])).size, 1)
        assert.equal(made.domain, Mapping.domain)
      })
    ))

  it("a position older than what the server keeps is lost, and says so", () =>
    runHttp(
      Effect.gen(function* () {
        const made = yield* client((asked) => {
          if (asked.url === "/services/data") return { body: [] }
          if (asked.url.includes("describe")) return { body: FakeOrg.account }
          return {
            status: 400,
            body: [{ errorCode: "INVALID_REPLICATION_DATE", message: "startDate before org replication enabled date" }]
          }
        })
        const source = yield* SalesforceSource.make({ client: made.client, object: "Account" })
        const feed = yield* SalesforceDeletes.make({ client: made.client, source })
        const error = yield* Effect.flip(Reading.read(feed, { from: until(0), settle: 0 }))
        assert.equal(error.reason, "PositionLost")
      })
    ))

  /** As the engine tells them: those last read before, in pieces. */
  const here =
    (ids: ReadonlyArray<string>, asked: Array<number>) =>
    (time: number): Stream.Stream<Arr.NonEmptyReadonlyArray<ReturnType<typeof Mapping.externalId>>> => {
      asked.push(time)
      return Stream.fromIterable(Arr.chunksOf(ids.map(Mapping.externalId), 7))
    }

  it("without a position, or with one that is too old, records that are here and not there are deleted first", () =>
    fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(99), { maxLength: 60 }),
        fc.nat(20),
        fc.constantFrom(undefined, 0, 5.9, 6, 6.1, 19.9),
        (all, gone, at) =>
          run(
            Effect.gen(function* () {
              const ids = all.map((index) => `00100000000${String(index).padStart(4, "0")}AAA`)
              const there = ids.slice(gone)
              const org = FakeOrg.make(there.map((id) => ({ id, stamp: 1, visible: 1, name: "there" })))
              org.now = 20 * day
              const asked: Array<number> = []
              const from = at === undefined ? undefined : until(at * day)
              const options = { from, settle: 0, unreadSince: here(ids, asked) }
              const pages = yield* Reading.read(yield* deletes(org), options)
              const isLost = at === undefined || at < 6
              assert.deepEqual(asked, isLost ? [FakeOrg.start + 6 * day * 1000] : [])
              const told = Reading.observations(pages)
              assert.deepEqual(
                told.map(({ externalId }) => String(externalId)),
                isLost ? ids.slice(0, gone) : []
              )
              for (const one of told) {
                assert.ok(one._tag === "Delete" && one.evidence._tag === "Absent" && one.position === undefined)
              }
              assert.equal(org.windows[0]?.[0], FakeOrg.start + (isLost ? 6 : at) * day * 1000)
              assert.deepEqual(Reading.committed(from, pages), until(20 * day))
            })
          )
      )
    ))

  it.each([
    { here: 21, gone: 20, absentMax: undefined, isTold: false },
    { here: 21, gone: 21, absentMax: undefined, isTold: true },
    { here: 300, gone: 30, absentMax: undefined, isTold: false },
    { here: 300, gone: 31, absentMax: undefined, isTold: true },
    { here: 300, gone: 300, absentMax: 300, isTold: false },
    { here: 2, gone: 2, absentMax: 1, isTold: true }
  ])(
    "of $here records $gone that are not found, with a limit of $absentMax",
    ({ absentMax, gone, here: count, isTold }) =>
      run(
        Effect.gen(function* () {
          const ids = Array.from({ length: count }, (_, index) => `00100000000${String(index).padStart(4, "0")}AAA`)
          const org = FakeOrg.make(ids.slice(gone).map((id) => ({ id, stamp: 1, visible: 1, name: "there" })))
          org.now = 20 * day
          const made = yield* deletes(org, { absentMax })
          const read = Reading.read(made, { from: undefined, settle: 0, unreadSince: here(ids, []) })
          if (!isTold) assert.equal(Reading.observations(yield* read).length, gone)
          else {
            const { message, reason } = yield* Effect.flip(read)
            assert.equal(reason, "PositionLost")
            assert.ok(message.includes(`${gone} of ${count} of Account are not found`), message)
            assert.deepEqual(org.windows, [])
          }
        })
      )
  )

  it("an object without the feed, and a window that is too short, are refused", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make()
        const source = yield* SalesforceSource.make({ client: org.client, object: "Account" })
        const bare = { ...source, describe: { ...source.describe, replicateable: false } }
        assert.equal(
          (yield* Effect.flip(SalesforceDeletes.make({ client: org.client, source: bare }))).reason,
          "Invalid"
        )
        const short = SalesforceDeletes.make({ client: org.client, source, window: "1 minute" })
        assert.equal((yield* Effect.flip(short)).reason, "Invalid")
      })
    ))

  it("its lane is named deletes", () => {
    assert.equal(SalesforceDeletes.lane(Reading.subscription).name, "deletes")
  })
})
