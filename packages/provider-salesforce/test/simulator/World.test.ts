/** The world alone: its shape, what becomes visible when, and what queries mean. */
import * as fc from "fast-check"
import * as Result from "effect/Result"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import type * as Field from "../../src/simulator/Field.ts"
import * as Instant from "../../src/simulator/Instant.ts"
import * as Query from "../../src/simulator/Query.ts"
import * as RecordId from "../../src/simulator/RecordId.ts"
import * as Store from "../../src/simulator/Store.ts"
import * as World from "../../src/simulator/World.ts"
import { idOrder } from "./support/Caller.ts"

const start = Date.UTC(2026, 4, 1, 8)
const make = (options: Partial<World.Options> = {}, accounts = 100): World.World =>
  World.make({
    seed: 5,
    org: 5,
    counts: { Account: accounts, Contact: 20, Opportunity: 20 },
    start,
    spreadMs: 30 * Instant.day,
    tie: 0,
    ...options
  })

const store = (world: World.World, entity = "Account"): Store.Store => world.stores.get(entity)!
const rows = (world: World.World, soql: string, withDeleted = false): ReadonlyArray<Store.Version> => {
  const query = Result.getOrThrow(Query.make(soql, World.find(world)))
  return Store.select(store(world, query.entity.name), query, withDeleted)
}
const ids = (world: World.World, soql: string, withDeleted = false) =>
  rows(world, soql, withDeleted).map(({ id }) => id)
const applied = (world: World.World, operation: World.Operation) => Result.getOrThrow(World.mutate(world, operation))
const refusal = (world: World.World, operation: World.Operation) => {
  const made = World.mutate(world, operation)
  assert.ok(Result.isFailure(made))
  return made.failure.errorCode
}
const create = (world: World.World, fields: Field.Values, more: Partial<World.Operation> = {}) =>
  applied(world, { op: "create", entity: "Account", fields, ...more }).id

const sizes = (stamps: ReadonlyArray<number>) => {
  const groups = new Map<number, number>()
  for (const stamp of stamps) groups.set(stamp, (groups.get(stamp) ?? 0) + 1)
  return [...groups.values()]
}

describe("World population", () => {
  it("about five records share a stamp, and thirteen at most", () => {
    const groups = sizes(rows(make({}, 2086), "SELECT Id FROM Account").map(({ stamp }) => stamp))
    assert.ok(groups.length > 360 && groups.length < 500, String(groups.length))
    assert.equal(Math.max(...groups), 13)
  })

  it("a tie of any size can be asked for", () => {
    const groups = sizes(rows(make({ tie: 250 }, 400), "SELECT Id FROM Account").map(({ stamp }) => stamp))
    assert.equal(groups.filter((size) => size >= 250).length, 1)
  })

  it("stamps are whole seconds before the start, and not before the spread", () => {
    for (const { stamp, values } of rows(make({ spreadMs: 60_000 }), "SELECT Id FROM Account")) {
      assert.ok(stamp % 1000 === 0 && stamp < start && stamp >= start - 60_000)
      assert.equal(values["SystemModstamp"], new Date(stamp).toISOString().replace("Z", "+0000"))
    }
  })

  it("a few records were modified before their stamp, none after it", () => {
    const all = rows(make({}, 2000), "SELECT Id FROM Account").map(({ values }) => values)
    const different = all.filter((values) => values["LastModifiedDate"] !== values["SystemModstamp"])
    assert.ok(different.length > 0 && different.length < 40, String(different.length))
    assert.ok(all.every((values) => String(values["LastModifiedDate"]) <= String(values["SystemModstamp"])))
    assert.ok(all.every((values) => String(values["CreatedDate"]) <= String(values["LastModifiedDate"])))
  })

  it("Ids have 18 characters and the prefix of their object, and some differ by case only", () => {
    const all = ids(make({}, 300), "SELECT Id FROM Account")
    assert.equal(new Set(all).size, 300)
    assert.ok(all.every((id) => id.startsWith("001") && RecordId.parse(id.slice(0, 15)) === id))
    assert.ok(new Set(all.map((id) => id.slice(0, 15).toLowerCase())).size < 300)
    assert.ok(ids(make(), "SELECT Id FROM Contact").every((id) => id.startsWith("003")))
    assert.ok(ids(make(), "SELECT Id FROM Opportunity").every((id) => id.startsWith("006")))
  })

  it("the seed makes the records, the org their Ids", () => {
    const state = (options: Partial<World.Options>) => World.state(make(options))
    assert.deepEqual(state({}), state({}))
    assert.notDeepEqual(Object.values(state({}))[0], Object.values(state({ seed: 6 }))[0])
    assert.deepEqual(Object.keys(state({})["Account"]!), Object.keys(state({ seed: 6 })["Account"]!))
    assert.notDeepEqual(Object.keys(state({})["Account"]!), Object.keys(state({ org: 6 })["Account"]!))
  })
})

describe("World queries", () => {
  it("rows come in the order of the keys, equal ones in none", () => {
    const world = make({}, 600)
    const all = rows(world, "SELECT Id FROM Account ORDER BY SystemModstamp")
    assert.ok(all.every((row, index) => index === 0 || all[index - 1]!.stamp <= row.stamp))
    const tied = all.flatMap((row, index) =>
      all[index + 1]?.stamp === row.stamp ? [[row.id, all[index + 1]!.id]] : []
    )
    const inOrder = tied.filter(([a, b]) => idOrder(a!, b!) < 0).length
    assert.ok(inOrder > tied.length / 4 && inOrder < (tied.length * 3) / 4, `${inOrder} of ${tied.length}`)
    assert.deepEqual(
      ids(world, "SELECT Id FROM Account ORDER BY SystemModstamp"),
      all.map(({ id }) => id)
    )
  })

  it("without an order rows come neither by Id nor by age", () => {
    const world = make()
    const unordered = ids(world, "SELECT Id FROM Account")
    assert.notDeepEqual(unordered, unordered.toSorted(idOrder))
    assert.notDeepEqual(unordered, ids(world, "SELECT Id FROM Account ORDER BY SystemModstamp, Id"))
    assert.notDeepEqual(
      unordered,
      store(world).list.map(({ id }) => id)
    )
    assert.deepEqual(unordered, ids(world, "SELECT Id FROM Account"))
  })

  it("Ids are ordered and compared as the server does, and not as strings are", () => {
    const world = make({}, 300)
    const ordered = ids(world, "SELECT Id FROM Account ORDER BY Id")
    assert.deepEqual(ordered, ordered.toSorted(idOrder))
    assert.notDeepEqual(ordered, ordered.toSorted())
    for (const at of [0, 1, 150, 298, 299]) {
      const id = ordered[at]!
      for (const form of [id, id.slice(0, 15)]) {
        assert.deepEqual(ids(world, `SELECT Id FROM Account WHERE Id > '${form}' ORDER BY Id`), ordered.slice(at + 1))
        assert.deepEqual(
          ids(world, `SELECT Id FROM Account WHERE Id <= '${form}' ORDER BY Id`),
          ordered.slice(0, at + 1)
        )
        assert.deepEqual(ids(world, `SELECT Id FROM Account WHERE Id = '${form}'`), [id])
      }
    }
  })

  it("a walk by stamp and Id meets every record once, from any point", () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 40 }),
        (seed, count, limit) => {
          const world = make({ seed, spreadMs: 20_000 }, count)
          const walked: Array<string> = []
          let after = ""
          for (let page = 0; page <= count; page++) {
            const found = rows(world, `SELECT Id FROM Account ${after} ORDER BY SystemModstamp, Id LIMIT ${limit}`)
            const last = found.at(-1)
            if (last === undefined) break
            walked.push(...found.map(({ id }) => id))
            const stamp = Instant.toCanonical(last.stamp)
            after = `WHERE (SystemModstamp > ${stamp} OR (SystemModstamp = ${stamp} AND Id > '${last.id}'))`
          }
          assert.equal(walked.length, count)
          assert.equal(new Set(walked).size, count)
        }
      ),
      { numRuns: 40 }
    )
  })

  const world = make({}, 0)
  const named = new Map(
    [
      ["acme", { Name: "Acme", NumberOfEmployees: 5, AnnualRevenue: 10.5, Rating: "Hot" }],
      ["under", { Name: "a_me 100%", NumberOfEmployees: 50, Phone: "1" }],
      ["empty", { Name: "Żubr", Industry: "" }]
    ].map(([name, fields]) => [create(world, fields as Field.Values), String(name)] as const)
  )
  const conditions: ReadonlyArray<readonly [condition: string, names: ReadonlyArray<string>]> = [
    ["Name = 'ACME'", ["acme"]],
    ["Name != 'acme'", ["under", "empty"]],
    ["Name LIKE 'a_me%'", ["acme", "under"]],
    [String.raw`Name LIKE 'A\_ME%'`, ["under"]],
    [String.raw`Name LIKE '%\%'`, ["under"]],
    ["Name IN ('acme', 'żubr')", ["acme", "empty"]],
    ["Name NOT IN ('acme', 'żubr')", ["under"]],
    ["Name > 'b'", ["empty"]],
    ["Rating = NULL", ["under", "empty"]],
    ["Rating = ''", ["under", "empty"]],
    ["Rating != 'Cold'", ["acme", "under", "empty"]],
    ["Industry = null", ["acme", "under", "empty"]],
    ["NumberOfEmployees > 5", ["under"]],
    ["NumberOfEmployees >= 5", ["acme", "under"]],
    ["NumberOfEmployees < 50", ["acme"]],
    ["NOT NumberOfEmployees < 50", ["under", "empty"]],
    ["NumberOfEmployees < NULL", []],
    ["AnnualRevenue = 10.50", ["acme"]],
    ["IsDeleted = FALSE AND (Rating = 'Hot' OR Phone = '1')", ["acme", "under"]],
    ["SystemModstamp = 2026-05-01T10:00:00+02:00", ["acme", "under", "empty"]],
    ["SystemModstamp > 2026-05-01T08:00:00Z", []],
    ["Account.Name = 'Acme'", ["acme"]]
  ]
  it.each(conditions)("%s holds for %j", (condition, names) => {
    const found = ids(world, `SELECT Id FROM Account WHERE ${condition}`).map((id) => named.get(id))
    assert.deepEqual(found.toSorted(), names.toSorted())
  })

  it("nulls come first unless they are to come last, whatever the direction", () => {
    const order = (by: string) => ids(world, `SELECT Id FROM Account ORDER BY ${by}`).map((id) => named.get(id))
    assert.deepEqual(order("NumberOfEmployees"), ["empty", "acme", "under"])
    assert.deepEqual(order("NumberOfEmployees DESC"), ["empty", "under", "acme"])
    assert.deepEqual(order("NumberOfEmployees DESC NULLS LAST"), ["under", "acme", "empty"])
    assert.deepEqual(order("Name DESC NULLS LAST LIMIT 2 OFFSET 1"), ["acme", "under"])
  })
})

describe("World changes", () => {
  const first = (world: World.World) => store(world).list[0]!

  it("a change moves the stamp to the whole second of the clock", () => {
    const world = make()
    World.advance(world, start + 5_700)
    const { id, version } = applied(world, {
      op: "update",
      entity: "Account",
      id: first(world).id,
      fields: { Name: "New" }
    })
    assert.equal(version.stamp, start + 5_000)
    const { values } = World.visible(world, store(world).entity, id)!
    assert.equal(values["Name"], "New")
    assert.equal(values["SystemModstamp"], "2026-05-01T08:00:05.000+0000")
    assert.equal(values["LastModifiedDate"], values["SystemModstamp"])
  })

  it("an automated change moves the stamp alone", () => {
    const world = make()
    const before = first(world).visible!.values
    applied(world, { op: "update", entity: "Account", id: first(world).id })
    const { SystemModstamp, ...after } = first(world).visible!.values
    assert.deepEqual({ SystemModstamp: before["SystemModstamp"], ...after }, before)
    assert.notEqual(SystemModstamp, before["SystemModstamp"])
  })

  it("until its transaction commits a change is stamped and not seen", () => {
    const world = make()
    const holder = first(world)
    const before = holder.visible
    const { version } = applied(world, {
      op: "update",
      entity: "Account",
      id: holder.id,
      fields: { Name: "Late" },
      lateMs: 3000
    })
    const unseen = create(world, { Name: "Late too" }, { lateMs: 3000 })
    assert.equal(World.settledAt(world), start)
    assert.deepEqual(World.advance(world, start + 2999), [])
    assert.equal(holder.visible, before)
    assert.equal(World.visible(world, store(world).entity, unseen), undefined)
    assert.deepEqual(rows(world, "SELECT Id FROM Account WHERE Name LIKE 'Late%'"), [])
    assert.equal(World.advance(world, start + 3000).length, 2)
    assert.equal(holder.visible, version)
    assert.equal(version.stamp, start)
    assert.equal(rows(world, "SELECT Id FROM Account WHERE Name LIKE 'Late%'").length, 2)
    assert.equal(World.settledAt(world), start + 3000)
  })

  it("changes of one record are seen in the order they were made", () => {
    const world = make()
    const { id } = first(world)
    const update = (Name: string, lateMs: number) =>
      applied(world, { op: "update", entity: "Account", id, fields: { Name }, lateMs }).version
    const [slow, quick] = [update("Slow", 5000), update("Quick", 0)]
    assert.equal(quick.visibleAt, slow.visibleAt)
    assert.deepEqual(
      World.advance(world, start + 5000).map(({ line }) => line["id"]),
      [id, id]
    )
    assert.equal(first(world).visible, quick)
  })

  it("a deleted record is in the recycle bin, a purged one nowhere, and either can be told", () => {
    const world = make()
    const { id } = first(world)
    const everywhere = () => [
      ids(world, `SELECT Id FROM Account WHERE Id = '${id}'`).length,
      ids(world, `SELECT Id FROM Account WHERE Id = '${id}' AND IsDeleted = TRUE`, true).length
    ]
    const change = (op: World.Operation["op"]) => applied(world, { op, entity: "Account", id })
    assert.equal(refusal(world, { op: "undelete", entity: "Account", id }), "UNDELETE_FAILED")
    const { version } = change("delete")
    assert.equal(version.values["SystemModstamp"], "2026-05-01T08:00:00.000+0000")
    assert.deepEqual(everywhere(), [0, 1])
    assert.equal(refusal(world, { op: "delete", entity: "Account", id }), "ENTITY_IS_DELETED")
    assert.equal(refusal(world, { op: "update", entity: "Account", id, fields: {} }), "ENTITY_IS_DELETED")
    change("undelete")
    assert.deepEqual(everywhere(), [1, 0])
    change("delete")
    change("purge")
    assert.deepEqual(everywhere(), [0, 0])
    assert.equal(refusal(world, { op: "undelete", entity: "Account", id }), "NOT_FOUND")
    assert.equal(refusal(world, { op: "purge", entity: "Account", id }), "NOT_FOUND")
  })

  it("the recycle bin keeps a record for fifteen days", () => {
    const world = make()
    const { id } = first(world)
    applied(world, { op: "delete", entity: "Account", id })
    World.advance(world, start + World.binMs - 1)
    assert.equal(ids(world, `SELECT Id FROM Account WHERE Id = '${id}'`, true).length, 1)
    World.advance(world, start + World.binMs)
    assert.equal(ids(world, `SELECT Id FROM Account WHERE Id = '${id}'`, true).length, 0)
  })

  const refusals: ReadonlyArray<readonly [fields: Record<string, unknown>, code: string]> = [
    [{ Nothing: 1 }, "INVALID_FIELD"],
    [JSON.parse('{"__proto__": 1}'), "INVALID_FIELD"],
    [{ IsDeleted: true }, "INVALID_FIELD_FOR_INSERT_UPDATE"],
    [{ SystemModstamp: "2026-05-01T08:00:00Z" }, "INVALID_FIELD_FOR_INSERT_UPDATE"],
    [{ Name: 5 }, "JSON_PARSER_ERROR"],
    [{ Name: null }, "REQUIRED_FIELD_MISSING"],
    [{ Name: "x".repeat(256) }, "STRING_TOO_LONG"],
    [{ NumberOfEmployees: 1.5 }, "JSON_PARSER_ERROR"],
    [{ Rating: "Boiling" }, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"],
    [{ ParentId: "003000000000001" }, "MALFORMED_ID"]
  ]
  it.each(refusals)("%j is refused with %s, and nothing changes", (fields, code) => {
    const world = make()
    const before = World.state(world)
    assert.equal(refusal(world, { op: "update", entity: "Account", id: first(world).id, fields }), code)
    assert.equal(refusal(world, { op: "create", entity: "Account", fields }), code)
    assert.deepEqual(World.state(world), before)
  })

  it("what the server computes follows from what users enter", () => {
    const world = make()
    const value = (entity: string, fields: Field.Values, name: string) => {
      const { id } = applied(world, { op: "create", entity, fields })
      return World.visible(world, store(world, entity).entity, id)?.values[name]
    }
    assert.equal(value("Contact", { FirstName: "Ada", LastName: "O'Brien" }, "Name"), "Ada O'Brien")
    const won = { Name: "Deal", StageName: "Closed Won", CloseDate: "2026-06-01", Amount: 200 }
    assert.equal(value("Opportunity", won, "IsWon"), true)
    assert.equal(value("Opportunity", { ...won, StageName: "Needs Analysis" }, "Probability"), 20)
    assert.equal(value("Opportunity", { ...won, StageName: "Needs Analysis" }, "ExpectedRevenue"), 40)
  })
})
