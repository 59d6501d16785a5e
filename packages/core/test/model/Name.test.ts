/**
 * Names that are accepted, and what they lead to.
 */
import * as Name from "@tidemark/core/model/Name"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"
import * as Hostile from "../support/Hostile.ts"

/** The rule said once more, letter by letter. */
const isSafe = (text: string): boolean =>
  text.split(".").every((part) => {
    const [first = ""] = part
    return /[a-zA-Z]/.test(first) && [...part].every((one) => one === "_" || /[a-zA-Z0-9]/.test(one)) && part !== ""
  })

const safe = (isPath: (text: string) => boolean) =>
  fc.property(Hostile.name, (text) => {
    if (isPath(text)) assert.ok(isSafe(text) && text.length <= Name.lengthMax, JSON.stringify(text))
  })

describe("names", () => {
  it("of 10,000 hostile texts are those of the pattern only", () => holds(safe(Name.isPath), 10_000))
  it("would not be, by a pattern that sees one line", () =>
    isCaught(safe((text) => /^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*$/m.test(text))))
  it("are paths without dots", () =>
    holds(
      fc.property(Hostile.name, (text) => assert.equal(Name.isName(text), Name.isPath(text) && !text.includes("."))),
      2_000
    ))
  it("are those that providers use", () => {
    for (const text of ["Name", "ns__Field__c", "Owner.Name", "a.b.c", "A1", "x".repeat(255)])
      assert.ok(Name.isPath(text))
    for (const text of ["", ".", "a.", ".a", "a..b", "_a", "1a", "a b", "a\n", "x".repeat(256), "__proto__"])
      assert.ok(!Name.isPath(text), text.slice(0, 10))
  })
})

describe("a path", () => {
  it("leads through own keys, flat or nested", () => {
    assert.equal(Name.follow({ "a.b": 1, a: { b: 2 } }, "a.b"), 1)
    assert.equal(Name.follow({ a: { b: 2 } }, "a.b"), 2)
    assert.equal(Name.follow({ a: null }, "a.b"), null)
    assert.equal(Name.follow({ a: { b: null } }, "a.b.c"), null)
  })
  it("leads nowhere else", () => {
    const rows = [
      {},
      { a: "text" },
      { a: ["b"] },
      { a: Object.create({ b: 1 }) as object },
      Object.create({ "a.b": 1 })
    ]
    for (const row of rows) assert.equal(Name.follow(row as Record<string, unknown>, "a.b"), undefined)
    assert.equal(Name.follow({}, "constructor"), undefined)
    assert.equal(Name.follow({ a: [1] }, "a.length"), undefined)
  })
})

describe("a name that does not exist", () => {
  it("would be nearest to itself", () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 8 })
    return holds(fc.property(names, (names) => assert.equal(Name.nearest(names[0]!, names)[0], names[0])))
  })
  it("is answered with those nearest to it", () => {
    assert.equal(Name.hint("Nmae", ["Id", "Name", "Fax"]), " Did you mean Name?")
    assert.equal(Name.hint("name", ["Name"]), " Did you mean Name?")
    assert.equal(Name.hint("Turnover", ["Id", "Fax"]), "")
  })
  it("is compared in bounded time, however long", () =>
    assert.equal(Name.hint("x".repeat(1_000_000), ["y".repeat(1_000_000)]), ""))
})
