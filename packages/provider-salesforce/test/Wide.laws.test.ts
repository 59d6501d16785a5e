/**
 * Fields that are read in parts, of an org in memory that changes between the
 * parts: nothing that is told was ever torn, and nothing is lost.
 *
 * Method: every field of a record tells the name of the version it was read from.
 * Records are edited, deleted and purged before queries for other parts. The same
 * properties must fail where the parts are merged whatever their stamps are.
 *
 * Guarantees: L02, L07, S26.
 */
import type * as Observation from "@tidemark/core/model/Observation"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Canonical from "../src/Canonical.ts"
import * as Mapping from "../src/Mapping.ts"
import * as Rows from "../src/Rows.ts"
import type * as SalesforceCursor from "../src/SalesforceCursor.ts"
import * as SalesforceSource from "../src/SalesforceSource.ts"
import * as FakeOrg from "./support/FakeOrg.ts"
import * as Reading from "./support/Reading.ts"

type Cursor = SalesforceCursor.SalesforceCursor
type Told = Observation.Observation<Canonical.Record, Cursor>

const settle = 30
const width = 12
const idOf = (index: number): string => Canonical.id(`00100000000000${"abAB"[index]!}`)!

/** What happens before a query for another part. */
interface Edit {
  readonly index: number
  readonly kind: "edit" | "delete" | "purge"
  /** Seconds that pass first. */
  readonly wait: number
  /** Seconds for which the transaction was open. */
  readonly late: number
}

const edits = (waitMin: number): fc.Arbitrary<ReadonlyArray<Edit | undefined>> =>
  fc.array(
    fc.option(
      fc.record<Edit>({
        index: fc.nat(3),
        kind: fc.constantFrom("edit", "edit", "edit", "delete", "purge"),
        wait: fc.integer({ min: waitMin, max: 3 }),
        late: fc.integer({ min: 0, max: 10 })
      }),
      { nil: undefined }
    ),
    { maxLength: 40 }
  )

const pageSizes = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 })

/** Four records; edits wait to be done. */
const orgOf = (sizes: ReadonlyArray<number>, edits: ReadonlyArray<Edit | undefined>) => {
  const org = FakeOrg.make(
    [0, 1, 2, 3].map((index) => ({ id: idOf(index), stamp: 0, visible: 0, name: `${index}/first` }))
  )
  org.object = FakeOrg.wide(width)
  org.pageSizes = sizes
  org.now = 100
  const pending = edits.toReversed()
  const all = [...org.versions]
  let count = 0
  org.onById = () => {
    const edit = pending.pop()
    if (edit === undefined) return
    const id = idOf(edit.index)
    org.now += edit.wait
    if (edit.kind === "purge") {
      org.versions.splice(0, org.versions.length, ...org.versions.filter((version) => version.id !== id))
      return
    }
    const before = org.versions.findLast((version) => version.id === id)
    const stamp = Math.max(before?.stamp ?? 0, org.now - edit.late)
    if (before === undefined || (edit.wait > 0 && stamp === before.stamp)) return
    const version = { id, stamp, visible: org.now, name: `${edit.index}/${count++}`, deleted: edit.kind === "delete" }
    org.versions.push(version)
    all.push(version)
  }
  return { org, all, pending }
}

const source = (org: FakeOrg.FakeOrg) =>
  SalesforceSource.make({ client: org.client, object: "Account", addressMax: 400 })

const requireWhole = (all: ReadonlyArray<FakeOrg.Version>, told: ReadonlyArray<Told>): void => {
  for (const one of told) {
    if (one._tag !== "Upsert") continue
    const names = new Set(
      Object.entries(one.record).flatMap(([field, value]) => (field === "Name" || field.endsWith("__c") ? [value] : []))
    )
    assert.equal(names.size, 1, `${one.externalId} has fields of ${[...names].join(" and ")}`)
    const version = all.find(({ id, name }) => id === one.externalId && names.has(name as string))
    assert.equal(one.version.value, FakeOrg.stampAt(version!.stamp))
  }
}

/** Rows merged whatever their stamps are: what the laws are to catch. */
const blind = (org: FakeOrg.FakeOrg): FakeOrg.FakeOrg["client"] => {
  const first = new Map<unknown, unknown>()
  const freeze = (isFirst: boolean) => (row: Canonical.Row) => {
    if (isFirst || !first.has(row["Id"])) first.set(row["Id"], row["SystemModstamp"])
    return { ...row, SystemModstamp: first.get(row["Id"]) }
  }
  return {
    ...org.client,
    pages: (soql, asked) =>
      Stream.map(org.client.pages(soql, asked), (page) => ({
        ...page,
        rows: page.rows.map(freeze(!soql.includes(" IN (")))
      }))
  }
}

/** Runs until the edits are done and have settled. */
const follow = Effect.fnUntraced(function* (
  { org, pending }: ReturnType<typeof orgOf>,
  client: FakeOrg.FakeOrg["client"] = org.client
) {
  const made = yield* source({ ...org, client })
  const applied = new Map<string, Told>()
  const told: Array<Told> = []
  let from: Cursor | undefined
  for (let quiet = 0; quiet < 2; quiet += pending.length === 0 ? 1 : 0) {
    const pages = yield* Reading.read(made, { from, settle })
    for (const one of Reading.observations(pages)) {
      told.push(one)
      applied.set(one.externalId, one)
    }
    from = Reading.committed(from, pages)
    org.now += 1
    // A run that finds nothing new asks for no other part.
    if (pages.length <= 1) pending.pop()
  }
  return { applied, told }
})

const isWhole = (client?: (org: FakeOrg.FakeOrg) => FakeOrg.FakeOrg["client"]) =>
  fc.asyncProperty(pageSizes, edits(1), (sizes, edits) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const made = orgOf(sizes, edits)
        const { told } = yield* follow(made, client?.(made.org))
        requireWhole(made.all, told)
      })
    )
  )

describe("fields read in parts", () => {
  it("are those of one version of the record, whatever happens between the parts", () =>
    fc.assert(isWhole(), { numRuns: 300 }))

  it("are not, when rows are merged whatever their stamps are", async () => {
    const { failed } = await fc.check(isWhole(blind), { numRuns: 300 })
    assert.ok(failed, "a blind merge was not caught")
  })

  it("lose nothing: when the org stands still, the copy is what it shows", () =>
    fc.assert(
      fc.asyncProperty(pageSizes, edits(0), (sizes, edits) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const made = orgOf(sizes, edits)
            const { applied } = yield* follow(made)
            for (const { deleted, id, name } of FakeOrg.visible(made.org)) {
              const one = applied.get(id)
              assert.equal(one?._tag, deleted === true ? "Delete" : "Upsert")
              if (one?._tag !== "Upsert") continue
              for (const field of ["Name", "Field_0__c", `Field_${width - 1}__c`]) assert.equal(one.record[field], name)
            }
          })
        )
      ),
      { numRuns: 300 }
    ))

  it("cost a query for every part and as many Ids as fit, and one for the page", async () => {
    const { org } = orgOf([2000], [])
    await Effect.runPromise(Effect.flatMap(source(org), (made) => Reading.read(made, { from: undefined, settle })))
    const byId = org.queries.filter((soql) => soql.includes(" IN ("))
    assert.equal(org.queries.length - byId.length, 1)
    assert.ok(byId.length > 0 && byId.every((soql) => encodeURIComponent(soql).length < 400))
  })

  it("of a record that is edited before every query are read a bounded number of times", async () => {
    const endless = Array.from({ length: 1000 }, (): Edit => ({ index: 0, kind: "edit", wait: 1, late: 0 }))
    const { org, pending } = orgOf([2000], endless)
    const pages = await Effect.runPromise(
      Effect.flatMap(source(org), (made) => Reading.read(made, { from: undefined, settle }))
    )
    assert.deepEqual(
      Reading.observations(pages).map(({ externalId }) => externalId),
      [1, 2, 3].map(idOf)
    )
    assert.ok(pending.length > 900)
  })

  it("read by id that do not come together are no records that do not exist", async () => {
    const endless = Array.from({ length: 1000 }, (): Edit => ({ index: 0, kind: "edit", wait: 1, late: 0 }))
    const { org } = orgOf([2000], endless)
    const error = await Effect.runPromise(
      Effect.flatMap(source(org), (made) => Effect.flip(made.fetch([Mapping.externalId(idOf(0))])))
    )
    assert.deepEqual([error.reason, error.message.includes(idOf(0))], ["Unavailable", true])
  })

  it("whose stamp only goes back were not moved past, so the read fails", async () => {
    const { org } = orgOf([2000], [])
    const made = await Effect.runPromise(source(org))
    const torn = Rows.make({
      mapping: made.mapping,
      parts: [
        { select: made.mapping.head, idsMax: 1 },
        { select: ["Id", "SystemModstamp", "Name"], idsMax: 1 }
      ],
      client: {
        ...org.client,
        pages: (soql, asked) =>
          Stream.map(org.client.pages(soql, asked), (page) => ({
            ...page,
            rows: soql.includes("Name") ? page.rows.map((row) => ({ ...row, SystemModstamp: earlier })) : page.rows
          }))
      }
    })
    const page = await Effect.runPromise(org.client.query(`SELECT ${made.mapping.head.join(", ")} FROM Account`))
    const read = await Effect.runPromise(Effect.result(torn.complete(page.rows, false)))
    assert.ok(Result.isFailure(read) && read.failure.reason === "Unavailable")
    assert.ok(Arr.isReadonlyArrayNonEmpty(page.rows))
  })
})

const earlier = "2026-04-01T00:00:00.000+0000"
