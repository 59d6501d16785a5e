/** What single rows become, which queries are asked, and how a source refuses. */
import type * as Observation from "@tidemark/core/model/Observation"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import type * as Describe from "../src/Describe.ts"
import * as Mapping from "../src/Mapping.ts"
import * as SalesforceSource from "../src/SalesforceSource.ts"
import * as FakeOrg from "./support/FakeOrg.ts"
import * as Reading from "./support/Reading.ts"
import { client, run as runHttp } from "./support/Script.ts"

const [a, b, c] = ["001000000000001AAA", "001000000000002AAA", "001000000000003AAA"] as const
const live = (id: string, stamp: number, more: Partial<FakeOrg.Version> = {}): FakeOrg.Version => ({
  id,
  stamp,
  visible: stamp,
  name: "x",
  ...more
})

const source = (org: FakeOrg.FakeOrg, options: Partial<SalesforceSource.Options> = {}) =>
  SalesforceSource.make({ client: org.client, object: "Account", ...options })

const described = (org: FakeOrg.FakeOrg, change: Partial<Describe.Describe>): FakeOrg.FakeOrg => ({
  ...org,
  client: {
    ...org.client,
    describe: () => Effect.succeed({ value: { ...FakeOrg.account, ...change }, serverTime: FakeOrg.start })
  }
})

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)
const ids = (...all: [string, ...Array<string>]) =>
  all.map(Mapping.externalId) as [Observation.ExternalId, ...Array<Observation.ExternalId>]

const readAll = (
  versions: ReadonlyArray<FakeOrg.Version>,
  options: Partial<SalesforceSource.Options> = {},
  settle = 0
) =>
  run(
    Effect.gen(function* () {
      const org = FakeOrg.make(versions)
      org.now = 100
      const pages = yield* Reading.read(yield* source(org, options), { from: undefined, settle })
      return { org, pages, all: Reading.observations(pages) }
    })
  )

describe("SalesforceSource observations", () => {
  it("a record is an upsert with its stamp as version, observed when the read began", async () => {
    const { all } = await readAll([live(a, 10)], { epoch: 3 })
    assert.deepEqual(all, [
      {
        _tag: "Upsert",
        externalId: a,
        position: { at: FakeOrg.stampAt(10), id: a },
        origin: "Poll",
        version: {
          domain: "salesforce/SystemModstamp",
          value: FakeOrg.stampAt(10),
          at: FakeOrg.start + 10_000,
          epoch: 3,
          observedAt: FakeOrg.start + 100_000
        },
        record: { Id: a, Name: "x", IsDeleted: false, MasterRecordId: null, SystemModstamp: FakeOrg.stampAt(10) }
      }
    ])
  })

  it("a record in the recycle bin is a deletion with its version", async () => {
    const { all, org } = await readAll([live(a, 10), live(a, 20, { deleted: true })])
    assert.equal(all.length, 1)
    const [one] = all
    assert.ok(one?._tag === "Delete")
    assert.deepEqual(one.evidence, { _tag: "Tombstone" })
    assert.equal(one.version?.value, FakeOrg.stampAt(20))
    assert.equal(one.observedAt, FakeOrg.start + 100_000)
    assert.match(org.queries[0]!, /IsDeleted/)
  })

  it("a record that lost a merge names the one that won", async () => {
    const { all } = await readAll([live(a, 20, { deleted: true, master: b.slice(0, 15) })])
    assert.deepEqual(all[0]?._tag === "Delete" ? all[0].evidence : undefined, { _tag: "Merged", into: b })
  })

  it("deleted records are left out when they are not asked for, or there is no recycle bin", async () => {
    const versions = [live(a, 10, { deleted: true }), live(b, 10)]
    const { all } = await readAll(versions, { includeDeleted: false })
    assert.deepEqual(
      all.map(({ externalId }) => externalId),
      [b]
    )
    await run(
      Effect.gen(function* () {
        for (const change of [
          { undeletable: false },
          { fields: FakeOrg.account.fields.filter(({ name }) => name !== "IsDeleted") }
        ]) {
          assert.equal((yield* source(described(FakeOrg.make(), change))).includesDeleted, false)
        }
      })
    )
  })

  it("a value that does not fit its field makes that row unreadable, with its position, and no other", async () => {
    const { all } = await readAll([live(a, 10, { name: { street: 1 } }), live(b, 10)])
    assert.deepEqual(
      all.map(({ _tag, externalId, position }) => [_tag, externalId, position?.id]),
      [
        ["Unreadable", a, a],
        ["Upsert", b, b]
      ]
    )
    assert.ok(all[0]?._tag === "Unreadable")
    assert.match(all[0].message, /Name/)
    assert.equal(all[0].version.value, FakeOrg.stampAt(10))
  })

  it("records hold the named fields only", async () => {
    const { all } = await readAll([live(a, 10)], { fields: ["Name"] })
    assert.deepEqual(all[0]?._tag === "Upsert" ? all[0].record : undefined, { Name: "x" })
  })

  it("above the horizon an observation carries the last position below it, or none", async () => {
    const { all } = await readAll([live(a, 90), live(b, 20), live(c, 95)], {}, 50)
    assert.deepEqual(
      all.map(({ position }) => position?.id),
      [b, b, b]
    )
    const { all: none } = await readAll([live(a, 90)], {}, 50)
    assert.equal(none[0]?.position, undefined)
  })
})

describe("SalesforceSource runs", () => {
  it("a run ends with a mark at the horizon, before all ids of its second", async () => {
    const { pages } = await readAll([live(a, 10)], {}, 20)
    assert.deepEqual(pages.at(-1), { observations: [], mark: { position: { at: FakeOrg.stampAt(80), id: null } } })
  })

  it("a mark that would go back is not made", async () => {
    const { pages } = await readAll([live(a, 80)], {}, 20)
    assert.deepEqual(
      pages.map((page) => page.mark),
      [undefined]
    )
  })

  it("a start above the horizon does not leave again", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make([live(a, 95)])
        org.now = 100
        const from = { at: FakeOrg.stampAt(90), id: b }
        const pages = yield* Reading.read(yield* source(org), { from, settle: 50 })
        assert.deepEqual(Reading.positions(pages), [])
        assert.equal(Reading.observations(pages).length, 1)
      })
    ))

  it("the queries are keyset queries over stamp and id", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make()
        const made = yield* source(org, { fields: ["Name"] })
        const at = "2026-05-01T07:25:37.000Z"
        for (const from of [undefined, { at, id: null }, { at, id: a }]) yield* Reading.read(made, { from, settle: 0 })
        const select = "SELECT Id, SystemModstamp, IsDeleted, MasterRecordId, Name FROM Account"
        const order = "ORDER BY SystemModstamp ASC, Id ASC"
        assert.deepEqual(org.queries, [
          `${select} ${order}`,
          `${select} WHERE SystemModstamp >= ${at} ${order}`,
          `${select} WHERE (SystemModstamp > ${at} OR (SystemModstamp = ${at} AND Id > '${a}')) ${order}`
        ])
      })
    ))

  it("a query that is forgotten again and again ends the run, with what was read standing", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make(
          Array.from({ length: 40 }, (_, second) => live(a.slice(0, 13) + String(10 + second), second))
        )
        org.now = 100
        org.pageSizes = [1]
        org.onMore = org.expire
        const made = yield* source(org)
        const most = SalesforceSource.restartsMax + 1
        const pages = yield* Reading.read(made, { from: undefined, settle: 0, most })
        assert.equal(Reading.observations(pages).length, most)
        const error = yield* Effect.flip(Reading.read(made, { from: undefined, settle: 0 }))
        assert.equal(error.reason, "Unavailable")
      })
    ))

  it("rows that are not in the order asked for end the run", () =>
    runHttp(
      Effect.gen(function* () {
        const row = (Id: string, second: string) => ({
          Id,
          IsDeleted: false,
          Name: "x",
          SystemModstamp: `2026-05-01T00:00:${second}.000+0000`
        })
        const made = yield* client((asked) => {
          if (asked.url === "/services/data") return { body: [] }
          if (asked.url.includes("describe")) return { body: FakeOrg.account }
          return { body: { done: true, records: [row(a, "02"), row(b, "01")] } }
        })
        const source = yield* SalesforceSource.make({ client: made.client, object: "Account", fields: ["Name"] })
        const error = yield* Effect.flip(Reading.read(source, { from: undefined, settle: 0 }))
        assert.equal(error.reason, "OutOfOrder")
      })
    ))

  it("others get their turns while a page is read", () =>
    run(
      Effect.gen(function* () {
        const id = (index: number) => `001${String(index).padStart(12, "0")}AAA`
        const org = FakeOrg.make(Array.from({ length: 2000 }, (_, index) => live(id(index), index)))
        org.now = 2000
        const made = yield* source(org)
        let turns = 0
        const other = yield* Effect.forkChild(Effect.forever(Effect.sync(() => turns++)))
        const pages = yield* Reading.read(made, { from: undefined, settle: 0 })
        yield* Fiber.interrupt(other)
        assert.equal(pages[0]?.observations.length, 2000)
        assert.ok(turns >= 8, `${turns} turns`)
      })
    ))

  it("a page is refused whole, however many of its rows were read before", () =>
    run(
      Effect.gen(function* () {
        const rows = Array.from({ length: 500 }, (_, index) => ({
          Id: a,
          IsDeleted: false,
          Name: "x",
          SystemModstamp: FakeOrg.stampAt(index === 499 ? 0 : index)
        }))
        const org = FakeOrg.make()
        const pages = () => Stream.succeed({ rows, next: undefined, serverTime: FakeOrg.start })
        const made = yield* SalesforceSource.make({ client: { ...org.client, pages }, object: "Account" })
        let emitted = 0
        const error = yield* made.read({ lane: Reading.lane, from: undefined, settle: Duration.zero }).pipe(
          Stream.runForEach(() => Effect.sync(() => void emitted++)),
          Effect.flip
        )
        assert.equal(error.reason, "OutOfOrder")
        assert.equal(emitted, 0)
      })
    ))

  it("a row without a position makes its page malformed", () =>
    runHttp(
      Effect.gen(function* () {
        for (const row of [
          { Id: a },
          { SystemModstamp: "2026-05-01T00:00:00.000+0000" },
          { Id: "x", SystemModstamp: "y" }
        ]) {
          const made = yield* client((asked) => {
            if (asked.url === "/services/data") return { body: [] }
            if (asked.url.includes("describe")) return { body: FakeOrg.account }
            return { body: { done: true, records: [row] } }
          })
          const source = yield* SalesforceSource.make({ client: made.client, object: "Account" })
          assert.equal((yield* Effect.flip(Reading.read(source, { from: undefined, settle: 0 }))).reason, "Malformed")
        }
      })
    ))
})

describe("SalesforceSource fetch", () => {
  it("answers the records that exist, under the ids asked for; the recycle bin does not count", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make([live(a, 10), live(b, 10, { deleted: true })])
        org.now = 50
        const found = yield* (yield* source(org)).fetch(ids(a, b, c, "not an id"))
        assert.deepEqual([...found.keys()], [a])
        assert.equal(found.get(Mapping.externalId(a))?.record["Name"], "x")
        assert.equal(found.get(Mapping.externalId(a))?.version.observedAt, FakeOrg.start + 50_000)
        const short = yield* (yield* source(org)).fetch(ids(a.slice(0, 15)))
        assert.deepEqual([...short.keys()], [a.slice(0, 15)])
      })
    ))

  it("many ids are asked for in several queries, each short enough for an address", () =>
    run(
      Effect.gen(function* () {
        const many = Array.from({ length: 450 }, (_, index) => `00100000000${String(index).padStart(4, "0")}AAA`)
        const org = FakeOrg.make(many.map((id) => live(id, 1)))
        org.now = 10
        org.pageSizes = [70]
        const found = yield* (yield* source(org)).fetch(ids(many[0]!, ...many.slice(1)))
        assert.equal(found.size, 450)
        assert.equal(org.queries.length, 3)
        for (const query of org.queries) assert.ok(encodeURIComponent(query).length < 12_000)
      })
    ))

  it("a record that cannot be read fails the fetch, because left out it would seem deleted", () =>
    run(
      Effect.gen(function* () {
        const org = FakeOrg.make([live(a, 0, { name: 7 })])
        const error = yield* Effect.flip((yield* source(org)).fetch(ids(a)))
        assert.equal(error.reason, "Malformed")
        assert.match(error.message, new RegExp(a))
      })
    ))
})

describe("SalesforceSource refusals", () => {
  const cases: {
    readonly [what: string]: readonly [Partial<Describe.Describe>, Partial<SalesforceSource.Options>, RegExp]
  } = {
    "a field that does not exist": [{}, { fields: ["Nmae"] }, /Did you mean Name/],
    "a field without a canonical value, when asked for": [
      {},
      { fields: ["BillingAddress"] },
      /parts are fields of their own/
    ],
    "an object without stamps": [{ fields: [{ name: "Id", type: "id" }] }, {}, /SystemModstamp/],
    "an object whose stamp cannot be filtered": [
      { fields: [{ name: "SystemModstamp", type: "datetime", filterable: false }] },
      {},
      /SystemModstamp/
    ],
    "an object that cannot be queried": [{ queryable: false }, {}, /stamps/]
  }
  for (const [what, [change, options, message]] of Object.entries(cases)) {
    it(`${what} is refused before anything is read`, () =>
      run(
        Effect.gen(function* () {
          const error = yield* Effect.flip(source(described(FakeOrg.make(), change), options))
          assert.equal(error.reason, "Invalid")
          assert.match(error.message, message)
        })
      ))
  }

  it("an object that does not exist is refused with the nearest names", () =>
    runHttp(
      Effect.gen(function* () {
        const made = yield* client((asked) =>
          asked.url.endsWith("/sobjects")
            ? { body: { sobjects: [FakeOrg.account] } }
            : { status: 404, body: [{ errorCode: "NOT_FOUND", message: "The requested resource does not exist" }] }
        )
        const error = yield* Effect.flip(SalesforceSource.make({ client: made.client, object: "Acount" }))
        assert.equal(error.reason, "Invalid")
        assert.match(error.message, /Did you mean Account/)
      })
    ))

  it("fields that are left out by name are in no record, and names that the object does not have change nothing", () =>
    run(
      Effect.gen(function* () {
        const all = Object.keys((yield* source(FakeOrg.make())).schema.fields)
        const without = new Set(["Name", "Nothing"])
        const { schema } = yield* source(FakeOrg.make(), { without })
        assert.deepEqual(
          Object.keys(schema.fields),
          all.filter((name) => name !== "Name")
        )
      })
    ))

  it("fields that are hidden or have no canonical value are no failure when none is named", () =>
    run(
      Effect.gen(function* () {
        const made = yield* source(FakeOrg.make())
        assert.deepEqual(
          made.leftOut.map(({ field }) => field),
          ["BillingAddress"]
        )
        assert.deepEqual(Object.keys(made.schema.fields), [
          "Id",
          "Name",
          "IsDeleted",
          "MasterRecordId",
          "SystemModstamp"
        ])
        assert.equal(yield* made.account, "00D000000000001EAA")
        assert.equal(made.label, "salesforce/Account")
      })
    ))
})
